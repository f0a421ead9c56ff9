"""LabelSelectors, as webhooks, NetworkPolicies and Gateways have them."""

from __future__ import annotations

from collections.abc import Mapping

from bot.kinds import Object


def matches_selector(selector: Object | None, labels: Mapping[str, str]) -> bool:
    """Tell whether a LabelSelector (matchLabels, matchExpressions) selects these labels.

    None or an empty one selects everything, as in webhooks and NetworkPolicies.
    """
    wanted = selector or {}
    if not (wanted.get("matchLabels") or {}).items() <= labels.items():
        return False
    return all(holds(term, labels) for term in wanted.get("matchExpressions") or [])


def holds(term: Object, labels: Mapping[str, str]) -> bool:
    """Tell whether one expression of a LabelSelector holds for these labels."""
    key, values = term["key"], term.get("values") or []
    match term["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            # Kubernetes: a label that is missing is not in the values either.
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels
