"""Scheduler filters: the nodes a pod may run on.

The reasons against a node are in kube-scheduler's words (1.36).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from sandbox.cluster.contract import Object
from sandbox.cluster.machinery.meta import labels_of
from sandbox.cluster.machinery.quantities import ResourceAmount, parse_resources
from sandbox.cluster.machinery.selectors import has_labels, matches_label_selector

UNSCHEDULABLE = "node(s) were unschedulable"
UNTOLERATED = "node(s) had untolerated taint(s)"
NOT_SELECTED = "node(s) didn't match Pod's node affinity/selector"
NO_PORTS = "node(s) didn't have free ports for the requested pod ports"
_CORDON = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


@dataclass
class NodeLoad:
    """The resources, pods and host ports in use on one node."""

    amount: ResourceAmount = field(default_factory=ResourceAmount)
    pods: int = 0
    ports: Counter[tuple[str, int]] = field(default_factory=Counter)


@dataclass(frozen=True)
class FilterFailure:
    """The reasons why one node can't run the pod.

    `curable` if the removal of other pods would help.
    """

    reasons: tuple[str, ...]
    curable: bool = False


def list_host_ports(pod: Object) -> list[tuple[str, int]]:
    """Return the (protocol, port) pairs that the pod wants on its node."""
    ports = (port for each in pod["spec"]["containers"] for port in each.get("ports") or ())
    return [
        (port.get("protocol", "TCP"), port["hostPort"]) for port in ports if port.get("hostPort")
    ]


def tolerates_taint(pod: Object, taint: Object) -> bool:
    """Tell whether one of the pod's tolerations covers the taint."""
    for each in pod["spec"].get("tolerations") or ():
        if each.get("effect") not in (None, "", taint["effect"]):
            continue
        if each.get("operator") == "Exists" and each.get("key") in (None, "", taint["key"]):
            return True
        if each.get("key") == taint["key"] and each.get("value", "") == taint.get("value", ""):
            return True
    return False


def has_untolerated_taint(pod: Object, node: Object, effects: Iterable[str]) -> bool:
    """Tell whether a taint with one of these effects keeps the pod off the node."""
    taints = node["spec"].get("taints") or ()
    return any(taint["effect"] in effects and not tolerates_taint(pod, taint) for taint in taints)


def matches_node_affinity(pod: Object, node: Object) -> bool:
    """Tell whether the pod's nodeSelector and required node affinity allow the node."""
    if not has_labels(labels_of(node), pod["spec"].get("nodeSelector") or {}):
        return False
    affinity = ((pod["spec"].get("affinity") or {}).get("nodeAffinity")) or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return required is None or any(
        _matches_term(term, node) for term in required.get("nodeSelectorTerms") or ()
    )


def _matches_term(term: Object, node: Object) -> bool:
    fields = {"metadata.name": node["metadata"]["name"]}
    return matches_label_selector(
        {"matchExpressions": term.get("matchExpressions")}, labels_of(node)
    ) and matches_label_selector({"matchExpressions": term.get("matchFields")}, fields)


def filter_node(
    pod: Object, wanted: ResourceAmount, node: Object, load: NodeLoad
) -> FilterFailure | None:
    """Return the failure of the first filter that rejects the node, or None when the pod fits."""
    if node["spec"].get("unschedulable") and not tolerates_taint(pod, _CORDON):
        return FilterFailure((UNSCHEDULABLE,))
    if has_untolerated_taint(pod, node, ("NoSchedule", "NoExecute")):
        return FilterFailure((UNTOLERATED,))
    if not matches_node_affinity(pod, node):
        return FilterFailure((NOT_SELECTED,))
    if any(load.ports[port] for port in list_host_ports(pod)):
        return FilterFailure((NO_PORTS,), curable=True)
    return _filter_by_resources(wanted, node, load)


def _filter_by_resources(
    wanted: ResourceAmount, node: Object, load: NodeLoad
) -> FilterFailure | None:
    allocatable = node["status"]["allocatable"]
    capacity = parse_resources(allocatable)
    free = capacity.minus(load.amount)
    reasons = []
    if load.pods + 1 > int(allocatable.get("pods", 110)):
        reasons.append("Too many pods")
    # What asks for nothing fits even where too much is asked for already.
    if 0 < wanted.cpu > free.cpu:
        reasons.append("Insufficient cpu")
    if 0 < wanted.memory > free.memory:
        reasons.append("Insufficient memory")
    if not reasons:
        return None
    return FilterFailure(
        tuple(reasons), curable=wanted.cpu <= capacity.cpu and wanted.memory <= capacity.memory
    )


def explain_unschedulable(refusals: list[FilterFailure]) -> str:
    """Return the message of FailedScheduling.

    It is what kube-scheduler writes when preemption can't help either.
    """
    if not refusals:
        return "no nodes available to schedule pods"
    counts = Counter(reason for each in refusals for reason in each.reasons)
    reasons = ", ".join(sorted(f"{count} {reason}" for reason, count in counts.items()))
    cures = Counter(
        "No preemption victims found for incoming pod"
        if each.curable
        else "Preemption is not helpful for scheduling"
        for each in refusals
    )
    cure = ", ".join(sorted(f"{count} {reason}" for reason, count in cures.items()))
    head = f"0/{len(refusals)} nodes are available:"
    return f"{head} {reasons}. no new claims to deallocate, preemption: {head} {cure}."


def explain_claim(problem: str, nodes: int) -> str:
    """Return the message of FailedScheduling about a claim that no node can mount."""
    head = f"0/{nodes} nodes are available:"
    cure = f"{nodes} Preemption is not helpful for scheduling"
    return f"{head} {problem}. no new claims to deallocate, preemption: {head} {cure}."
