"""Parser of PromQL: selectors, functions, aggregations and arithmetic, as far as the
sandbox's Prometheus supports them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sandbox.observability.metrics.store import NAME, Matcher

AGGREGATIONS = ("sum", "avg", "min", "max", "count")
_UNITS = {
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
    "y": 31536000.0,
}
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<duration>\d+(?:ms|[smhdwy])(?:\d+(?:ms|[smhdwy]))*) |
    (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[Ii]nf\b|[Nn]a[Nn]\b) |
    (?P<name>[A-Za-z_:][A-Za-z0-9_:]*) |
    (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`) |
    (?P<symbol>=~|!~|!=|==|<=|>=|[-+*/%^=<>(){}\[\],])
    )""",
    re.VERBOSE,
)
_LEVELS: tuple[tuple[str, ...], ...] = (
    ("or",),
    ("and", "unless"),
    ("==", "!=", "<=", "<", ">=", ">"),
    ("+", "-"),
    ("*", "/", "%"),
)


class QueryError(Exception):
    """A query that can't be read or computed; the text is what Prometheus would put into
    `error`."""


@dataclass(frozen=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True)
class Selector:
    """Series; with `seconds` their samples of that long, `offset` seconds ago."""

    matchers: tuple[Matcher, ...]
    seconds: float = 0.0
    offset: float = 0.0


@dataclass(frozen=True)
class Call:
    """A function of its arguments."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Aggregation:
    """Many series to few: grouped `by` these labels, or by all `without` them."""

    operator: str
    argument: Node
    labels: tuple[str, ...] = ()
    without: bool = False


@dataclass(frozen=True)
class Binary:
    """Two sides and what is between; `boolean` turns a comparison into 0 and 1; `on` and `ignoring`
    match labels."""

    operator: str
    left: Node
    right: Node
    boolean: bool = False
    labels: tuple[str, ...] | None = None
    ignoring: bool = False


Node = Number | Selector | Call | Aggregation | Binary


@dataclass
class _Tokens:
    kinds: list[tuple[str, str]] = field(default_factory=list)
    place: int = 0

    def peek_token(self) -> tuple[str, str]:
        return self.kinds[self.place] if self.place < len(self.kinds) else ("end", "end of input")

    def next_token(self) -> tuple[str, str]:
        token = self.peek_token()
        self.place += 1
        return token

    def take_any(self, *texts: str) -> str:
        """Return and consume the next token's text when it is one of these, else return ""."""
        kind, text = self.peek_token()
        if kind in ("symbol", "name") and text in texts:
            self.place += 1
            return text
        return ""

    def require_token(self, text: str) -> None:
        if not self.take_any(text):
            raise QueryError(f'parse error: unexpected "{self.peek_token()[1]}", expected "{text}"')


def parse_query(query: str) -> Node:
    """Parse a query into its tree.

    Raises QueryError, which tells what is wrong.
    """
    tokens = _Tokens(_tokenize_query(query))
    node = _parse_binary(tokens, 0)
    if tokens.peek_token()[0] != "end":
        raise QueryError(f'parse error: unexpected "{tokens.peek_token()[1]}"')
    return node


def parse_duration(duration: str) -> float:
    """Return a duration such as `1m30s` in seconds.

    Raises QueryError when it is no duration.
    """
    parts = re.findall(r"(\d+)(ms|[smhdwy])", duration)
    if not parts or "".join(n + u for n, u in parts) != duration:
        raise QueryError(f'not a valid duration string: "{duration}"')
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def _tokenize_query(query: str) -> list[tuple[str, str]]:
    found, place, text = [], 0, query.strip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise QueryError(f"{place + 1}: parse error: unexpected character: {text[place]!r}")
        found.append((str(match.lastgroup), match[str(match.lastgroup)]))
        place = match.end()
    return found


def _parse_binary(tokens: _Tokens, level: int) -> Node:
    if level == len(_LEVELS):
        return _parse_unary(tokens)
    left = _parse_binary(tokens, level + 1)
    while operator := tokens.take_any(*_LEVELS[level]):
        boolean = bool(tokens.take_any("bool"))
        matching = tokens.take_any("on", "ignoring")
        labels = _parse_labels(tokens) if matching else None
        if tokens.take_any("group_left", "group_right"):
            raise QueryError("many-to-many and grouped matching is not supported here")
        right = _parse_binary(tokens, level + 1)
        left = Binary(operator, left, right, boolean, labels, matching == "ignoring")
    return left


