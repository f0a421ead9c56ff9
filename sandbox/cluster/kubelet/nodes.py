"""The simulated nodes as API objects: their capacity, addresses and conditions."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network

from sandbox.cluster.contract import Object

VERSION = "v1.36.3"
_WELL = (
    (
        "MemoryPressure",
        "False",
        "KubeletHasSufficientMemory",
        "kubelet has sufficient memory available",
    ),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)


@dataclass(frozen=True)
class SimulatedNode:
    """One node to simulate. `labels` and `taints` are added to the usual ones."""

    name: str
    cpu: str = "8"
    memory: str = "16Gi"
    pods: int = 110
    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[Object, ...] = ()


DEFAULT_NODES = (SimulatedNode("node-1"), SimulatedNode("node-2"))


def compute_node_address(number: int) -> str:
    """Return the address of the node with that number (from 0).

    It is out of a range kept for documentation.
    """
    return (
        f"192.0.2.{11 + number}" if number < 240 else f"198.51.{number // 250}.{number % 250 + 1}"
    )


def compute_pod_network(number: int, node: SimulatedNode) -> IPv4Network:
    """Return the pod network of a node.

    It is a /24, or a /16 when the node may hold more pods than that has room for.
    """
    if node.pods <= 250:
        return IPv4Network(f"10.{244 + number // 256}.{number % 256}.0/24")
    return IPv4Network(f"10.{100 + number}.0.0/16")


def build_node_object(number: int, node: SimulatedNode, stamp: str) -> Object:
    """Return the node as its kubelet registers it."""
    network = str(compute_pod_network(number, node))
    room = {
        "cpu": node.cpu,
        "ephemeral-storage": "100Gi",
        "memory": node.memory,
        "pods": str(node.pods),
    }
    labels = {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": node.name,
        "kubernetes.io/os": "linux",
        **node.labels,
    }
    spec: Object = {"podCIDR": network, "podCIDRs": [network]}
    if node.taints:
        spec["taints"] = [dict(taint) for taint in node.taints]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": labels},
        "spec": spec,
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": compute_node_address(number)},
                {"type": "Hostname", "address": node.name},
            ],
            "allocatable": room,
            "capacity": room,
            "conditions": build_ready_conditions(stamp),
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": "",
                "containerRuntimeVersion": "containerd://2.2.1",
                "kernelVersion": "simulated",
                "kubeProxyVersion": "",
                "kubeletVersion": VERSION,
                "machineID": "",
                "operatingSystem": "linux",
                "osImage": "simulated",
                "systemUUID": "",
            },
        },
    }


def build_ready_conditions(stamp: str) -> list[Object]:
    """Return the conditions of a node that is up."""
    return [
        {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message,
            "lastHeartbeatTime": stamp,
            "lastTransitionTime": stamp,
        }
        for kind, status, reason, message in _WELL
    ]


def build_unknown_conditions(conditions: list[Object], stamp: str) -> list[Object]:
    """Return the same conditions once the kubelet has been silent for too long."""
    return [
        {
            **each,
            "status": "Unknown",
            "reason": "NodeStatusUnknown",
            "message": "Kubelet stopped posting node status.",
            "lastTransitionTime": stamp,
        }
        for each in conditions
    ]
