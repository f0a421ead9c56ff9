"""Label selectors in the form that objects carry them (`matchLabels`, `matchExpressions`)."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.cluster.contract import Object


def matches_label_selector(selector: Object | None, labels: Mapping[str, str]) -> bool:
    """Tell whether a LabelSelector selects an object with these labels.

    None selects nothing, an empty one everything.
    """
    if selector is None:
        return False
    wanted: Mapping[str, str] = selector.get("matchLabels") or {}
    if not has_labels(labels, wanted):
        return False
    return all(
        _matches_expression(expression, labels)
        for expression in selector.get("matchExpressions") or []
    )


def has_labels(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Tell whether all wanted labels are there."""
    return all(labels.get(name) == value for name, value in wanted.items())


def _matches_expression(expression: Object, labels: Mapping[str, str]) -> bool:
    name, values = expression["key"], expression.get("values") or []
    match expression["operator"]:
        case "In":
            return labels.get(name) in values
        case "NotIn":
            return labels.get(name) not in values
        case "Exists":
            return name in labels
        case "DoesNotExist":
            return name not in labels
    return False
