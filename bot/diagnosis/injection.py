"""Sidecar injection as istiod decides it: labels of the namespace, webhooks, and revisions."""

from __future__ import annotations

from bot.diagnosis.objects import get_template_labels
from bot.diagnosis.state import INJECTION, REVISION, NamespaceState
from bot.knowledge.objects.selectors import matches_selector
from bot.knowledge.objects.workloads import get_labels


def asks_for_injection(state: NamespaceState) -> str:
    """Return the label by which the namespace validly asks for sidecars, or ""."""
    if state.labels.get(INJECTION) == "enabled":
        return INJECTION
    # istio-injection beats istio.io/rev, whatever it says (Istio 1.23 and 1.30).
    return REVISION if INJECTION not in state.labels and state.labels.get(REVISION) else ""


def selects_namespace(state: NamespaceState, pod_labels: dict[str, str] | None = None) -> bool:
    """Tell whether an injector would inject a pod of the namespace, by both selectors."""
    return any(
        matches_selector(hook.get("namespaceSelector"), state.labels)
        and matches_selector(hook.get("objectSelector"), pod_labels or {})
        for configuration in state.shared.injector_webhooks
        for hook in configuration.get("webhooks") or []
    )


def serves_revision(state: NamespaceState, revision: str) -> bool:
    """Tell whether an istiod or an injector's webhook is of that revision or tag."""
    served = {
        get_labels(w).get(REVISION)
        for w in [*state.shared.istiods, *state.shared.injector_webhooks]
    }
    served |= {get_labels(w).get("istio.io/tag") for w in state.shared.injector_webhooks}
    served |= {get_template_labels(w).get(REVISION) for w in state.shared.istiods}
    return revision in served
