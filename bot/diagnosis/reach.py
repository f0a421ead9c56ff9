"""Whom requests reach: the pods that rules send them to, and the users whom rules tell apart."""

from __future__ import annotations

from collections.abc import Iterator

from bot.diagnosis.mesh_rules import (
    list_rules_in_force,
    list_subsets,
    list_used_destinations,
)
from bot.diagnosis.mesh_state import APPS, NamespaceState, is_in_mesh
from bot.diagnosis.policy_rules import USER_KEY
from bot.kinds import AUTHORIZATION_POLICY, Object
from bot.knowledge.objects.workloads import get_labels

MOST_USERS = 2
"""Users who are asked for; the rules of a workshop name one, jason."""


def is_reached(state: NamespaceState, app: str, pod: Object) -> bool:
    """Tell whether requests to one of Bookinfo's Services reach one of its pods, by the rules in
    force: all pods where none leads elsewhere."""
    rules = list_rules_in_force(state, app)
    if not is_in_mesh(state) or not any(rule.catches_all for rule in rules):
        return True
    subsets = list_subsets(state, app, state.namespace)
    for _, destination in list_used_destinations(state, app):
        if (destination.service, destination.namespace) != (app, state.namespace):
            continue
        labels = subsets.get(destination.subset, {}) if destination.subset else {}
        if labels.items() <= get_labels(pod).items():
            return True
    return False


def list_told_users(state: NamespaceState) -> list[str]:
    """Return the users for whom rules or policies of the namespace make a difference, by name."""
    found = {
        user for app in APPS for rule in list_rules_in_force(state, app) for user in rule.users
    }
    return sorted(found | set(list_policy_users(state)))[:MOST_USERS]


def list_policy_users(state: NamespaceState) -> Iterator[str]:
    """Yield the users whom AuthorizationPolicies of the namespace name by the header end-user."""
    for policy in state.list_own(AUTHORIZATION_POLICY):
        for rule in policy.get("spec", {}).get("rules") or []:
            for condition in rule.get("when") or []:
                if str(condition.get("key", "")).lower() == USER_KEY:
                    values = [*(condition.get("values") or []), *(condition.get("notValues") or [])]
                    yield from (str(v) for v in values if "*" not in str(v))
