"""Results of queries: numbers, and series with a number each, or with their samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sandbox.observability.metrics.lexing import ExecutionError
from sandbox.observability.metrics.store import NAME, Point

LabelSet = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Value:
    """One series of a result: labels without order, and its number."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Samples:
    """One series of a range vector, with its samples after `start` up to `end` (epoch seconds)."""

    labels: Mapping[str, str]
    points: Sequence[Point]


@dataclass(frozen=True)
class RangeVector:
    """Series with their samples, and the moments between which they are."""

    series: list[Samples]
    start: float
    end: float


Vector = list[Value]
Result = float | Vector
"""A scalar, or an instant vector."""


def drop_metric_name(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels without the metric's name."""
    return {key: value for key, value in labels.items() if key != NAME}


def build_group_key(labels: Mapping[str, str], chosen: Iterable[str], *, without: bool) -> LabelSet:
    """Return the labels that are chosen, or all but these and the name; empty ones are none."""
    if without:
        left_out = {NAME, *chosen}
        return frozenset((key, value) for key, value in labels.items() if key not in left_out)
    return frozenset((key, labels[key]) for key in chosen if labels.get(key))


def check_duplicates(vector: Vector) -> Vector:
    """Return the vector.

    Raises ExecutionError when two of its series have the same labels.
    """
    seen = {frozenset(each.labels.items()) for each in vector}
    if len(seen) != len(vector):
        raise ExecutionError("vector cannot contain metrics with the same labelset")
    return vector


def format_labels(labels: Mapping[str, str]) -> str:
    """Return labels as Prometheus writes them in errors: `name{a="b"}`."""
    inside = ", ".join(f'{k}="{v}"' for k, v in sorted(labels.items()) if k != NAME)
    return f"{labels.get(NAME, '')}{{{inside}}}"
