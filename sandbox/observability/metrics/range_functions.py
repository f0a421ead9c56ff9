"""Functions of range vectors: what samples of some time say, one number for each series."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from sandbox.observability.metrics import rates
from sandbox.observability.metrics.aggregations import (
    compute_deviation,
    compute_variance,
    interpolate_quantile,
)
from sandbox.observability.metrics.store import Point
from sandbox.observability.metrics.vectors import (
    RangeVector,
    Value,
    Vector,
    check_duplicates,
    drop_metric_name,
)

_Of = Callable[[Sequence[float]], float]
_OVER_TIME: Mapping[str, _Of] = {
    "avg_over_time": lambda values: math.fsum(values) / len(values),
    "count_over_time": lambda values: float(len(values)),
    "last_over_time": lambda values: values[-1],
    "max_over_time": max,
    "min_over_time": min,
    "present_over_time": lambda _values: 1.0,
    "stddev_over_time": lambda values: compute_deviation(values),
    "stdvar_over_time": lambda values: compute_variance(values),
    "sum_over_time": math.fsum,
}


def apply_range_function(
    name: str, found: RangeVector, parameter: float = 0.0, now: float = 0.0
) -> Vector:
    """Return the function's number of each series that has enough samples.

    `parameter` is its scalar, if it takes one; `now` is the moment of the query.
    """
    made = []
    for series in found.series:
        number = _compute(name, found, series.points, (parameter, now)) if series.points else None
        if number is not None:
            # The last sample is still that of its metric; everything else is a figure about it.
            kept = name == "last_over_time"
            made.append(Value(series.labels if kept else drop_metric_name(series.labels), number))
    return check_duplicates(made)


def _compute(
    name: str, found: RangeVector, points: Sequence[Point], given: tuple[float, float]
) -> float | None:
    values = [point.value for point in points]
    if name in _OVER_TIME:
        return _OVER_TIME[name](values)
    if name == "quantile_over_time":
        return interpolate_quantile(given[0], values)
    if name == "changes":
        return float(sum(_differ(a, b) for a, b in zip(values, values[1:], strict=False)))
    if name == "resets":
        return float(sum(b < a for a, b in zip(values, values[1:], strict=False)))
    return _compute_slope(name, found, points, given)


def _differ(one: float, other: float) -> bool:
    return one != other and not (math.isnan(one) and math.isnan(other))


def _compute_slope(
    name: str, found: RangeVector, points: Sequence[Point], given: tuple[float, float]
) -> float | None:
    match name:
        case "rate" | "increase":
            growth = rates.compute_increase(points, found.start, found.end)
            seconds = found.end - found.start if name == "rate" else 1.0
            return None if growth is None else growth / seconds
        case "delta":
            return rates.compute_increase(points, found.start, found.end, counter=False)
        case "irate":
            return rates.compute_instant_rate(points)
        case "idelta":
            return points[-1].value - points[-2].value if len(points) > 1 else None
    parameter, now = given
    line = rates.fit_line(points, points[0].at if name == "deriv" else now)
    if line is None:
        return None
    slope, here = line
    return slope if name == "deriv" else here + slope * parameter
