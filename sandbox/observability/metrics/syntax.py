"""Parser of PromQL: from words to a tree whose types fit together.

Keywords are known in any case; a keyword that stands where a metric's or a label's name must be is
that name (Prometheus' grammar).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from sandbox.observability.metrics.lexing import (
    QueryError,
    Token,
    build_parse_error,
    parse_duration,
    parse_number,
    parse_special_number,
    split_tokens,
    unquote_string,
)
from sandbox.observability.metrics.query_tree import (
    Aggregation,
    Binary,
    Call,
    Moment,
    Negation,
    Node,
    Number,
    Selector,
    Subquery,
    Text,
)
from sandbox.observability.metrics.signatures import AGGREGATIONS, COMPARISONS, SETS, check_types
from sandbox.observability.metrics.store import NAME, Matcher

__all__ = ["QueryError", "parse_duration", "parse_query"]

_LEVELS: tuple[tuple[str, ...], ...] = (
    ("or",),
    ("and", "unless"),
    tuple(COMPARISONS),
    ("+", "-"),
    ("*", "/", "%", "atan2"),
)
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass
class _Words:
    query: str
    tokens: list[Token]
    index: int = 0

    def peek(self) -> Token:
        return self.tokens[self.index]

    def take(self) -> Token:
        token = self.peek()
        self.index = min(self.index + 1, len(self.tokens) - 1)
        return token

    def take_any(self, *texts: str) -> str:
        """Return and take the next word when it is one of these (names in any case), else ""."""
        token = self.peek()
        text = token.text.lower() if token.kind == "name" else token.text
        if token.kind in ("symbol", "name") and text in texts:
            self.take()
            return text
        return ""

    def require(self, text: str, where: str = "") -> None:
        if not self.take_any(text):
            raise self.refuse(f'expected "{text}"', where)

    def refuse(self, wanted: str = "", where: str = "") -> QueryError:
        """Return the error at the next word."""
        token = self.peek()
        said = token.text if token.kind == "end" else f'"{token.text}"'
        words = f"unexpected {said}" + (f" in {where}" if where else "")
        return self.fail(token.place, words + (f", {wanted}" if wanted else ""))

    def fail(self, place: int, words: str) -> QueryError:
        return build_parse_error(self.query, place, words)


def parse_query(query: str) -> Node:
    """Parse a query into its tree.

    Raises QueryError, which tells what is wrong and where.
    """
    words = _Words(query, split_tokens(query))
    if words.peek().kind == "end":
        raise words.fail(0, "no expression found in input")
    node = _parse_binary(words, 0)
    if words.peek().kind != "end":
        raise words.refuse()
    check_types(node, query)
    return node


def _parse_binary(words: _Words, level: int) -> Node:
    if level == len(_LEVELS):
        return _parse_unary(words)
    left = _parse_binary(words, level + 1)
    while True:
        place = words.peek().place
        operator = words.take_any(*_LEVELS[level])
        if not operator:
            return left
        made = _parse_modifiers(words, operator, place)
        left = replace(made, left=left, right=_parse_binary(words, level + 1))


def _parse_modifiers(words: _Words, operator: str, place: int) -> Binary:
    """Return an operation without its sides: `bool`, then how labels match, then which side may be
    many.
    """
    boolean = bool(words.take_any("bool"))
    if boolean and operator not in COMPARISONS:
        raise words.fail(place, "bool modifier can only be used on comparison operators")
    matching = words.take_any("on", "ignoring")
    labels = _parse_labels(words) if matching else None
    group: Literal["", "left", "right"] = ""
    included: tuple[str, ...] = ()
    side = words.take_any("group_left", "group_right") if matching else ""
    if side:
        group = "left" if side == "group_left" else "right"
        included = _parse_labels(words) if words.peek().text == "(" else ()
        if operator in SETS:
            raise words.fail(place, f'no grouping allowed for "{operator}" operation')
    here = Number(0.0)
    return Binary(
        operator, here, here, boolean, labels, matching == "ignoring", group, included, place
    )


def _parse_unary(words: _Words) -> Node:
    """Parse a sign and a power: a sign binds less than a power, and powers are read from the
    right.
    """
    place = words.peek().place
    if words.take_any("-"):
        return Negation(_parse_unary(words), place)
    if words.take_any("+"):
        return _parse_unary(words)
    base = _parse_postfix(words)
    place = words.peek().place
    if not words.take_any("^"):
        return base
    made = _parse_modifiers(words, "^", place)
    return replace(made, left=base, right=_parse_unary(words))


def _parse_postfix(words: _Words) -> Node:
    node = _parse_primary(words)
    while True:
        place = words.peek().place
        if words.take_any("["):
            node = _parse_range(words, node, place)
        elif words.take_any("offset"):
            node = _shift(words, node, place)
        elif words.take_any("@"):
            node = _fix(words, node, place)
        else:
            return node


def _parse_range(words: _Words, node: Node, place: int) -> Node:
    seconds = _parse_length(words, "duration")
    if words.take_any(":"):
        step = 0.0 if words.peek().text == "]" else _parse_length(words, "duration")
        words.require("]", "subquery selector")
        return Subquery(node, seconds, step, place=place)
    words.require("]", "range selector")
    if not isinstance(node, Selector) or node.seconds:
        raise words.fail(place, "ranges only allowed for vector selectors")
    if node.offset or node.at is not None:
        raise words.fail(place, "no offset or @ modifiers allowed before range")
    return replace(node, seconds=seconds)


def _parse_length(words: _Words, what: str) -> float:
    token = words.take()
    if token.kind == "duration":
        seconds = _read_duration(words, token)
    elif token.kind == "number":
        seconds = parse_number(token.text)
    else:
        raise words.fail(token.place, f'unexpected "{token.text}", expected {what}')
    if seconds <= 0:
        raise words.fail(token.place, "duration must be greater than 0")
    return seconds


def _read_duration(words: _Words, token: Token) -> float:
    try:
        return parse_duration(token.text)
    except QueryError as error:
        raise words.fail(token.place, str(error)) from error


def _shift(words: _Words, node: Node, place: int) -> Node:
    sign = -1.0 if words.take_any("-") else 1.0
    token = words.take()
    if token.kind not in ("duration", "number"):
        raise words.fail(token.place, f'unexpected "{token.text}" in offset, expected duration')
    seconds = _read_duration(words, token) if token.kind == "duration" else parse_number(token.text)
    if not isinstance(node, Selector | Subquery):
        raise words.fail(
            place,
            "offset modifier must be preceded by an instant vector selector or "
            "range vector selector or a subquery",
        )
    if node.offset:
        raise words.fail(place, "offset may not be set multiple times")
    return replace(node, offset=sign * seconds)


def _fix(words: _Words, node: Node, place: int) -> Node:
    named = words.take_any("start", "end")
    moment: Moment
    if named:
        words.require("(")
        words.require(")")
        moment = "start" if named == "start" else "end"
    else:
        sign = -1.0 if words.take_any("-") else 1.0
        token = words.take()
        if token.kind != "number":
            raise words.fail(token.place, f'unexpected "{token.text}" in @, expected timestamp')
        moment = sign * parse_number(token.text)
    if not isinstance(node, Selector | Subquery):
        raise words.fail(
            place,
            "@ modifier must be preceded by an instant vector selector or "
            "range vector selector or a subquery",
        )
    if node.at is not None:
        raise words.fail(place, "@ <timestamp> may not be set multiple times")
    return replace(node, at=moment)


def _parse_primary(words: _Words) -> Node:
    token = words.peek()
    if token.kind in ("number", "duration", "string"):
        words.take()
        return _read_literal(words, token)
    if words.take_any("("):
        inner = _parse_binary(words, 0)
        words.require(")")
        return inner
    if token.kind == "name":
        words.take()
        return _parse_named(words, token)
    if token.text == "{":
        return _build_selector(words, (), token.place)
    raise words.refuse()


def _read_literal(words: _Words, token: Token) -> Node:
    if token.kind == "string":
        return Text(_unquote(words, token), token.place)
    if token.kind == "duration":
        return Number(_read_duration(words, token), token.place)
    return Number(parse_number(token.text), token.place)


def _unquote(words: _Words, token: Token) -> str:
    try:
        return unquote_string(token.text)
    except QueryError as error:
        raise words.fail(token.place, str(error).removeprefix("parse error: ")) from error


def _parse_named(words: _Words, token: Token) -> Node:
    """Parse what begins with a name: an aggregation, a function, a number, or a metric."""
    after = words.peek()
    grouped = after.kind == "name" and after.text.lower() in ("by", "without")
    if token.text.lower() in AGGREGATIONS and (after.text == "(" or grouped):
        return _parse_aggregation(words, token)
    if after.text == "(":
        words.take()
        return Call(token.text, _parse_arguments(words), token.place)
    special = parse_special_number(token.text)
    if special is not None:
        return Number(special, token.place)
    return _build_selector(words, (Matcher(NAME, "=", token.text),), token.place)


def _parse_aggregation(words: _Words, token: Token) -> Node:
    operator = token.text.lower()
    grouping = words.take_any("by", "without")
    labels = _parse_labels(words) if grouping else ()
    words.require("(", "aggregation")
    arguments = _parse_arguments(words)
    if not grouping:
        grouping = words.take_any("by", "without")
        labels = _parse_labels(words) if grouping else ()
    wanted = 2 if AGGREGATIONS[operator] else 1
    if len(arguments) != wanted:
        raise words.fail(
            token.place,
            f"wrong number of arguments for aggregate expression provided, expected {wanted}, got "
            f"{len(arguments)}",
        )
    parameter = arguments[0] if wanted == 2 else None
    return Aggregation(
        operator, arguments[-1], labels, grouping == "without", parameter, token.place
    )


def _parse_arguments(words: _Words) -> tuple[Node, ...]:
    found: list[Node] = []
    while not words.take_any(")"):
        found.append(_parse_binary(words, 0))
        if not words.take_any(","):
            words.require(")")
            break
    return tuple(found)


def _parse_labels(words: _Words) -> tuple[str, ...]:
    words.require("(", "grouping opts")
    found: list[str] = []
    while not words.take_any(")"):
        found.append(_take_label(words, "grouping opts"))
        if not words.take_any(","):
            words.require(")", "grouping opts")
            break
    return tuple(found)


def _take_label(words: _Words, where: str) -> str:
    token = words.peek()
    if token.kind == "string":
        return _unquote(words, words.take())
    if token.kind != "name" or not _LABEL.fullmatch(token.text):
        raise words.refuse("expected label", where)
    return words.take().text


def _build_selector(words: _Words, named: tuple[Matcher, ...], place: int) -> Selector:
    matchers = (*named, *_parse_matchers(words))
    names = [m for m in matchers if m.label == NAME]
    if named and len(names) > 1:
        raise words.fail(
            place, f'metric name must not be set twice: "{named[0].value}" or "{names[1].value}"'
        )
    if all(matcher.matches_labels({}) for matcher in matchers):
        raise words.fail(place, "vector selector must contain at least one non-empty matcher")
    return Selector(matchers, place=place)


def _parse_matchers(words: _Words) -> tuple[Matcher, ...]:
    if not words.take_any("{"):
        return ()
    found: list[Matcher] = []
    while not words.take_any("}"):
        quoted = words.peek().kind == "string"
        label = _take_label(words, "label matching")
        if quoted and words.peek().text in (",", "}"):
            # A quoted name alone is the metric's (since Prometheus 3).
            found.append(Matcher(NAME, "=", label))
        else:
            found.append(_parse_condition(words, label))
        if not words.take_any(","):
            words.require("}", "label matching")
            break
    return tuple(found)


def _parse_condition(words: _Words, label: str) -> Matcher:
    operator = words.take_any("=", "!=", "=~", "!~")
    if not operator:
        raise words.refuse("expected label matching operator", "label matching")
    token = words.peek()
    if token.kind != "string":
        raise words.refuse("expected string", "label matching")
    value = _unquote(words, words.take())
    if "~" in operator:
        try:
            re.compile(value)
        except re.error as error:
            raise words.fail(token.place, f"error parsing regexp: {error}") from error
    return Matcher(label, operator, value)
