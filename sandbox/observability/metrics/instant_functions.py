"""Functions of instant vectors and scalars: of numbers, dates and labels."""

from __future__ import annotations

import calendar
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from sandbox.observability.metrics import rates
from sandbox.observability.metrics.lexing import ExecutionError
from sandbox.observability.metrics.store import NAME
from sandbox.observability.metrics.vectors import (
    LabelSet,
    Value,
    Vector,
    build_group_key,
    check_duplicates,
    drop_metric_name,
)

_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _guard(compute: Callable[[float], float]) -> Callable[[float], float]:
    """Return the function with NaN and infinity where Python would raise."""

    def guarded(value: float) -> float:
        try:
            return compute(value)
        except ValueError:
            return -math.inf if not value and compute in _LOGARITHMS else math.nan
        except OverflowError:
            return math.inf

    return guarded


_LOGARITHMS: tuple[Callable[[float], float], ...] = (math.log, math.log2, math.log10)


def _sign(value: float) -> float:
    return value if not value or math.isnan(value) else math.copysign(1.0, value)


def _whole(compute: Callable[[float], int]) -> Callable[[float], float]:
    return lambda value: value if not math.isfinite(value) else float(compute(value))


NUMERIC: Mapping[str, Callable[[float], float]] = {
    "abs": abs,
    "ceil": _whole(math.ceil),
    "floor": _whole(math.floor),
    "sgn": _sign,
    "exp": _guard(math.exp),
    "ln": _guard(math.log),
    "log2": _guard(math.log2),
    "log10": _guard(math.log10),
    "sqrt": _guard(math.sqrt),
    "deg": math.degrees,
    "rad": math.radians,
    **{
        name: _guard(getattr(math, name))
        for name in (
            *("acos", "acosh", "asin", "asinh", "atan", "atanh"),
            *("cos", "cosh", "sin", "sinh", "tan", "tanh"),
        )
    },
}
_DATES: Mapping[str, Callable[[datetime], int]] = {
    "day_of_month": lambda at: at.day,
    # Sunday is 0.
    "day_of_week": lambda at: at.isoweekday() % 7,
    "day_of_year": lambda at: at.timetuple().tm_yday,
    "days_in_month": lambda at: calendar.monthrange(at.year, at.month)[1],
    "hour": lambda at: at.hour,
    "minute": lambda at: at.minute,
    "month": lambda at: at.month,
    "year": lambda at: at.year,
}


def apply_to_numbers(vector: Vector, compute: Callable[[float], float]) -> Vector:
    """Return every series' number after a computation, without the metric's name."""
    return check_duplicates(
        [Value(drop_metric_name(each.labels), compute(each.value)) for each in vector]
    )


def read_dates(name: str, vector: Vector) -> Vector:
    """Return a part of the date that each number stands for (epoch seconds, UTC)."""
    read = _DATES[name]

    def compute(value: float) -> float:
        return float(read(datetime.fromtimestamp(value, UTC))) if math.isfinite(value) else math.nan

    return apply_to_numbers(vector, compute)


def is_of_dates(name: str) -> bool:
    """Tell whether a function reads dates."""
    return name in _DATES


def round_numbers(vector: Vector, nearest: float) -> Vector:
    """Return numbers rounded to a multiple; halves go up."""

    def compute(value: float) -> float:
        if not math.isfinite(value) or not nearest:
            return value if nearest else math.nan
        inverse = 1.0 / nearest
        return math.floor(value * inverse + 0.5) / inverse

    return apply_to_numbers(vector, compute)


def clamp_numbers(vector: Vector, least: float, most: float) -> Vector:
    """Return numbers within bounds; nothing where the bounds leave nothing."""
    if least > most:
        return []
    if math.isnan(least) or math.isnan(most):
        return apply_to_numbers(vector, lambda _value: math.nan)
    return apply_to_numbers(
        vector, lambda value: value if math.isnan(value) else max(least, min(most, value))
    )


def sort_series(vector: Vector, *, descending: bool) -> Vector:
    """Return the series by their numbers; NaN comes last either way."""
    sign = -1 if descending else 1
    return sorted(
        vector,
        key=lambda v: (math.isnan(v.value), 0.0 if math.isnan(v.value) else sign * v.value),
    )


def compute_histogram_quantiles(rank: float, buckets: Vector) -> Vector:
    """Return a quantile of each histogram, whose buckets have their upper bound in `le`."""
    groups: dict[LabelSet, list[tuple[float, float]]] = {}
    for each in buckets:
        try:
            bound = float(each.labels.get("le", ""))
        except ValueError:
            continue
        key = build_group_key(each.labels, ("le",), without=True)
        groups.setdefault(key, []).append((bound, each.value))
    return [
        Value(dict(group), rates.compute_quantile(rank, pairs)) for group, pairs in groups.items()
    ]


def replace_label(vector: Vector, words: Sequence[str]) -> Vector:
    """Return the series with a label from a template, where another label fits an expression.

    `words` are the label, the template (`$1`, `${name}`), the other label and the expression.
    """
    target, template, source, pattern = words
    _check_label(target, "label_replace")
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ExecutionError(f"invalid regular expression in label_replace(): {pattern}") from error
    found = []
    for each in vector:
        match = expression.fullmatch(each.labels.get(source, ""))
        value = each.labels.get(target, "") if match is None else _expand(template, match)
        found.append(Value(_with_label(each.labels, target, value), each.value))
    return check_duplicates(found)


def _expand(template: str, match: re.Match[str]) -> str:
    """Return a template as Go's regexp expands it: what names no group is empty."""

    def fill(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        try:
            return match[int(name) if name.isdigit() else name] or ""
        except IndexError:
            return ""

    filled = re.sub(
        r"\$(?:\{(\w+)\}|(\w+))|\$\$", lambda f: "$" if f[0] == "$$" else fill(f), template
    )
    return filled


def join_labels(vector: Vector, words: Sequence[str]) -> Vector:
    """Return the series with a label that joins others: label, separator, the others."""
    target, separator, *sources = words
    _check_label(target, "label_join")
    return check_duplicates(
        [
            Value(
                _with_label(
                    each.labels, target, separator.join(each.labels.get(s, "") for s in sources)
                ),
                each.value,
            )
            for each in vector
        ]
    )


def _check_label(name: str, function: str) -> None:
    if name != NAME and not _LABEL.fullmatch(name):
        raise ExecutionError(f"invalid destination label name in {function}(): {name}")


def _with_label(labels: Mapping[str, str], name: str, value: str) -> dict[str, str]:
    kept = {key: each for key, each in labels.items() if key != name}
    return kept | ({name: value} if value else {})
