"""Kubernetes quantities (`100m`, `1Gi`) and what a pod asks of its node."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from bot.sandbox.cluster.contract import Object

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


def quantity(text: str | int | float) -> Decimal:
    """A quantity's value in its base unit (cores, bytes)."""
    value = str(text)
    for suffix in (value[-2:], value[-1:]):
        if suffix in _FACTORS and len(value) > len(suffix):
            return Decimal(value.removesuffix(suffix)) * _FACTORS[suffix]
    return Decimal(value)


class Amount(NamedTuple):
    """Processor time in thousandths of a core, memory in bytes."""

    cpu: int = 0
    memory: int = 0

    def plus(self, other: Amount) -> Amount:
        """Both together."""
        return Amount(self.cpu + other.cpu, self.memory + other.memory)

    def minus(self, other: Amount) -> Amount:
        """What is left."""
        return Amount(self.cpu - other.cpu, self.memory - other.memory)

    def most(self, other: Amount) -> Amount:
        """The larger of each."""
        return Amount(max(self.cpu, other.cpu), max(self.memory, other.memory))


def amount_of(resources: Object | None) -> Amount:
    """A resource list (`{"cpu": "100m", "memory": "1Gi"}`) as an amount."""
    listed = resources or {}
    return Amount(int(quantity(listed.get("cpu", 0)) * 1000), int(quantity(listed.get("memory", 0))))


def is_sidecar(container: Object) -> bool:
    """Whether an init container keeps running beside the others (a native sidecar)."""
    return container.get("restartPolicy") == "Always"


def _requests(container: Object) -> Amount:
    return amount_of((container.get("resources") or {}).get("requests"))


def _total(amounts: Iterable[Amount]) -> Amount:
    total = Amount()
    for each in amounts:
        total = total.plus(each)
    return total


def requests_of(pod: Object) -> Amount:
    """What the scheduler reserves for a pod: its containers and sidecars, or the largest init step if that is more."""
    spec = pod["spec"]
    sidecars, largest = Amount(), Amount()
    for container in spec.get("initContainers") or ():
        if is_sidecar(container):
            sidecars = sidecars.plus(_requests(container))
            largest = largest.most(sidecars)
        else:
            largest = largest.most(sidecars.plus(_requests(container)))
    running = sidecars.plus(_total(map(_requests, spec["containers"])))
    return running.most(largest).plus(amount_of(spec.get("overhead")))


def quality_of(pod: Object) -> str:
    """The pod's QoS class: Guaranteed, Burstable or BestEffort."""
    containers = [*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or ())]
    lists = [each.get("resources") or {} for each in containers]
    if not any(each.get("requests") or each.get("limits") for each in lists):
        return "BestEffort"
    for each in lists:
        limits, requests = each.get("limits") or {}, each.get("requests") or each.get("limits") or {}
        for name in ("cpu", "memory"):
            if name not in limits or quantity(limits[name]) != quantity(requests.get(name, limits[name])):
                return "Burstable"
    return "Guaranteed"
