"""Scheduler filters that look at more than the node: what other pods are there, the claims that the
pod mounts, and what only some nodes have.

The reasons are in kube-scheduler's words (1.36). Volumes are not provisioned here: a claim is taken
for bound unless it is not there or names a class that nobody provides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sandbox.cluster.contract import Object
from sandbox.cluster.machinery.meta import labels_of
from sandbox.cluster.machinery.quantities import parse_quantity
from sandbox.cluster.machinery.selectors import matches_label_selector

NOT_BESIDE = "node(s) didn't match pod affinity rules"
BESIDE = "node(s) didn't match pod anti-affinity rules"
UNEVEN = "node(s) didn't match pod topology spread constraints"
UNLABELLED = f"{UNEVEN} (missing required label)"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_COUNTED = ("cpu", "memory", "pods")


def find_claim_problem(
    pod: Object, claims: Mapping[tuple[str, str], Object], classes: Iterable[str]
) -> str:
    """Return why no node can mount what the pod claims, or ""; claims by namespace and name."""
    namespace, known = pod["metadata"].get("namespace", ""), set(classes)
    for volume in pod["spec"].get("volumes") or ():
        name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if not name:
            continue
        claim = claims.get((namespace, name))
        if claim is None:
            return f'persistentvolumeclaim "{name}" not found'
        wanted = claim["spec"].get("storageClassName")
        bound = (claim.get("status") or {}).get("phase") == "Bound" or claim["spec"].get(
            "volumeName"
        )
        if wanted is not None and wanted not in known and not bound:
            return "pod has unbound immediate PersistentVolumeClaims"
    return ""


def list_missing_resources(pod: Object, node: Object) -> list[str]:
    """Return what the pod asks for and the node has not, beside processor time and memory:
    devices and room on its disk."""
    asked: dict[str, float] = {}
    for container in pod["spec"]["containers"]:
        resources = container.get("resources") or {}
        wanted = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
        for name, amount in wanted.items():
            if name not in _COUNTED:
                asked[name] = asked.get(name, 0.0) + float(parse_quantity(amount))
    room = node["status"]["allocatable"]
    return [
        f"Insufficient {name}"
        for name, amount in asked.items()
        if amount > float(parse_quantity(room.get(name, 0)))
    ]


def find_affinity_problem(
    pod: Object, node: Object, placed: Iterable[Object], nodes: Mapping[str, Object]
) -> str:
    """Return why the pods that are placed keep this one off the node, or ""."""
    affinity = pod["spec"].get("affinity") or {}
    others = list(placed)
    for term in (affinity.get("podAffinity") or {}).get(_REQUIRED) or ():
        meant = [p for p in others if _is_meant(term, pod, p)]
        alone = not meant and _is_meant(term, pod, pod)
        if not alone and not any(_share_topology(term, node, p, nodes) for p in meant):
            return NOT_BESIDE
    for term in (affinity.get("podAntiAffinity") or {}).get(_REQUIRED) or ():
        meant = [p for p in others if _is_meant(term, pod, p)]
        if any(_share_topology(term, node, p, nodes) for p in meant):
            return BESIDE
    return ""


def find_spread_problem(
    pod: Object, node: Object, placed: Iterable[Object], nodes: Mapping[str, Object]
) -> str:
    """Return why an even spread of the pods keeps this one off the node, or ""."""
    others = list(placed)
    for rule in pod["spec"].get("topologySpreadConstraints") or ():
        if rule.get("whenUnsatisfiable", "DoNotSchedule") != "DoNotSchedule":
            continue
        key = rule.get("topologyKey", "")
        mine = labels_of(node).get(key)
        if mine is None:
            return UNLABELLED
        counts = {
            value: 0 for each in nodes.values() if (value := labels_of(each).get(key)) is not None
        }
        for each in others:
            there = nodes.get(each["spec"].get("nodeName", ""))
            value = labels_of(there).get(key) if there else None
            if value in counts and _is_meant(rule, pod, each):
                counts[value] += 1
        more = 1 if _is_meant(rule, pod, pod) else 0
        if counts[mine] + more - min(counts.values()) > int(rule.get("maxSkew", 1)):
            return UNEVEN
    return ""


def _is_meant(term: Object, pod: Object, other: Object) -> bool:
    namespaces = term.get("namespaces") or [pod["metadata"].get("namespace")]
    return (
        "namespaceSelector" in term or other["metadata"].get("namespace") in namespaces
    ) and matches_label_selector(term.get("labelSelector") or {}, labels_of(other))


def _share_topology(term: Object, node: Object, other: Object, nodes: Mapping[str, Object]) -> bool:
    there = nodes.get(other["spec"].get("nodeName", ""))
    key = term.get("topologyKey", "")
    value = labels_of(node).get(key)
    return there is not None and value is not None and labels_of(there).get(key) == value
