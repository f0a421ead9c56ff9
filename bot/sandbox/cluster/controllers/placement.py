"""Which nodes a pod may run on, with kube-scheduler's words (1.36) for each that it may not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from bot.sandbox.cluster.contract import Object
from bot.sandbox.cluster.controllers.meta import labels_of
from bot.sandbox.cluster.controllers.quantities import Amount, amount_of
from bot.sandbox.cluster.controllers.selectors import contains, matches

UNSCHEDULABLE = "node(s) were unschedulable"
UNTOLERATED = "node(s) had untolerated taint(s)"
NOT_SELECTED = "node(s) didn't match Pod's node affinity/selector"
NO_PORTS = "node(s) didn't have free ports for the requested pod ports"
_CORDON = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


@dataclass
class Load:
    """What is taken on one node."""

    amount: Amount = field(default_factory=Amount)
    pods: int = 0
    ports: Counter[tuple[str, int]] = field(default_factory=Counter)


@dataclass(frozen=True)
class Refusal:
    """Why one node can't take the pod; `curable` if the removal of other pods would help."""

    reasons: tuple[str, ...]
    curable: bool = False


def host_ports(pod: Object) -> list[tuple[str, int]]:
    """The node's ports that the pod wants for itself."""
    ports = (port for each in pod["spec"]["containers"] for port in each.get("ports") or ())
    return [(port.get("protocol", "TCP"), port["hostPort"]) for port in ports if port.get("hostPort")]


def tolerates(pod: Object, taint: Object) -> bool:
    """Whether one of the pod's tolerations covers the taint."""
    for each in pod["spec"].get("tolerations") or ():
        if each.get("effect") not in (None, "", taint["effect"]):
            continue
        if each.get("operator") == "Exists" and each.get("key") in (None, "", taint["key"]):
            return True
        if each.get("key") == taint["key"] and each.get("value", "") == taint.get("value", ""):
            return True
    return False


def untolerated(pod: Object, node: Object, effects: Iterable[str]) -> bool:
    """Whether the node has a taint with one of these effects that keeps the pod off."""
    taints = node["spec"].get("taints") or ()
    return any(taint["effect"] in effects and not tolerates(pod, taint) for taint in taints)


def selected(pod: Object, node: Object) -> bool:
    """Whether the pod's nodeSelector and required node affinity allow the node."""
    if not contains(labels_of(node), pod["spec"].get("nodeSelector") or {}):
        return False
    affinity = ((pod["spec"].get("affinity") or {}).get("nodeAffinity")) or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return required is None or any(_term(term, node) for term in required.get("nodeSelectorTerms") or ())


def _term(term: Object, node: Object) -> bool:
    fields = {"metadata.name": node["metadata"]["name"]}
    return matches({"matchExpressions": term.get("matchExpressions")}, labels_of(node)) and matches(
        {"matchExpressions": term.get("matchFields")}, fields
    )


def refusal(pod: Object, wanted: Amount, node: Object, load: Load) -> Refusal | None:
    """Why the node can't take the pod, by the first filter that says no; None when it can."""
    if node["spec"].get("unschedulable") and not tolerates(pod, _CORDON):
        return Refusal((UNSCHEDULABLE,))
    if untolerated(pod, node, ("NoSchedule", "NoExecute")):
        return Refusal((UNTOLERATED,))
    if not selected(pod, node):
        return Refusal((NOT_SELECTED,))
    if any(load.ports[port] for port in host_ports(pod)):
        return Refusal((NO_PORTS,), curable=True)
    return _fit(wanted, node, load)


def _fit(wanted: Amount, node: Object, load: Load) -> Refusal | None:
    allocatable = node["status"]["allocatable"]
    capacity = amount_of(allocatable)
    free = capacity.minus(load.amount)
    reasons = []
    if load.pods + 1 > int(allocatable.get("pods", 110)):
        reasons.append("Too many pods")
    if 0 < wanted.cpu > free.cpu:
        reasons.append("Insufficient cpu")
    if 0 < wanted.memory > free.memory:
        reasons.append("Insufficient memory")
    if not reasons:
        return None
    return Refusal(tuple(reasons), curable=wanted.cpu <= capacity.cpu and wanted.memory <= capacity.memory)


def explain(refusals: list[Refusal]) -> str:
    """The message of FailedScheduling, as kube-scheduler writes it when preemption can't help either."""
    if not refusals:
        return "no nodes available to schedule pods"
    counts = Counter(reason for each in refusals for reason in each.reasons)
    reasons = ", ".join(sorted(f"{count} {reason}" for reason, count in counts.items()))
    cures = Counter(
        "No preemption victims found for incoming pod" if each.curable else "Preemption is not helpful for scheduling"
        for each in refusals
    )
    cure = ", ".join(sorted(f"{count} {reason}" for reason, count in cures.items()))
    head = f"0/{len(refusals)} nodes are available:"
    return f"{head} {reasons}. no new claims to deallocate, preemption: {head} {cure}."
