"""Aggregations: many series of an instant vector to few."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from sandbox.observability.metrics.lexing import ExecutionError
from sandbox.observability.metrics.query_tree import Aggregation
from sandbox.observability.metrics.vectors import LabelSet, Value, Vector, build_group_key

_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def compute_variance(values: Sequence[float]) -> float:
    """Return the population variance."""
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / len(values)


def compute_deviation(values: Sequence[float]) -> float:
    """Return the population standard deviation."""
    return math.sqrt(compute_variance(values))


def interpolate_quantile(rank: float, values: Sequence[float]) -> float:
    """Return a quantile of values, interpolated; infinite for ranks outside 0 to 1."""
    if math.isnan(rank) or not values:
        return math.nan
    if rank < 0 or rank > 1:
        return math.copysign(math.inf, rank)
    ordered = sorted(values)
    place = rank * (len(ordered) - 1)
    lower = math.floor(place)
    upper = min(lower + 1, len(ordered) - 1)
    share = place - lower
    return ordered[lower] * (1 - share) + ordered[upper] * share


def _choose(pick: Callable[[list[float]], float], values: Sequence[float]) -> float:
    """Return the least or greatest; NaN only when there is nothing else."""
    numbers = [value for value in values if not math.isnan(value)]
    return pick(numbers) if numbers else math.nan


_REDUCTIONS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "sum": math.fsum,
    "avg": lambda values: math.fsum(values) / len(values),
    "min": lambda values: _choose(min, values),
    "max": lambda values: _choose(max, values),
    "count": lambda values: float(len(values)),
    "group": lambda _values: 1.0,
    "stddev": compute_deviation,
    "stdvar": compute_variance,
}


def aggregate(node: Aggregation, vector: Vector, parameter: float | str | None) -> Vector:
    """Return the aggregated series.

    Raises ExecutionError for a parameter that cannot be meant.
    """
    groups: dict[LabelSet, Vector] = {}
    for each in vector:
        key = build_group_key(each.labels, node.labels, without=node.without)
        groups.setdefault(key, []).append(each)
    if node.operator in ("topk", "bottomk", "limitk"):
        return [
            each
            for group in groups.values()
            for each in _take_some(node.operator, group, float(parameter or 0))
        ]
    if node.operator == "count_values":
        return _count_values(groups, str(parameter))
    return [
        Value(dict(key), _reduce(node.operator, [each.value for each in group], parameter))
        for key, group in groups.items()
    ]


def _reduce(operator: str, values: list[float], parameter: float | str | None) -> float:
    if operator == "quantile":
        return interpolate_quantile(float(parameter or 0), values)
    return _REDUCTIONS[operator](values)


def _take_some(operator: str, group: Vector, wanted: float) -> Vector:
    if math.isnan(wanted):
        raise ExecutionError(f"Parameter value is NaN for {operator}")
    count = max(0, int(min(wanted, len(group))))
    if operator == "limitk":
        return group[:count]
    sign = -1 if operator == "topk" else 1
    # NaN is the last that is taken, whichever end is asked for.
    ordered = sorted(group, key=lambda v: (math.isnan(v.value), sign * _without_nan(v.value)))
    return ordered[:count]


def _without_nan(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _count_values(groups: Mapping[LabelSet, Vector], label: str) -> Vector:
    if not _LABEL.fullmatch(label):
        raise ExecutionError(f'invalid label name "{label}"')
    found: dict[LabelSet, float] = {}
    for key, group in groups.items():
        for each in group:
            labels = {**dict(key), label: format_number(each.value)}
            place = frozenset(labels.items())
            found[place] = found.get(place, 0.0) + 1.0
    return [Value(dict(key), count) for key, count in found.items()]


def format_number(value: float) -> str:
    """Return a number as Prometheus writes it: `3`, `0.25`, `NaN`, `+Inf`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
