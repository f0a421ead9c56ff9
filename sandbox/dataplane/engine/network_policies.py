"""NetworkPolicies: which connections between pods get through.

As `networking.k8s.io/v1` defines it: a pod that no policy selects takes everything; another one
only what a rule of one of them lets through, in the direction that they are for. What comes from
a node, as the API server's proxy does, always gets in.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from sandbox.cluster.contract import Object
from sandbox.cluster.machinery.selectors import matches_label_selector
from sandbox.dataplane.engine.workloads import Workload
from sandbox.dataplane.objects.pods import get_labels
from sandbox.dataplane.objects.world import Objects

CONNECT_SECONDS = 10.0
"""How long Envoy and ztunnel wait for a connection (Istio's default)."""
LOOKUP_SECONDS = 10.0
"""How long a program waits for a name: 2 attempts of 5 s (resolv.conf's defaults)."""
_RESOLVER = Workload(
    uid="",
    namespace="kube-system",
    pod="coredns",
    node="",
    address="10.96.0.10",
    name="coredns",
    labels={"k8s-app": "kube-dns"},
    ports={"dns": 53},
)


def lets_names_through(policies: Objects, namespaces: Objects, source: Workload) -> bool:
    """Tell whether a pod reaches the cluster's DNS, which is asked by UDP."""
    return lets_through(policies, namespaces, source, _RESOLVER, 53, protocol="UDP")


def lets_through(
    policies: Objects,
    namespaces: Objects,
    source: Workload,
    target: Workload,
    port: int,
    *,
    protocol: str = "TCP",
) -> bool:
    """Tell whether a connection from one pod to a port of another gets through."""
    for direction, own, peer in (("Ingress", target, source), ("Egress", source, target)):
        mine = [p for p in policies.values() if _is_for(p, own, direction)]
        key, side = ("ingress", "from") if direction == "Ingress" else ("egress", "to")
        rules = [(p, r or {}) for p in mine for r in (p["spec"].get(key) or ())]
        if mine and not any(
            _fits_peer(policy, rule.get(side) or (), peer, namespaces)
            and _fits_port(rule.get("ports") or (), target, port, protocol)
            for policy, rule in rules
        ):
            return False
    return True


def _is_for(policy: Object, pod: Workload, direction: str) -> bool:
    spec = policy.get("spec") or {}
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return (
        policy["metadata"]["namespace"] == pod.namespace
        and direction in types
        and matches_label_selector(spec.get("podSelector") or {}, dict(pod.labels))
    )


def _fits_port(ports: Iterable[Object], target: Workload, port: int, protocol: str) -> bool:
    listed = list(ports)
    return not listed or any(
        each.get("protocol", "TCP") == protocol and _is_port(each, target, port) for each in listed
    )


def _is_port(told: Object, target: Workload, port: int) -> bool:
    wanted = told.get("port")
    if wanted is None:
        return True
    if isinstance(wanted, str):
        return target.ports.get(wanted) == port
    return int(wanted) <= port <= int(told.get("endPort") or wanted)


def _fits_peer(
    policy: Object, peers: Iterable[Object], other: Workload, namespaces: Objects
) -> bool:
    listed = list(peers)
    return not listed or any(_is_peer(policy, each, other, namespaces) for each in listed)


def _is_peer(policy: Object, told: Object, other: Workload, namespaces: Objects) -> bool:
    if block := told.get("ipBlock"):
        address = ip_address(other.address)
        return address in ip_network(block["cidr"], strict=False) and not any(
            address in ip_network(each, strict=False) for each in block.get("except") or ()
        )
    if told.get("namespaceSelector") is not None:
        labels = get_labels(namespaces.get(("", other.namespace)))
        if not matches_label_selector(told["namespaceSelector"], labels):
            return False
    elif other.namespace != policy["metadata"]["namespace"]:
        return False
    selector = told.get("podSelector")
    return selector is None or matches_label_selector(selector, dict(other.labels))
