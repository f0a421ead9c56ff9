"""Evaluation of a PromQL query at one moment, from what the store holds."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sandbox.observability.metrics import rates
from sandbox.observability.metrics.store import NAME, Store
from sandbox.observability.metrics.syntax import (
    Aggregation,
    Binary,
    Call,
    Node,
    Number,
    QueryError,
    Selector,
    parse_query,
)

_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda a, b: (
        a / b if b else (math.nan if not a or math.isnan(a) else math.copysign(math.inf, a))
    ),
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
_RANGES = ("rate", "increase", "irate", "last_over_time")


@dataclass(frozen=True)
class Value:
    """One series of a result: labels without order, and its number."""

    labels: Mapping[str, str]
    value: float


Result = float | list[Value]
"""A scalar, or an instant vector."""


def evaluate_query(query: str, store: Store, at: float) -> Result:
    """Return the result of a query at a moment (epoch seconds).

    Raises QueryError when it can't be read or computed.
    """
    return _Evaluator(store, at).evaluate_node(parse_query(query))


@dataclass(frozen=True)
class _Evaluator:
    store: Store
    at: float

    def evaluate_node(self, node: Node) -> Result:
        if isinstance(node, Number):
            return node.value
        if isinstance(node, Selector):
            return self._evaluate_selector(node)
        if isinstance(node, Aggregation):
            return self._evaluate_aggregation(node)
        if isinstance(node, Call):
            return self._evaluate_call(node)
        return _combine_operands(
            node, self.evaluate_node(node.left), self.evaluate_node(node.right)
        )

    def _evaluate_selector(self, node: Selector) -> Result:
        if node.seconds:
            raise QueryError("invalid expression type: a range vector can't be the result here")
        found = (
            (series.labels, series.get_value_at(self.at - node.offset))
            for series in self.store.select_series(node.matchers)
        )
        return [Value(labels, value) for labels, value in found if value is not None]

    def _evaluate_aggregation(self, node: Aggregation) -> Result:
        groups: dict[frozenset[tuple[str, str]], list[float]] = {}
        for each in _require_vector(self.evaluate_node(node.argument), node.operator):
            groups.setdefault(
                _build_group_key(each.labels, node.labels, without=node.without), []
            ).append(each.value)
        reduce = _REDUCTIONS[node.operator]
        return [Value(dict(group), reduce(values)) for group, values in groups.items()]

    def _evaluate_call(self, node: Call) -> Result:
        name, arguments = node.function, node.arguments
        if name in _RANGES and len(arguments) == 1:
            return self._evaluate_range_function(name, arguments[0])
        if name == "histogram_quantile" and len(arguments) == 2:
            rank, buckets = (
                self.evaluate_node(arguments[0]),
                _require_vector(self.evaluate_node(arguments[1]), name),
            )
            return _compute_histogram_quantiles(_require_scalar(rank, name), buckets)
        if name == "time" and not arguments:
            return self.at
        if name == "vector" and len(arguments) == 1:
            return [Value({}, _require_scalar(self.evaluate_node(arguments[0]), name))]
        if name == "absent" and len(arguments) == 1:
            return [] if self.evaluate_node(arguments[0]) else [Value({}, 1.0)]
        if name == "round" and arguments:
            nearest = (
                _require_scalar(self.evaluate_node(arguments[1]), name)
                if len(arguments) > 1
                else 1.0
            )
            found = _require_vector(self.evaluate_node(arguments[0]), name)
            return [
                Value(_drop_metric_name(v.labels), _round_to_nearest(v.value, nearest))
                for v in found
            ]
        raise QueryError(f'unknown function with name "{name}" and {len(arguments)} arguments')

    def _evaluate_range_function(self, name: str, argument: Node) -> Result:
        if not isinstance(argument, Selector) or not argument.seconds:
            raise QueryError(
                f"expected type range vector in call to function {name!r}, got instant vector"
            )
        end = self.at - argument.offset
        start, found = end - argument.seconds, []
        for series in self.store.select_series(argument.matchers):
            points = series.list_points_between(start, end)
            if name == "last_over_time":
                found += [Value(series.labels, points[-1].value)] if points else []
                continue
            growth = (
                rates.compute_instant_rate(points)
                if name == "irate"
                else rates.compute_increase(points, start, end)
            )
            if growth is not None:
                found.append(
                    Value(
                        _drop_metric_name(series.labels),
                        growth / argument.seconds if name == "rate" else growth,
                    )
                )
        return found


def _round_to_nearest(value: float, nearest: float) -> float:
    inverse = 1.0 / nearest
    return (
        value
        if math.isnan(value) or math.isinf(value)
        else math.floor(value * inverse + 0.5) / inverse
    )


def _drop_metric_name(labels: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in labels.items() if key != NAME}


def _build_group_key(
    labels: Mapping[str, str], chosen: Iterable[str], *, without: bool
) -> frozenset[tuple[str, str]]:
    if without:
        left_out = {NAME, *chosen}
        return frozenset((key, value) for key, value in labels.items() if key not in left_out)
    return frozenset((key, labels[key]) for key in chosen if labels.get(key))


def _require_vector(result: Result, where: str) -> list[Value]:
    if isinstance(result, float):
        raise QueryError(f"expected type instant vector in {where}, got scalar")
    return result


def _require_scalar(result: Result, where: str) -> float:
    if not isinstance(result, float):
        raise QueryError(f"expected type scalar in call to function {where!r}, got instant vector")
    return result


def _compute_histogram_quantiles(rank: float, buckets: Iterable[Value]) -> list[Value]:
    groups: dict[frozenset[tuple[str, str]], list[tuple[float, float]]] = {}
    for each in buckets:
        bound = each.labels.get("le", "")
        if bound:
            groups.setdefault(_build_group_key(each.labels, ("le",), without=True), []).append(
                (float(bound), each.value)
            )
    return [
        Value(dict(group), rates.compute_quantile(rank, pairs)) for group, pairs in groups.items()
    ]


def _combine_operands(node: Binary, left: Result, right: Result) -> Result:
    if node.operator in ("and", "or", "unless"):
        return _apply_set_operator(
            node, _require_vector(left, node.operator), _require_vector(right, node.operator)
        )
    if isinstance(left, float) and isinstance(right, float):
        return _combine_scalars(node, left, right)
    if isinstance(right, float):
        return _combine_pairs(
            node, [(each, each.value, right) for each in _require_vector(left, node.operator)]
        )
    if isinstance(left, float):
        return _combine_pairs(node, [(each, left, each.value) for each in right])
    others = {_build_match_key(node, each.labels): each.value for each in right}
    pairs = ((each, others.get(_build_match_key(node, each.labels))) for each in left)
    return _combine_pairs(
        node,
        [(each, each.value, other) for each, other in pairs if other is not None],
        matched=True,
    )


def _combine_scalars(node: Binary, left: float, right: float) -> float:
    if node.operator in _ARITHMETIC:
        return _ARITHMETIC[node.operator](left, right)
    if not node.boolean:
        raise QueryError("comparisons between scalars must use BOOL modifier")
    return float(_COMPARISONS[node.operator](left, right))


def _combine_pairs(
    node: Binary, pairs: Iterable[tuple[Value, float, float]], *, matched: bool = False
) -> list[Value]:
    """Compute each pair; a comparison keeps the series that fulfil it, as they are."""
    found = []
    for each, left, right in pairs:
        plain = (
            dict(_build_match_key(node, each.labels)) if matched else _drop_metric_name(each.labels)
        )
        if node.operator in _ARITHMETIC:
            found.append(Value(plain, _ARITHMETIC[node.operator](left, right)))
        elif node.boolean:
            found.append(Value(plain, float(_COMPARISONS[node.operator](left, right))))
        elif _COMPARISONS[node.operator](left, right):
            found.append(each)
    return found


def _build_match_key(node: Binary, labels: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    if node.labels is None:
        return frozenset(_drop_metric_name(labels).items())
    return _build_group_key(labels, node.labels, without=node.ignoring)


def _apply_set_operator(node: Binary, left: list[Value], right: list[Value]) -> list[Value]:
    here, there = ({_build_match_key(node, each.labels) for each in side} for side in (left, right))
    if node.operator == "and":
        return [each for each in left if _build_match_key(node, each.labels) in there]
    if node.operator == "unless":
        return [each for each in left if _build_match_key(node, each.labels) not in there]
    return left + [each for each in right if _build_match_key(node, each.labels) not in here]
