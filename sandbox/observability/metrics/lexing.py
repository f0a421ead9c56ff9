"""Words of PromQL: numbers, durations, strings, names and symbols, each with its place.

What Prometheus understands is told by its documentation (prometheus.io/docs, querying basics).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_UNITS = {
    "y": 31536000.0,
    "w": 604800.0,
    "d": 86400.0,
    "h": 3600.0,
    "m": 60.0,
    "s": 1.0,
    "ms": 0.001,
}
"""Seconds of each unit, in the order in which a duration names them."""
_DURATION = re.compile(
    r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?"
)
_TOKEN = re.compile(
    r"""(?:\s|\#[^\n]*)*(?:
    (?P<duration>\d+(?:ms|[smhdwy])(?:\d+(?:ms|[smhdwy]))*(?![A-Za-z0-9_.])) |
    (?P<number>0[xX][0-9a-fA-F_]+ | (?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?) |
    (?P<name>(?:[A-Za-z_]|:[A-Za-z_:])[A-Za-z0-9_:]*) |
    (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`[^`]*`) |
    (?P<symbol>=~|!~|!=|==|<=|>=|[-+*/%^=<>(){}\[\],:@])
    )""",
    re.VERBOSE | re.DOTALL,
)
_BLANK = re.compile(r"(?:\s|#[^\n]*)*\Z")
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL
)
_SIMPLE = dict(zip("abfnrtv\\'\"", "\a\b\f\n\r\t\v\\'\"", strict=True))


class QueryError(Exception):
    """A query that can't be read or computed; the text is what Prometheus would put into
    `error`."""


class ExecutionError(QueryError):
    """A query that can be read, and fails on the samples that are there."""


@dataclass(frozen=True)
class Token:
    """One word: its kind (`duration`, `number`, `name`, `string`, `symbol` or `end`), its text, and
    where it begins."""

    kind: str
    text: str
    place: int


def build_parse_error(query: str, place: int, words: str) -> QueryError:
    """Return an error with line and column, as Prometheus counts them."""
    line = query.count("\n", 0, place) + 1
    column = place - (query.rfind("\n", 0, place) + 1) + 1
    return QueryError(f"{line}:{column}: parse error: {words}")


def split_tokens(query: str) -> list[Token]:
    """Return the words of a query, with one of kind `end` behind them.

    Raises QueryError at a character that begins no word.
    """
    found, place = [], 0
    while not _BLANK.match(query, place):
        match = _TOKEN.match(query, place)
        kind = match.lastgroup if match else None
        if match is None or kind is None:
            raise _explain_character(query, place)
        found.append(Token(kind, match[kind], match.start(kind)))
        place = match.end()
    return [*found, Token("end", "end of input", len(query))]


def _explain_character(query: str, place: int) -> QueryError:
    start = place + len(query[place:]) - len(query[place:].lstrip())
    if query[start] in "\"'`":
        return build_parse_error(query, start, "unterminated quoted string")
    return build_parse_error(query, start, f"unexpected character: {query[start]!r}")


def parse_duration(duration: str) -> float:
    """Return a duration such as `1m30s` in seconds.

    Raises QueryError when it is no duration: each unit once, the longer ones first.
    """
    match = _DURATION.fullmatch(duration)
    if not match or not duration:
        raise QueryError(f'not a valid duration string: "{duration}"')
    parts = zip(match.groups(), _UNITS.values(), strict=True)
    return sum(int(number) * seconds for number, seconds in parts if number)


def parse_number(text: str) -> float:
    """Return a number: decimal, hexadecimal, with an exponent, with `_` between digits."""
    plain = text.replace("_", "")
    return float(int(plain, 16)) if plain[:2].lower() == "0x" else float(plain)


def parse_special_number(name: str) -> float | None:
    """Return infinity or NaN for their names in any case; None for another name."""
    return {"inf": math.inf, "nan": math.nan}.get(name.lower())


def unquote_string(text: str) -> str:
    """Return what a quoted string says; in backquotes nothing is escaped.

    Raises QueryError for an escape that Go does not know.
    """
    if text[0] == "`":
        return text[1:-1]
    return _ESCAPE.sub(_unescape, text[1:-1])


def _unescape(found: re.Match[str]) -> str:
    coded = found[1] or found[2] or found[3]
    if coded:
        return chr(int(coded, 16))
    if found[4]:
        return chr(int(found[4], 8))
    if found[5] not in _SIMPLE:
        raise QueryError(f"parse error: unknown escape sequence \\{found[5]}")
    return _SIMPLE[found[5]]
