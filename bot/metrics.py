"""Metrics that the parts of the bot keep about themselves, as plain numbers.

A part that counts need not know who gathers its metrics.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple


class Histogram:
    """Histogram of durations: counts by upper bound (seconds), their number and their sum."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds, self.counts, self.total = bounds, [0] * (len(bounds) + 1), 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration, in seconds."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds


class Metric(NamedTuple):
    """One metric: a number, or a histogram.

    A counter only grows; its name ends in `_total` where it is shown.
    """

    name: str
    says: str
    value: float | Histogram
    kind: Literal["counter", "gauge", "histogram"] = "gauge"
    labels: tuple[tuple[str, str], ...] = ()


Source = Callable[[], Iterable[Metric]]
"""A part's metrics as they are now; cheap, for it is asked at every scrape."""


def counter(name: str, says: str, value: float, **labels: str) -> Metric:
    """Return a counter: a metric that only grows."""
    return Metric(name, says, value, "counter", tuple(labels.items()))
