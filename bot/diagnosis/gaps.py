"""Gaps between a Service's port and what listens behind it, for the mesh's own programs.

Their manifests rarely declare ports, so that it is told here where they listen.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.diagnosis.facts import describe, join_labels, show_field
from bot.diagnosis.mesh_state import NamespaceState
from bot.diagnosis.object_facts import get_template_labels, matches_labels
from bot.kinds import DEPLOYMENT, POD, Object
from bot.knowledge.objects.workloads import get_labels
from bot.text import Text

LISTENS = {
    "prometheus": (9090,),
    "kiali": (20001, 9090),
    "jaeger": (16686, 9411, 4317, 4318, 14250, 14268, 14269),
    "istiod": (15010, 15012, 15014, 15017, 8080),
}
"""Ports of programs by a label `app` or `app.kubernetes.io/name` of their pods (the samples of
Istio 1.23 and 1.30)."""


def find_port_gap(service: Object, port: int, pods: Sequence[Object]) -> Text | None:
    """Return what is wrong on the way from a Service's port to its pods; None where all fits."""
    ports = service["spec"].get("ports") or []
    asked = next((p for p in ports if p.get("port") == port), None)
    if asked is None:
        return show_field(service, "ports", ", ".join(str(p.get("port")) for p in ports) or "none")
    target = asked.get("targetPort") or port
    if pods and not any(listens_at(pod, target) for pod in pods):
        return show_field(service, f"port {port}: targetPort", target)
    return None


def listens_at(pod: Object, target: int | str) -> bool:
    """Tell whether a pod may listen at a port: it declares it, its program is known to, or nothing
    is known of it."""
    declared = [
        each
        for container in pod["spec"].get("containers") or []
        for each in container.get("ports") or []
    ]
    if isinstance(target, str) and not target.isdigit():
        return any(each.get("name") == target for each in declared)
    labels = get_labels(pod)
    name = labels.get("app") or labels.get("app.kubernetes.io/name", "")
    known = {*LISTENS.get(name, ()), *(int(p.get("containerPort", 0)) for p in declared)}
    return name not in LISTENS or int(target) in known


def list_pods_behind(state: NamespaceState, service: Object) -> list[Object]:
    """Return the pods that a Service selects, in whatever namespace that was read."""
    selector = service["spec"].get("selector") or {}
    place = service["metadata"].get("namespace", "")
    return [
        pod
        for pod in state.cluster.by_namespace.get((POD, place), [])
        if selector and matches_labels(selector, get_labels(pod))
    ]


def find_selector_gap(state: NamespaceState, service: Object, owner: Object) -> Text | None:
    """Return that a Service does not select the pods of a Deployment; None where it does."""
    selector = service["spec"].get("selector") or {}
    if selector and matches_labels(selector, get_template_labels(owner)):
        return None
    others = [
        d
        for d in state.cluster.by_namespace.get((DEPLOYMENT, service["metadata"]["namespace"]), [])
        if selector and matches_labels(selector, get_template_labels(d))
    ]
    words = f" ({describe(others[0])})" if others else ""
    return show_field(service, "spec.selector", f"{join_labels(selector)}{words}")
