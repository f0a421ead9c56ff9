"""Prometheus' memory: every series with its samples by time, as its scrapes brought them."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bot.sandbox.observability.sources import Sample

NAME = "__name__"
LOOKBACK_SECONDS = 300.0
"""How old the newest sample of a series may be to count as its value now (Prometheus' default)."""
KEPT_SAMPLES = 480
"""Samples that a series keeps: two hours of scrapes."""


class Point(NamedTuple):
    """A value at a moment (epoch seconds); NaN with `gone` says that the series was no longer there."""

    at: float
    value: float
    gone: bool = False


@dataclass(frozen=True)
class Matcher:
    """One condition of a selector; `operator` is `=`, `!=`, `=~` or `!~`, patterns match whole values."""

    label: str
    operator: str
    value: str

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Whether a series fulfils it; a label that is not there counts as empty."""
        found = labels.get(self.label, "")
        if self.operator in ("=", "!="):
            return (found == self.value) is (self.operator == "=")
        return bool(re.fullmatch(self.value, found)) is (self.operator == "=~")


@dataclass(eq=False)
class Series:
    """One series: its labels with the name under `__name__`, and its samples in the order of time."""

    labels: Mapping[str, str]
    points: deque[Point] = field(default_factory=lambda: deque(maxlen=KEPT_SAMPLES))

    def value_at(self, at: float) -> float | None:
        """Its value at a moment; None when it was gone, or not seen for too long."""
        for point in reversed(self.points):
            if point.at <= at:
                return None if point.gone or point.at <= at - LOOKBACK_SECONDS else point.value
        return None

    def within(self, start: float, end: float) -> list[Point]:
        """Its samples after `start` up to `end`."""
        return [point for point in self.points if start < point.at <= end and not point.gone]


class Store:
    """All series. What a scrape no longer shows is gone from that moment on."""

    def __init__(self) -> None:
        self._series: dict[str, dict[frozenset[tuple[str, str]], Series]] = {}
        self._shown: set[Series] = set()

    def scrape(self, at: float, samples: Iterable[Sample]) -> None:
        """Takes in what is shown at a moment (epoch seconds)."""
        shown: set[Series] = set()
        for sample in samples:
            family = self._series.setdefault(sample.name, {})
            key = frozenset(sample.labels.items())
            series = family.get(key)
            if series is None:
                series = family[key] = Series({NAME: sample.name, **sample.labels})
            series.points.append(Point(at, sample.value))
            shown.add(series)
        for series in self._shown - shown:
            series.points.append(Point(at, math.nan, gone=True))
        self._shown = shown

    def select(self, matchers: Sequence[Matcher]) -> list[Series]:
        """The series that fulfil every matcher."""
        named = next((m.value for m in matchers if m.label == NAME and m.operator == "="), None)
        families = [self._series.get(named, {})] if named is not None else list(self._series.values())
        found = (series for family in families for series in family.values())
        return [series for series in found if all(matcher.fits(series.labels) for matcher in matchers)]
