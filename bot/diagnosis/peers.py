"""Who calls whom in Bookinfo, and which mutual TLS a callee takes."""

from __future__ import annotations

from collections.abc import Iterator

from bot.diagnosis.mesh_rules import order_by_age
from bot.diagnosis.mesh_state import CALLS, NamespaceState, list_pods_of
from bot.diagnosis.object_facts import matches_labels
from bot.diagnosis.service_ports import list_selected_pods
from bot.kinds import PEER_AUTHENTICATION, Object
from bot.knowledge.objects.mesh_pods import has_sidecar, is_captured
from bot.knowledge.objects.workloads import get_labels

ASK_RATINGS = {"v2", "v3"}
"""The versions of reviews that ask ratings (Bookinfo 1.20)."""


def find_policy(state: NamespaceState, pod: Object, port: int = 9080) -> tuple[str, Object | None]:
    """Return the mode of mutual TLS that a pod's port asks for, and the policy that says so.

    The policy of the workload goes before the namespace's, and that before the mesh's; UNSET
    inherits; without any it is PERMISSIVE (Istio 1.23 and 1.30). Of two of the same reach the
    oldest counts.
    """
    own = sorted(state.list_own(PEER_AUTHENTICATION), key=order_by_age)
    root = sorted(state.shared.list_mesh(PEER_AUTHENTICATION), key=order_by_age)
    labels = get_labels(pod)
    chosen = [
        [p for p in own if matches_labels(get_selector(p), labels)],
        [p for p in own if not get_selector(p)],
        [p for p in root if not get_selector(p)],
    ]
    for policies in chosen:
        for policy in policies[:1]:
            ports = policy["spec"].get("portLevelMtls") or {}
            mode = (ports.get(str(port)) or ports.get(port) or {}).get("mode") or (
                policy["spec"].get("mtls") or {}
            ).get("mode", "UNSET")
            if mode != "UNSET":
                return str(mode), policy
    return "PERMISSIVE", None


def get_selector(policy: Object) -> dict[str, str]:
    """Return the labels that a policy selects, empty for a whole namespace."""
    return (policy.get("spec", {}).get("selector") or {}).get("matchLabels") or {}


def is_protected(pod: Object) -> bool:
    """Tell whether a proxy enforces mutual TLS for a pod."""
    return has_sidecar(pod) or is_captured(pod)


def list_calls(state: NamespaceState) -> Iterator[tuple[Object, Object]]:
    """Yield the pods of Bookinfo that call, with one pod of each Service that they call."""
    for caller, callee in CALLS:
        service = state.services.get(callee)
        callees = list_selected_pods(state, service) if service else list_pods_of(state, callee)
        for pod in list_pods_of(state, caller):
            if caller == "reviews" and get_labels(pod).get("version") not in ASK_RATINGS:
                continue
            for other in callees:
                yield pod, other