def _parse_unary(tokens: _Tokens) -> Node:
    """Parse a sign and a power: a sign binds less than a power, and powers are read from the
    right.
    """
    if tokens.take_any("-"):
        return Binary("*", Number(-1.0), _parse_unary(tokens))
    tokens.take_any("+")
    base = _parse_ranged(tokens)
    return Binary("^", base, _parse_unary(tokens)) if tokens.take_any("^") else base


def _parse_ranged(tokens: _Tokens) -> Node:
    node = _parse_primary(tokens)
    if tokens.take_any("["):
        kind, text = tokens.next_token()
        if kind != "duration" or not isinstance(node, Selector):
            raise QueryError("parse error: ranges are only allowed for vector selectors")
        tokens.require_token("]")
        node = Selector(node.matchers, parse_duration(text))
    if tokens.take_any("offset"):
        kind, text = tokens.next_token()
        if kind != "duration" or not isinstance(node, Selector):
            raise QueryError("parse error: offset modifier must be preceded by a selector")
        node = Selector(node.matchers, node.seconds, parse_duration(text))
    return node


def _parse_primary(tokens: _Tokens) -> Node:
    kind, text = tokens.peek_token()
    if kind == "number":
        tokens.next_token()
        return Number(float(text))
    if tokens.take_any("("):
        inner = _parse_binary(tokens, 0)
        tokens.require_token(")")
        return inner
    if kind == "name":
        tokens.next_token()
        if text in AGGREGATIONS:
            return _parse_aggregation(tokens, text)
        if tokens.take_any("("):
            return Call(text, _parse_arguments(tokens))
        return Selector((Matcher(NAME, "=", text), *_parse_matchers(tokens)))
    if text == "{":
        return Selector(_parse_matchers(tokens))
    raise QueryError(f'parse error: unexpected "{text}"')


def _parse_aggregation(tokens: _Tokens, operator: str) -> Node:
    grouping = tokens.take_any("by", "without")
    labels = _parse_labels(tokens) if grouping else ()
    tokens.require_token("(")
    arguments = _parse_arguments(tokens)
    if not grouping:
        grouping = tokens.take_any("by", "without")
        labels = _parse_labels(tokens) if grouping else ()
    if len(arguments) != 1:
        raise QueryError(
            f"wrong number of arguments for aggregate expression provided, expected 1, got "
            f"{len(arguments)}"
        )
    return Aggregation(operator, arguments[0], labels, grouping == "without")


def _parse_arguments(tokens: _Tokens) -> tuple[Node, ...]:
    found: list[Node] = []
    while not tokens.take_any(")"):
        found.append(_parse_binary(tokens, 0))
        if not tokens.take_any(","):
            tokens.require_token(")")
            break
    return tuple(found)


def _parse_labels(tokens: _Tokens) -> tuple[str, ...]:
    tokens.require_token("(")
    found: list[str] = []
    while not tokens.take_any(")"):
        found.append(tokens.next_token()[1])
        if not tokens.take_any(","):
            tokens.require_token(")")
            break
    return tuple(found)


def _parse_matchers(tokens: _Tokens) -> tuple[Matcher, ...]:
    if not tokens.take_any("{"):
        return ()
    found: list[Matcher] = []
    while not tokens.take_any("}"):
        label = tokens.next_token()[1]
        operator = tokens.take_any("=", "!=", "=~", "!~")
        kind, text = tokens.next_token()
        if not operator or kind != "string":
            raise QueryError(f'parse error: unexpected "{text}" in label matching')
        found.append(Matcher(label, operator, _unquote_string(text)))
        if not tokens.take_any(","):
            tokens.require_token("}")
            break
    return _check_patterns(found)


def _check_patterns(matchers: list[Matcher]) -> tuple[Matcher, ...]:
    for matcher in matchers:
        if "~" in matcher.operator:
            try:
                re.compile(matcher.value)
            except re.error as error:
                raise QueryError(f"parse error: error parsing regexp: {error}") from error
    return tuple(matchers)


def _unquote_string(text: str) -> str:
    if text[0] == "`":
        return text[1:-1]
    return re.sub(
        r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), text[1:-1]
    )
