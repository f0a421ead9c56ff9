"""Storage of Prometheus: every series with its samples by time, as scrapes brought them."""

from __future__ import annotations

import math
import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from sandbox.observability.sources import Sample

NAME = "__name__"
LOOKBACK_SECONDS = 300.0
"""How old the newest sample of a series may be to count as its value now (Prometheus' default)."""
KEPT_SAMPLES = 600
"""Samples that a series keeps at least: two hours of scrapes, a minute and a half where the clock
runs a hundred times as fast."""


class Point(NamedTuple):
    """A value at a moment (epoch seconds)."""

    at: float
    value: float


@dataclass(frozen=True)
class Matcher:
    """One condition of a selector; `operator` is `=`, `!=`, `=~` or `!~`, patterns match whole
    values."""

    label: str
    operator: str
    value: str

    def matches_labels(self, labels: Mapping[str, str]) -> bool:
        """Tell whether a series fulfils the condition; a label that is not there counts as
        empty."""
        found = labels.get(self.label, "")
        if self.operator in ("=", "!="):
            return (found == self.value) is (self.operator == "=")
        return (_compile_pattern(self.value).fullmatch(found) is not None) is (
            self.operator == "=~"
        )


@lru_cache(maxsize=256)
def _compile_pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


class Series:
    """One series: its labels with the name under `__name__`, and its samples in the order of time.

    NaN says that it was no longer there at that moment.
    """

    __slots__ = ("labels", "times", "values")

    def __init__(self, labels: Mapping[str, str]) -> None:
        self.labels = labels
        self.times, self.values = array("d"), array("d")

    def append(self, at: float, value: float) -> None:
        """Add a sample, and forget the oldest when there are twice as many as are kept."""
        self.times.append(at)
        self.values.append(value)
        if len(self.times) > 2 * KEPT_SAMPLES:
            del self.times[:KEPT_SAMPLES], self.values[:KEPT_SAMPLES]

    def get_point_at(self, at: float) -> Point | None:
        """Return the newest sample at a moment; None when the series was gone, or not seen for too
        long."""
        index = bisect_right(self.times, at) - 1
        if (
            index < 0
            or self.times[index] <= at - LOOKBACK_SECONDS
            or math.isnan(self.values[index])
        ):
            return None
        return Point(self.times[index], self.values[index])

    def list_points_between(self, start: float, end: float) -> list[Point]:
        """Return the samples after `start` up to `end` (epoch seconds), without NaN."""
        first, last = bisect_right(self.times, start), bisect_right(self.times, end)
        pairs = zip(self.times[first:last], self.values[first:last], strict=True)
        return [Point(at, value) for at, value in pairs if not math.isnan(value)]


class _Family:
    """The series of one name. Proxies show labels in the same order each time, so that order is
    looked up first."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.series: dict[frozenset[tuple[str, str]], Series] = {}
        self._ordered: dict[tuple[tuple[str, ...], tuple[str, ...]], Series] = {}

    def get_or_add_series(self, labels: Mapping[str, str]) -> Series:
        """Return the series with these labels, made when it is met first."""
        order = (tuple(labels), tuple(labels.values()))
        found = self._ordered.get(order)
        if found is None:
            key = frozenset(labels.items())
            found = self.series.setdefault(key, Series({NAME: self.name, **labels}))
            self._ordered[order] = found
        return found


class Store:
    """All series. What a scrape no longer shows is gone from that moment on."""

    def __init__(self) -> None:
        self._families: dict[str, _Family] = {}
        self._shown: set[Series] = set()

    def record_scrape(self, at: float, samples: Iterable[Sample]) -> None:
        """Record the samples that are shown at a moment (epoch seconds).

        A series that is no longer shown gets NaN.
        """
        shown: set[Series] = set()
        for sample in samples:
            family = self._families.get(sample.name) or self._families.setdefault(
                sample.name, _Family(sample.name)
            )
            series = family.get_or_add_series(sample.labels)
            series.append(at, sample.value)
            shown.add(series)
        for series in self._shown - shown:
            series.append(at, math.nan)
        self._shown = shown

    def list_metric_names(self) -> list[str]:
        """Return the names of all metrics, by name."""
        return sorted(self._families)

    def select_series(self, matchers: Sequence[Matcher]) -> list[Series]:
        """Return the series that fulfil every matcher."""
        named = next((m.value for m in matchers if m.label == NAME and m.operator == "="), None)
        if named is not None:
            families = [self._families[named]] if named in self._families else []
            matchers = [
                m for m in matchers if (m.label, m.operator) != (NAME, "=") or m.value != named
            ]
        else:
            families = list(self._families.values())
        found = (series for family in families for series in family.series.values())
        return [
            series
            for series in found
            if all(matcher.matches_labels(series.labels) for matcher in matchers)
        ]
