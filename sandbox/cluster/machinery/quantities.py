"""Kubernetes quantities (`100m`, `1Gi`) and what a pod asks of its node."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from sandbox.cluster.contract import Object

_FACTORS = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
}


def parse_quantity(text: str | int | float) -> Decimal:
    """Return a quantity's value in its base unit (cores, bytes)."""
    value = str(text)
    for suffix in (value[-2:], value[-1:]):
        if suffix in _FACTORS and len(value) > len(suffix):
            return Decimal(value.removesuffix(suffix)) * _FACTORS[suffix]
    return Decimal(value)


class ResourceAmount(NamedTuple):
    """Processor time in thousandths of a core, memory in bytes."""

    cpu: int = 0
    memory: int = 0

    def plus(self, other: ResourceAmount) -> ResourceAmount:
        """Return the sum of both."""
        return ResourceAmount(self.cpu + other.cpu, self.memory + other.memory)

    def minus(self, other: ResourceAmount) -> ResourceAmount:
        """Return the difference."""
        return ResourceAmount(self.cpu - other.cpu, self.memory - other.memory)

    def maximum(self, other: ResourceAmount) -> ResourceAmount:
        """Return the larger of each resource."""
        return ResourceAmount(max(self.cpu, other.cpu), max(self.memory, other.memory))


def parse_resources(resources: Object | None) -> ResourceAmount:
    """Return a resource list (`{"cpu": "100m", "memory": "1Gi"}`) as an amount."""
    listed = resources or {}
    return ResourceAmount(
        int(parse_quantity(listed.get("cpu", 0)) * 1000),
        int(parse_quantity(listed.get("memory", 0))),
    )


def is_sidecar(container: Object) -> bool:
    """Tell whether an init container keeps running beside the others (a native sidecar)."""
    return container.get("restartPolicy") == "Always"


def _get_requests(container: Object) -> ResourceAmount:
    return parse_resources((container.get("resources") or {}).get("requests"))


def _sum_amounts(amounts: Iterable[ResourceAmount]) -> ResourceAmount:
    total = ResourceAmount()
    for each in amounts:
        total = total.plus(each)
    return total


def sum_pod_requests(pod: Object) -> ResourceAmount:
    """Return what the scheduler reserves for a pod.

    That is its containers and sidecars, or the largest init step if that is more.
    """
    spec = pod["spec"]
    # Init containers run one after the other, so that the largest counts; sidecars that started
    # before keep what they asked for.
    sidecars, largest = ResourceAmount(), ResourceAmount()
    for container in spec.get("initContainers") or ():
        if is_sidecar(container):
            sidecars = sidecars.plus(_get_requests(container))
            largest = largest.maximum(sidecars)
        else:
            largest = largest.maximum(sidecars.plus(_get_requests(container)))
    running = sidecars.plus(_sum_amounts(map(_get_requests, spec["containers"])))
    return running.maximum(largest).plus(parse_resources(spec.get("overhead")))


def compute_qos_class(pod: Object) -> str:
    """Return the pod's QoS class: Guaranteed, Burstable or BestEffort."""
    containers = [*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or ())]
    lists = [each.get("resources") or {} for each in containers]
    if not any(each.get("requests") or each.get("limits") for each in lists):
        return "BestEffort"
    for each in lists:
        limits, requests = (
            each.get("limits") or {},
            each.get("requests") or each.get("limits") or {},
        )
        for name in ("cpu", "memory"):
            if name not in limits or parse_quantity(limits[name]) != parse_quantity(
                requests.get(name, limits[name])
            ):
                return "Burstable"
    return "Guaranteed"


def format_quantity(value: Decimal, *, binary: bool = False) -> str:
    """Return a quantity as Kubernetes writes it: the largest suffix that leaves a whole number."""
    suffixes = ("Ti", "Gi", "Mi", "Ki") if binary else ("T", "G", "M", "k", "", "m", "u", "n")
    for suffix in suffixes:
        scaled = value / _FACTORS.get(suffix, Decimal(1))
        if value and scaled == scaled.to_integral_value():
            return f"{int(scaled)}{suffix}"
    return f"{int(value)}"


def sum_pod_resource(spec: Object, kind: str, name: str) -> Decimal:
    """Return what a pod asks for of one resource; `kind` is `requests` or `limits`.

    It is the sum of containers and sidecars, or the largest init step if that is more.
    """

    def get(container: Object) -> Decimal:
        listed = (container.get("resources") or {}).get(kind) or {}
        return parse_quantity(listed.get(name, 0))

    before, largest = Decimal(0), Decimal(0)
    for container in spec.get("initContainers") or ():
        if is_sidecar(container):
            before += get(container)
            largest = max(largest, before)
        else:
            largest = max(largest, before + get(container))
    running = before + sum((get(c) for c in spec["containers"]), Decimal(0))
    return max(running, largest)
