"""Figures that the parts count about themselves, in plain numbers: who gathers them need not be known to who counts."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple


class Spread:
    """How long things took: counts by upper bound (seconds), their number and their sum."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds, self.counts, self.total = bounds, [0] * (len(bounds) + 1), 0.0

    def add(self, seconds: float) -> None:
        """One more."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds


class Figure(NamedTuple):
    """One number, or one spread. A counter only grows; its name ends in `_total` where it is shown."""

    name: str
    says: str
    value: float | Spread
    kind: Literal["counter", "gauge", "histogram"] = "gauge"
    labels: tuple[tuple[str, str], ...] = ()


Source = Callable[[], Iterable[Figure]]
"""A part's figures as they are now; cheap, for it is asked at every scrape."""


def counter(name: str, says: str, value: float, **labels: str) -> Figure:
    """A figure that only grows."""
    return Figure(name, says, value, "counter", tuple(labels.items()))
