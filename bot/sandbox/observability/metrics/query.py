"""Computes a PromQL query at one moment from what the store holds."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.sandbox.observability.metrics import rates
from bot.sandbox.observability.metrics.store import NAME, Store
from bot.sandbox.observability.metrics.syntax import (
    Aggregation,
    Binary,
    Call,
    Node,
    Number,
    QueryError,
    Selector,
    parse,
)

_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda a, b: a / b if b else (math.nan if not a or math.isnan(a) else math.copysign(math.inf, a)),
    "%": lambda a, b: math.fmod(a, b) if b else math.nan,
    "^": lambda a, b: a**b,
}
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_REDUCTIONS: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": math.fsum,
    "avg": lambda values: math.fsum(values) / len(values),
    "min": min,
    "max": max,
    "count": lambda values: float(len(values)),
}
_RANGES = ("rate", "increase", "irate")


@dataclass(frozen=True)
class Value:
    """One series of a result: labels without order, and its number."""

    labels: Mapping[str, str]
    value: float


Result = float | list[Value]
"""A scalar, or an instant vector."""


def evaluate(query: str, store: Store, at: float) -> Result:
    """The answer to a query at a moment (epoch seconds); QueryError when it can't be read or computed."""
    return _Moment(store, at).of(parse(query))


@dataclass(frozen=True)
class _Moment:
    store: Store
    at: float

    def of(self, node: Node) -> Result:
        if isinstance(node, Number):
            return node.value
        if isinstance(node, Selector):
            return self._instant(node)
        if isinstance(node, Aggregation):
            return self._aggregated(node)
        if isinstance(node, Call):
            return self._called(node)
        return _combined(node, self.of(node.left), self.of(node.right))

    def _instant(self, node: Selector) -> Result:
        if node.seconds:
            raise QueryError("invalid expression type: a range vector can't be the result here")
        found = ((series.labels, series.value_at(self.at)) for series in self.store.select(node.matchers))
        return [Value(labels, value) for labels, value in found if value is not None]

    def _aggregated(self, node: Aggregation) -> Result:
        groups: dict[frozenset[tuple[str, str]], list[float]] = {}
        for each in _vector(self.of(node.argument), node.operator):
            groups.setdefault(_group(each.labels, node.labels, without=node.without), []).append(each.value)
        reduce = _REDUCTIONS[node.operator]
        return [Value(dict(group), reduce(values)) for group, values in groups.items()]

    def _called(self, node: Call) -> Result:
        name, arguments = node.function, node.arguments
        if name in _RANGES and len(arguments) == 1:
            return self._grown(name, arguments[0])
        if name == "histogram_quantile" and len(arguments) == 2:
            rank, buckets = self.of(arguments[0]), _vector(self.of(arguments[1]), name)
            return _quantiles(_scalar(rank, name), buckets)
        if name == "time" and not arguments:
            return self.at
        if name == "vector" and len(arguments) == 1:
            return [Value({}, _scalar(self.of(arguments[0]), name))]
        if name == "absent" and len(arguments) == 1:
            return [] if self.of(arguments[0]) else [Value({}, 1.0)]
        if name == "round" and arguments:
            nearest = _scalar(self.of(arguments[1]), name) if len(arguments) > 1 else 1.0
            found = _vector(self.of(arguments[0]), name)
            return [Value(_unnamed(v.labels), _rounded(v.value, nearest)) for v in found]
        raise QueryError(f'unknown function with name "{name}" and {len(arguments)} arguments')

    def _grown(self, name: str, argument: Node) -> Result:
        if not isinstance(argument, Selector) or not argument.seconds:
            raise QueryError(f"expected type range vector in call to function {name!r}, got instant vector")
        start, found = self.at - argument.seconds, []
        for series in self.store.select(argument.matchers):
            points = series.within(start, self.at)
            growth = rates.jumped(points) if name == "irate" else rates.grown(points, start, self.at)
            if growth is not None:
                found.append(Value(_unnamed(series.labels), growth / argument.seconds if name == "rate" else growth))
        return found


def _rounded(value: float, nearest: float) -> float:
    inverse = 1.0 / nearest
    return value if math.isnan(value) or math.isinf(value) else math.floor(value * inverse + 0.5) / inverse


def _unnamed(labels: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in labels.items() if key != NAME}


def _group(labels: Mapping[str, str], chosen: Iterable[str], *, without: bool) -> frozenset[tuple[str, str]]:
    if without:
        left_out = {NAME, *chosen}
        return frozenset((key, value) for key, value in labels.items() if key not in left_out)
    return frozenset((key, labels[key]) for key in chosen if labels.get(key))


def _vector(result: Result, where: str) -> list[Value]:
    if isinstance(result, float):
        raise QueryError(f"expected type instant vector in {where}, got scalar")
    return result


def _scalar(result: Result, where: str) -> float:
    if not isinstance(result, float):
        raise QueryError(f"expected type scalar in call to function {where!r}, got instant vector")
    return result


def _quantiles(rank: float, buckets: Iterable[Value]) -> list[Value]:
    groups: dict[frozenset[tuple[str, str]], list[tuple[float, float]]] = {}
    for each in buckets:
        bound = each.labels.get("le", "")
        if bound:
            groups.setdefault(_group(each.labels, ("le",), without=True), []).append((float(bound), each.value))
    return [Value(dict(group), rates.quantile(rank, pairs)) for group, pairs in groups.items()]


def _combined(node: Binary, left: Result, right: Result) -> Result:
    if node.operator in ("and", "or", "unless"):
        return _set(node, _vector(left, node.operator), _vector(right, node.operator))
    if isinstance(left, float) and isinstance(right, float):
        return _scalars(node, left, right)
    if isinstance(right, float):
        return _kept(node, [(each, each.value, right) for each in _vector(left, node.operator)])
    if isinstance(left, float):
        return _kept(node, [(each, left, each.value) for each in right])
    others = {_key(node, each.labels): each.value for each in right}
    pairs = ((each, others.get(_key(node, each.labels))) for each in left)
    return _kept(node, [(each, each.value, other) for each, other in pairs if other is not None], matched=True)


def _scalars(node: Binary, left: float, right: float) -> float:
    if node.operator in _ARITHMETIC:
        return _ARITHMETIC[node.operator](left, right)
    if not node.boolean:
        raise QueryError("comparisons between scalars must use BOOL modifier")
    return float(_COMPARISONS[node.operator](left, right))


def _kept(node: Binary, pairs: Iterable[tuple[Value, float, float]], *, matched: bool = False) -> list[Value]:
    """Computes each pair; a comparison keeps the series that fulfil it, as they are."""
    found = []
    for each, left, right in pairs:
        plain = dict(_key(node, each.labels)) if matched else _unnamed(each.labels)
        if node.operator in _ARITHMETIC:
            found.append(Value(plain, _ARITHMETIC[node.operator](left, right)))
        elif node.boolean:
            found.append(Value(plain, float(_COMPARISONS[node.operator](left, right))))
        elif _COMPARISONS[node.operator](left, right):
            found.append(each)
    return found


def _key(node: Binary, labels: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    if node.labels is None:
        return frozenset(_unnamed(labels).items())
    return _group(labels, node.labels, without=node.ignoring)


def _set(node: Binary, left: list[Value], right: list[Value]) -> list[Value]:
    here, there = ({_key(node, each.labels) for each in side} for side in (left, right))
    if node.operator == "and":
        return [each for each in left if _key(node, each.labels) in there]
    if node.operator == "unless":
        return [each for each in left if _key(node, each.labels) not in there]
    return left + [each for each in right if _key(node, each.labels) not in here]
