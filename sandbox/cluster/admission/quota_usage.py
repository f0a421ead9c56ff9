"""What counts against a ResourceQuota: objects, and what pods ask for.

As the evaluators of kube-controller-manager and of the plugin ResourceQuota (Kubernetes 1.36).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from sandbox.cluster.contract import Object, Ref
from sandbox.cluster.machinery.quantities import (
    compute_qos_class,
    format_quantity,
    parse_quantity,
    sum_pod_resource,
)

QUOTAS = Ref("", "resourcequotas")
PODS, SERVICES = Ref("", "pods"), Ref("", "services")
_PLAIN_COUNTS = (
    "configmaps pods persistentvolumeclaims replicationcontrollers resourcequotas secrets services"
).split()
_COMPUTE = ("cpu", "memory", "ephemeral-storage")

Lister = Callable[[Ref], Iterable[Object]]
"""Gives the objects of one type in the quota's namespace."""


def list_hard(quota: Object) -> dict[str, str]:
    """Return the bounds that a quota sets, by resource."""
    return {k: str(v) for k, v in ((quota.get("spec") or {}).get("hard") or {}).items()}


def find_counted_type(resource: str) -> Ref | None:
    """Return the type whose objects a quota's resource is about; None for one that is unknown."""
    if resource.startswith("count/"):
        plural, _, group = resource.removeprefix("count/").partition(".")
        return Ref(group, plural)
    if resource in _PLAIN_COUNTS:
        return Ref("", resource)
    if resource.startswith("services."):
        return SERVICES
    return PODS if _split_compute(resource) else None


def _split_compute(resource: str) -> tuple[str, str] | None:
    """Return (`requests` or `limits`, name) of a resource that pods ask for."""
    kind, dot, name = resource.partition(".")
    if dot and kind in ("requests", "limits"):
        return kind, name
    return ("requests", resource) if resource in _COMPUTE else None


def measure_object(ref: Ref, obj: Object, resources: Iterable[str]) -> dict[str, Decimal]:
    """Return how much of each of these resources an object uses."""
    return {r: _measure(ref, obj, r) for r in resources if find_counted_type(r) == ref}


def _measure(ref: Ref, obj: Object, resource: str) -> Decimal:
    spec = obj.get("spec") or {}
    if ref == PODS and _is_finished(obj) and not resource.startswith("count/"):
        return Decimal(0)
    if ref == PODS and (asked := _split_compute(resource)):
        return sum_pod_resource(spec, *asked)
    type_, ports = spec.get("type"), len(spec.get("ports") or ())
    if resource == "services.loadbalancers":
        return Decimal(type_ == "LoadBalancer")
    if resource == "services.nodeports":
        return Decimal(ports if type_ in ("NodePort", "LoadBalancer") else 0)
    return Decimal(1)


def _is_finished(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def is_in_scope(quota: Object, pod: Object) -> bool:
    """Tell whether a quota's scopes are about a pod."""
    spec = quota.get("spec") or {}
    wanted = [
        *({"scopeName": name, "operator": "Exists"} for name in spec.get("scopes") or ()),
        *((spec.get("scopeSelector") or {}).get("matchExpressions") or ()),
    ]
    return all(_matches_scope(each, pod) for each in wanted)


def _matches_scope(wanted: Object, pod: Object) -> bool:
    name, values = str(wanted.get("scopeName")), wanted.get("values") or ()
    limited = pod["spec"].get("activeDeadlineSeconds") is not None
    effort = compute_qos_class(pod) == "BestEffort"
    match name:
        case "Terminating" | "NotTerminating":
            return limited == (name == "Terminating")
        case "BestEffort" | "NotBestEffort":
            return effort == (name == "BestEffort")
    priority = str(pod["spec"].get("priorityClassName") or "")
    match wanted.get("operator"):
        case "In":
            return priority in values
        case "NotIn":
            return priority not in values
        case "DoesNotExist":
            return not priority
    return bool(priority)


def measure_usage(quota: Object, list_objects: Lister) -> dict[str, Decimal]:
    """Return what is used of each resource of a quota that is known."""
    used: dict[str, Decimal] = {}
    for resource in list_hard(quota):
        ref = find_counted_type(resource)
        if ref is None:
            continue
        there = (o for o in list_objects(ref) if ref != PODS or is_in_scope(quota, o))
        parts = (measure_object(ref, o, (resource,))[resource] for o in there)
        used[resource] = sum(parts, Decimal(0))
    return used


def show_amounts(amounts: Mapping[str, Decimal]) -> str:
    """Return amounts as messages list them: `limits.cpu=2,limits.memory=1Gi`."""
    return ",".join(f"{name}={show_amount(name, amounts[name])}" for name in sorted(amounts))


def show_amount(resource: str, amount: Decimal) -> str:
    """Return one amount in Kubernetes' notation."""
    return format_quantity(amount, binary=resource.endswith(("memory", "storage")))


def parse_hard(quota: Object) -> dict[str, Decimal]:
    """Return the bounds of a quota as numbers."""
    return {name: parse_quantity(value) for name, value in list_hard(quota).items()}
