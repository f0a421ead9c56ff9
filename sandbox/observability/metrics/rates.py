"""Increases of counters and quantiles of histograms, computed as Prometheus does,
extrapolation included.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from sandbox.observability.metrics.store import Point


def compute_increase(
    points: Sequence[Point], start: float, end: float, *, counter: bool = True
) -> float | None:
    """Return the increase of a counter between two moments (epoch seconds), extrapolated to
    them; or the difference of what is no counter.

    Return None with fewer than two samples. Prometheus' rule: half an interval at most
    beyond the first and last sample, and never below zero.
    """
    if len(points) < 2:
        return None
    first, last = points[0], points[-1]
    growth = last.value - first.value
    if counter:
        growth += sum(
            a.value for a, b in zip(points, points[1:], strict=False) if b.value < a.value
        )
    sampled = last.at - first.at
    average = sampled / (len(points) - 1)
    before, after = first.at - start, end - last.at
    if before >= average * 1.1:
        before = average / 2
    if counter and growth > 0 and first.value >= 0:
        before = min(before, sampled * first.value / growth)
    if after >= average * 1.1:
        after = average / 2
    return growth * (sampled + before + after) / sampled


def compute_instant_rate(points: Sequence[Point]) -> float | None:
    """Return the rate per second between the last two samples; None with fewer than two."""
    if len(points) < 2:
        return None
    before, last = points[-2], points[-1]
    growth = last.value if last.value < before.value else last.value - before.value
    return growth / (last.at - before.at)


def fit_line(points: Sequence[Point], origin: float) -> tuple[float, float] | None:
    """Return slope per second and value at `origin` (epoch seconds) of the line through samples by
    least squares; None with fewer than two.
    """
    if len(points) < 2:
        return None
    times = [point.at - origin for point in points]
    count, total = len(points), math.fsum(times)
    values = math.fsum(point.value for point in points)
    spread = math.fsum(t * t for t in times) - total * total / count
    joint = math.fsum(t * p.value for t, p in zip(times, points, strict=True))
    slope = (joint - total * values / count) / spread
    return slope, values / count - slope * total / count


def compute_quantile(rank: float, buckets: Sequence[tuple[float, float]]) -> float:
    """Return a quantile of cumulative `(upper bound, count)` pairs.

    Return NaN without a bucket to infinity or without counts.
    """
    ordered = sorted(buckets)
    if not ordered or not math.isinf(ordered[-1][0]) or len(ordered) < 2:
        return math.nan
    total = ordered[-1][1]
    if not total or math.isnan(total):
        return math.nan
    if rank < 0 or rank > 1:
        return math.copysign(math.inf, rank)
    wanted = rank * total
    index = next(
        (i for i, (_, count) in enumerate(ordered[:-1]) if count >= wanted), len(ordered) - 1
    )
    if index == len(ordered) - 1:
        return ordered[-2][0]
    upper, count = ordered[index]
    if index == 0:
        return upper if upper <= 0 else upper * wanted / count
    lower, below = ordered[index - 1]
    return lower + (upper - lower) * (wanted - below) / (count - below)
