"""Capacity of a cluster for the workshop: versions, nodes, CPU and memory."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bot.kinds import Object
from bot.knowledge.objects.workloads import get_condition

CPU_NEEDED = 1.5
"""Cores that must be free: the sidecar part of the workshop requests 1.32 (Istio 1.23.2 and
1.30.3)."""
MEMORY_NEEDED = 3.5 * 2**30
"""Bytes that must be free: the same requests 3.1 GiB."""

UNITS = {"": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15} | {
    f"{entry}i": float(2 ** (10 * power)) for power, entry in enumerate("KMGTP", start=1)
}


def parse_quantity(text: str | float) -> float:
    """Return a Kubernetes quantity (`500m`, `2Gi`) as a number; 0 when it cannot be parsed."""
    match = re.fullmatch(r"([0-9.]+(?:[eE][+-]?\d+)?)([A-Za-z]*)", str(text))
    return float(match[1]) * UNITS.get(match[2], 0.0) if match else 0.0


def is_schedulable(node: Object) -> bool:
    """Tell whether a node is Ready and takes pods."""
    return get_condition(node, "Ready").get("status") == "True" and not node["spec"].get(
        "unschedulable"
    )


def sum_requests(pods: Iterable[Object], resource: str) -> float:
    """Return the sum of a resource that pods request; finished ones hold nothing any more."""
    total = 0.0
    for pod in pods:
        if pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}:
            continue
        for container in pod["spec"].get("containers") or []:
            total += parse_quantity(
                ((container.get("resources") or {}).get("requests") or {}).get(resource, 0)
            )
    return total


def compute_free_capacity(nodes: Iterable[Object], pods: Iterable[Object], resource: str) -> float:
    """Return what the schedulable nodes still have of `cpu` (cores) or `memory` (bytes)."""
    usable = [node for node in nodes if is_schedulable(node)]
    names = {node["metadata"]["name"] for node in usable}
    allocatable = sum(
        parse_quantity(node["status"].get("allocatable", {}).get(resource, 0)) for node in usable
    )
    return allocatable - sum_requests(
        [pod for pod in pods if pod["spec"].get("nodeName") in names], resource
    )


def parse_minor_version(version: str) -> int:
    """Return the minor number of `v1.36.3`; 0 when it cannot be parsed."""
    match = re.match(r"v?1\.(\d+)", version)
    return int(match[1]) if match else 0
