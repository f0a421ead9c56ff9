"""Sidecar injection as istiod decides it: labels of the namespace, webhooks, and revisions."""

from __future__ import annotations

from bot.diagnosis.mesh_state import INJECTION, REVISION, NamespaceState
from bot.diagnosis.object_facts import get_template_labels
from bot.kinds import Object
from bot.knowledge.istio.sidecars import OPT_OUT_KEY
from bot.knowledge.objects.selectors import matches_selector
from bot.knowledge.objects.workloads import get_labels

YES = ("y", "yes", "true", "on")
"""The words that ask for a sidecar; before Istio 1.27 every other one refused it, since then
`false` alone does (istiod's source)."""


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


def get_template_meta(workload: Object) -> Object:
    """Return the metadata of a workload's pod template."""
    meta: Object = workload["spec"]["template"].get("metadata") or {}
    return meta


def find_opt_out(state: NamespaceState, meta: Object) -> tuple[str, str] | None:
    """Return where a pod or a template refuses a sidecar, labels or annotations, and the word.

    A label counts before an annotation.
    """
    for kind in ("labels", "annotations"):
        word = (meta.get(kind) or {}).get(OPT_OUT_KEY)
        if word is not None:
            refused = word == "false" or (
                word and is_before_127(state.cluster.release) and word.lower() not in YES
            )
            return (kind, word) if refused else None
    return None


def is_before_127(release: str) -> bool:
    """Tell whether a release of Istio is older than 1.27; one that is not known counts as newer."""
    major, _, rest = release.partition(".")
    minor = rest.partition(".")[0].partition("-")[0]
    return major.isdigit() and minor.isdigit() and (int(major), int(minor)) < (1, 27)
