"""Operations between two sides: which series of one belong to which of the other, and what comes
of the pairs (Prometheus' vector matching)."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping

from sandbox.observability.metrics.lexing import ExecutionError
from sandbox.observability.metrics.query_tree import Binary
from sandbox.observability.metrics.vectors import (
    LabelSet,
    Result,
    Value,
    Vector,
    build_group_key,
    check_duplicates,
    drop_metric_name,
    format_labels,
)


def _divide(one: float, other: float) -> float:
    if other:
        return one / other
    if not one or math.isnan(one):
        return math.nan
    return math.copysign(math.inf, one) * math.copysign(1.0, other)


def _raise_to(one: float, other: float) -> float:
    try:
        found = math.pow(one, other)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.inf if not one else math.nan
    return found


def _find_rest(one: float, other: float) -> float:
    return math.fmod(one, other) if other and not math.isinf(one) else math.nan


ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": _find_rest,
    "^": _raise_to,
    "atan2": math.atan2,
}
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def combine(node: Binary, left: Result, right: Result) -> Result:
    """Return what an operation makes of its sides.

    Raises ExecutionError where series cannot be told apart.
    """
    if isinstance(left, float) and isinstance(right, float):
        compute = ARITHMETIC.get(node.operator) or _COMPARISONS[node.operator]
        return float(compute(left, right))
    if isinstance(right, float):
        return _combine_with_scalar(node, left, right, swapped=False)  # type: ignore[arg-type]  # not both
    if isinstance(left, float):
        return _combine_with_scalar(node, right, left, swapped=True)
    if node.operator in ("and", "or", "unless"):
        return _combine_sets(node, left, right)
    return _combine_vectors(node, left, right)


def _combine_with_scalar(node: Binary, vector: Vector, scalar: float, *, swapped: bool) -> Vector:
    found = []
    for each in vector:
        pair = (scalar, each.value) if swapped else (each.value, scalar)
        number = _compute(node, *pair, kept=each.value)
        if number is not None:
            labels = each.labels if _keeps_name(node) else drop_metric_name(each.labels)
            found.append(Value(labels, number))
    return check_duplicates(found)


def _keeps_name(node: Binary) -> bool:
    """A comparison that filters leaves series as they are."""
    return node.operator in _COMPARISONS and not node.boolean


def _compute(node: Binary, left: float, right: float, *, kept: float) -> float | None:
    """Return the number of a pair; None where a comparison leaves it out, `kept` where it does
    not.
    """
    if node.operator in ARITHMETIC:
        return ARITHMETIC[node.operator](left, right)
    holds = _COMPARISONS[node.operator](left, right)
    if node.boolean:
        return float(holds)
    return kept if holds else None


def _build_match_key(node: Binary, labels: Mapping[str, str]) -> LabelSet:
    if node.labels is None:
        return frozenset(drop_metric_name(labels).items())
    return build_group_key(labels, node.labels, without=node.ignoring)


def _combine_sets(node: Binary, left: Vector, right: Vector) -> Vector:
    here, there = ({_build_match_key(node, each.labels) for each in side} for side in (left, right))
    if node.operator == "and":
        return [each for each in left if _build_match_key(node, each.labels) in there]
    if node.operator == "unless":
        return [each for each in left if _build_match_key(node, each.labels) not in there]
    return left + [each for each in right if _build_match_key(node, each.labels) not in here]


def _combine_vectors(node: Binary, left: Vector, right: Vector) -> Vector:
    """Return the pairs: by labels one to one, or many to one where a grouping says which side is
    many.
    """
    many, one = (right, left) if node.group == "right" else (left, right)
    ones = _index_one_side(node, one)
    found: Vector = []
    used: dict[LabelSet, set[LabelSet]] = {}
    for each in many:
        key = _build_match_key(node, each.labels)
        other = ones.get(key)
        if other is None:
            continue
        pair = (other.value, each.value) if node.group == "right" else (each.value, other.value)
        number = _compute(node, *pair, kept=pair[0])
        labels = _build_result_labels(node, each, other)
        _check_unique(node, used.setdefault(key, set()), labels)
        if number is not None:
            found.append(Value(labels, number))
    return found


def _index_one_side(node: Binary, side: Vector) -> dict[LabelSet, Value]:
    found: dict[LabelSet, Value] = {}
    for each in side:
        key = _build_match_key(node, each.labels)
        if key in found:
            hand = "left" if node.group == "right" else "right"
            both = ", ".join(format_labels(v.labels) for v in (each, found[key]))
            raise ExecutionError(
                f"found duplicate series for the match group {format_labels(dict(key))} on the "
                f"{hand} hand-side of the operation: [{both}];many-to-many matching not allowed: "
                f"matching labels must be unique on one side"
            )
        found[key] = each
    return found


def _build_result_labels(node: Binary, many: Value, one: Value) -> dict[str, str]:
    labels = dict(many.labels) if _keeps_name(node) else drop_metric_name(many.labels)
    if not node.group:
        if node.labels is None:
            return labels
        if node.ignoring:
            return {k: v for k, v in labels.items() if k not in node.labels}
        return {k: v for k, v in labels.items() if k in node.labels}
    for name in node.included:
        value = one.labels.get(name, "")
        labels.pop(name, None)
        labels |= {name: value} if value else {}
    return labels


def _check_unique(node: Binary, used: set[LabelSet], labels: dict[str, str]) -> None:
    key = frozenset(labels.items())
    if not node.group and used:
        raise ExecutionError(
            "multiple matches for labels: many-to-one matching must be explicit "
            "(group_left/group_right)"
        )
    if key in used:
        raise ExecutionError(
            "multiple matches for labels: grouping labels must ensure unique matches"
        )
    used.add(key)
