"""PromQL as a tree: selectors, functions, aggregations and arithmetic; what the sandbox's Prometheus understands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bot.sandbox.observability.metrics.store import NAME, Matcher

AGGREGATIONS = ("sum", "avg", "min", "max", "count")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
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
    """A query that can't be read or computed; the text is what Prometheus would put into `error`."""


@dataclass(frozen=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True)
class Selector:
    """Series; with `seconds` their samples of that long."""

    matchers: tuple[Matcher, ...]
    seconds: float = 0.0


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
    """Two sides and what is between; `boolean` turns a comparison into 0 and 1; `on` and `ignoring` match labels."""

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

    def peek(self) -> tuple[str, str]:
        return self.kinds[self.place] if self.place < len(self.kinds) else ("end", "end of input")

    def next(self) -> tuple[str, str]:
        token = self.peek()
        self.place += 1
        return token

    def take(self, *texts: str) -> str:
        """The next token's text when it is one of these, else ""."""
        kind, text = self.peek()
        if kind in ("symbol", "name") and text in texts:
            self.place += 1
            return text
        return ""

    def need(self, text: str) -> None:
        if not self.take(text):
            raise QueryError(f'parse error: unexpected "{self.peek()[1]}", expected "{text}"')


def parse(query: str) -> Node:
    """Reads a query; QueryError tells what is wrong."""
    tokens = _Tokens(_tokenize(query))
    node = _binary(tokens, 0)
    if tokens.peek()[0] != "end":
        raise QueryError(f'parse error: unexpected "{tokens.peek()[1]}"')
    return node


def seconds_of(duration: str) -> float:
    """`1m30s` in seconds; QueryError when it is no duration."""
    parts = re.findall(r"(\d+)(ms|[smhdwy])", duration)
    if not parts or "".join(n + u for n, u in parts) != duration:
        raise QueryError(f'not a valid duration string: "{duration}"')
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def _tokenize(query: str) -> list[tuple[str, str]]:
    found, place, text = [], 0, query.strip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise QueryError(f"{place + 1}: parse error: unexpected character: {text[place]!r}")
        found.append((str(match.lastgroup), match[str(match.lastgroup)]))
        place = match.end()
    return found


def _binary(tokens: _Tokens, level: int) -> Node:
    if level == len(_LEVELS):
        return _unary(tokens)
    left = _binary(tokens, level + 1)
    while operator := tokens.take(*_LEVELS[level]):
        boolean = bool(tokens.take("bool"))
        matching = tokens.take("on", "ignoring")
        labels = _labels(tokens) if matching else None
        if tokens.take("group_left", "group_right"):
            raise QueryError("many-to-many and grouped matching is not supported here")
        right = _binary(tokens, level + 1)
        left = Binary(operator, left, right, boolean, labels, matching == "ignoring")
    return left


def _unary(tokens: _Tokens) -> Node:
    """A sign binds less than a power, and powers are read from the right."""
    if tokens.take("-"):
        return Binary("*", Number(-1.0), _unary(tokens))
    tokens.take("+")
    base = _ranged(tokens)
    return Binary("^", base, _unary(tokens)) if tokens.take("^") else base


def _ranged(tokens: _Tokens) -> Node:
    node = _primary(tokens)
    if not tokens.take("["):
        return node
    kind, text = tokens.next()
    if kind != "duration" or not isinstance(node, Selector):
        raise QueryError("parse error: ranges are only allowed for vector selectors")
    tokens.need("]")
    return Selector(node.matchers, seconds_of(text))


def _primary(tokens: _Tokens) -> Node:
    kind, text = tokens.peek()
    if kind == "number":
        tokens.next()
        return Number(float(text))
    if tokens.take("("):
        inner = _binary(tokens, 0)
        tokens.need(")")
        return inner
    if kind == "name":
        tokens.next()
        if text in AGGREGATIONS:
            return _aggregation(tokens, text)
        if tokens.take("("):
            return Call(text, _arguments(tokens))
        return Selector((Matcher(NAME, "=", text), *_matchers(tokens)))
    if text == "{":
        return Selector(_matchers(tokens))
    raise QueryError(f'parse error: unexpected "{text}"')


def _aggregation(tokens: _Tokens, operator: str) -> Node:
    grouping = tokens.take("by", "without")
    labels = _labels(tokens) if grouping else ()
    tokens.need("(")
    arguments = _arguments(tokens)
    if not grouping:
        grouping = tokens.take("by", "without")
        labels = _labels(tokens) if grouping else ()
    if len(arguments) != 1:
        raise QueryError(
            f"wrong number of arguments for aggregate expression provided, expected 1, got {len(arguments)}"
        )
    return Aggregation(operator, arguments[0], labels, grouping == "without")


def _arguments(tokens: _Tokens) -> tuple[Node, ...]:
    found: list[Node] = []
    while not tokens.take(")"):
        found.append(_binary(tokens, 0))
        if not tokens.take(","):
            tokens.need(")")
            break
    return tuple(found)


def _labels(tokens: _Tokens) -> tuple[str, ...]:
    tokens.need("(")
    found: list[str] = []
    while not tokens.take(")"):
        found.append(tokens.next()[1])
        if not tokens.take(","):
            tokens.need(")")
            break
    return tuple(found)


def _matchers(tokens: _Tokens) -> tuple[Matcher, ...]:
    if not tokens.take("{"):
        return ()
    found: list[Matcher] = []
    while not tokens.take("}"):
        label = tokens.next()[1]
        operator = tokens.take("=", "!=", "=~", "!~")
        kind, text = tokens.next()
        if not operator or kind != "string":
            raise QueryError(f'parse error: unexpected "{text}" in label matching')
        found.append(Matcher(label, operator, _unquoted(text)))
        if not tokens.take(","):
            tokens.need("}")
            break
    return _checked(found)


def _checked(matchers: list[Matcher]) -> tuple[Matcher, ...]:
    for matcher in matchers:
        if "~" in matcher.operator:
            try:
                re.compile(matcher.value)
            except re.error as error:
                raise QueryError(f"parse error: error parsing regexp: {error}") from error
    return tuple(matchers)


def _unquoted(text: str) -> str:
    if text[0] == "`":
        return text[1:-1]
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), text[1:-1])
