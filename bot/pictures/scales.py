"""Axes of plots: ticks at round numbers between two ends, and their labels."""

from __future__ import annotations

import math
from dataclasses import dataclass

STEPS = (1, 2, 5, 10)
WIDTHS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
SPREAD = 12.0
"""How many times the median the largest time must be for a logarithmic axis."""


@dataclass(frozen=True)
class Scale:
    """Maps values from `low` to `high` onto 0 to 1; `ticks` are round values in between."""

    low: float
    high: float
    ticks: tuple[float, ...]
    logarithmic: bool = False

    def to_share(self, value: float) -> float:
        """Return the position of a value from 0 to 1; values beyond the ends are held there."""
        value = min(max(value, self.low), self.high)
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def build_linear_scale(high: float, most: int = 6) -> Scale:
    """Return a scale from 0 to at least `high`, which falls on a round number."""
    high = max(high, 1e-3)
    size = 10.0 ** math.floor(math.log10(high / most))
    step = next((size * s for s in STEPS if high / (size * s) <= most), size * 10)
    # Less a trifle, or a rounding error would add a step.
    count = math.ceil(high / step - 1e-9)
    return Scale(0.0, step * count, tuple(step * i for i in range(count + 1)))


def build_time_axis(end: float, most: int = 10) -> Scale:
    """Return a scale from 0 to exactly `end`, as a time axis is."""
    whole = build_linear_scale(end, most)
    return Scale(0.0, end, tuple(tick for tick in whole.ticks if tick <= end))


def build_latency_scale(values: list[float], median: float) -> Scale:
    """Return a scale for times in milliseconds: logarithmic when a few are very long, so
    that the many short ones can be seen too.
    """
    low, high = max(min(values), 1.0), max(values)
    if median <= 0 or high < SPREAD * median:
        return build_linear_scale(high * 1.05)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    last = max(last, first + 1)
    return Scale(
        10.0**first,
        10.0**last,
        tuple(10.0**power for power in range(first, last + 1)),
        logarithmic=True,
    )


def choose_bar_width(end: float, least: float, most: int = 48) -> float:
    """Return the seconds that a bar stands for: no fewer than `least`, and so that there are
    at most `most` bars.
    """
    return float(
        next((width for width in WIDTHS if width >= least and end / width <= most), WIDTHS[-1])
    )


def space_labels(places: list[tuple[float, str]], least: float) -> list[tuple[float, str]]:
    """Return labels at these heights, moved down where they would touch; from the top."""
    free, result = -math.inf, []
    for place, label in sorted(places):
        free = max(place, free)
        result.append((free, label))
        free += least
    return result


def format_milliseconds(value: float) -> str:
    """Format milliseconds as people read them: `250 ms`, `1.5 s`."""
    return f"{value:g} ms" if value < 1000 else f"{value / 1000:g} s"
