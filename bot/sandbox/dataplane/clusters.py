"""Clusters, Envoy's word for where a route leads: which exist for a proxy, and the endpoints of each.

A route may name a cluster that does not exist (503, flag NC), and a cluster may have no endpoints (503, flag UH).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from bot.sandbox.cluster.contract import Object
from bot.sandbox.dataplane.objects import DOMAIN, ROOT_NAMESPACE, Endpoint, World, hostname, port_of, protocol
from bot.sandbox.dataplane.objects_pods import Proxy

PASSTHROUGH = "PassthroughCluster"
"""Where a sidecar sends what no virtual host answers to: on to the address that the client wanted."""
OUTBOUND, INBOUND_VIP = "outbound", "inbound-vip"
T = TypeVar("T")


@dataclass(frozen=True)
class Cluster:
    """A cluster's name, taken apart: `outbound|9080|v2|reviews.bookinfo.svc.cluster.local`."""

    direction: str
    port: int
    subset: str
    host: str

    def __str__(self) -> str:
        return f"{self.direction}|{self.port}|{self.subset}|{self.host}"

    @property
    def version(self) -> str:
        """The DestinationRule's subset; a waypoint's clusters have the protocol in front of it."""
        return self.subset.partition("/")[2] if self.direction == INBOUND_VIP else self.subset


def parse_cluster(name: str) -> Cluster | None:
    """The parts of a cluster's name; None for those without parts, such as `PassthroughCluster`."""
    parts = name.split("|")
    return Cluster(parts[0], int(parts[1]), parts[2], parts[3]) if len(parts) == 4 else None


def full_host(host: str, namespace: str) -> str:
    """A host as an Istio rule of that namespace means it: names without dots are Services beside the rule."""
    return host if "." in host or "*" in host else f"{host}.{namespace}.{DOMAIN}"


def older_first(objects: Mapping[Any, T]) -> list[T]:
    """In the order in which istiod takes rules: by age, then by name."""
    return sorted(objects.values(), key=age)


def age(obj: Any) -> tuple[str, str]:
    """The sort key of that order."""
    meta = obj["metadata"]
    return meta.get("creationTimestamp") or "", f"{meta['name']}.{meta.get('namespace', '')}"


def covers(pattern: str, host: str) -> bool:
    """Whether a host, perhaps with a leading `*`, stands for another one (which may be a narrower pattern)."""
    pattern, host = pattern.lower(), host.lower()
    if pattern == "*":
        return True
    return host.endswith(pattern[1:]) if pattern.startswith("*") else pattern == host


def subsets(world: World, proxy: Proxy, service: Object) -> dict[str, Object]:
    """The subsets that DestinationRules give a Service in the eyes of a proxy, by name."""
    found: dict[str, Object] = {}
    for rule in _rules_for(world, proxy, service):
        for subset in rule["spec"].get("subsets") or []:
            found.setdefault(subset["name"], subset)
    return found


def traffic_policy(world: World, proxy: Proxy, service: Object, subset: str = "") -> Object:
    """The trafficPolicy that holds for a Service or a subset of it: the oldest rule's, then the subset's own."""
    policy: Object = {}
    for rule in reversed(_rules_for(world, proxy, service)):
        policy |= rule["spec"].get("trafficPolicy") or {}
    own = subsets(world, proxy, service).get(subset) or {}
    return policy | (own.get("trafficPolicy") or {})


def _rules_for(world: World, proxy: Proxy, service: Object) -> list[Object]:
    """From the first place that has any: the proxy's namespace, the Service's, the root; the narrowest host wins."""
    home = service["metadata"]["namespace"]
    first = (proxy.namespace,) if proxy.namespace != ROOT_NAMESPACE else ()
    for namespace in dict.fromkeys((*first, home, ROOT_NAMESPACE)):
        fitting = [r for r in _rules_of(world).get(namespace, ()) if _concerns(r, proxy, hostname(service))]
        if fitting:
            hosts = {full_host(r["spec"]["host"], namespace) for r in fitting}
            narrowest = max(hosts, key=lambda h: (not h.startswith("*"), len(h)))
            return [r for r in fitting if full_host(r["spec"]["host"], namespace) == narrowest]
    return []


def _rules_of(world: World) -> dict[str, list[Object]]:
    found: dict[str, list[Object]] | None = world.memory.get("destination rules")
    if found is None:
        found = world.memory["destination rules"] = {}
        for rule in older_first(world.destination_rules):
            found.setdefault(rule["metadata"]["namespace"], []).append(rule)
    return found


def _concerns(rule: Object, proxy: Proxy, host: str) -> bool:
    spec, namespace = rule["spec"], rule["metadata"]["namespace"]
    if not covers(full_host(spec["host"], namespace), host) or not exported(spec, namespace, proxy.namespace):
        return False
    selector = (spec.get("workloadSelector") or {}).get("matchLabels")
    return not selector or (proxy.namespace == namespace and proxy.carries(selector))


def exported(spec: Object, namespace: str, to: str) -> bool:
    """Whether a rule's exportTo lets a namespace see it; everybody does unless it is said otherwise."""
    places = spec.get("exportTo") or ["*"]
    return "*" in places or to in places or ("." in places and namespace == to)


def clusters(world: World, proxy: Proxy) -> set[str]:
    """The names of all clusters that a proxy has."""
    if proxy.kind != "waypoint":
        return {str(c) for s in world.services.values() for c in _of_service(world, proxy, s, OUTBOUND)}
    served = world.served_by(proxy)
    return {str(c) for s in served for c in _of_service(world, proxy, s, INBOUND_VIP)}


def _of_service(world: World, proxy: Proxy, service: Object, direction: str) -> Iterator[Cluster]:
    host = hostname(service)
    for port in service["spec"].get("ports") or []:
        for subset in ("", *subsets(world, proxy, service)):
            if protocol(port) != "udp":
                yield Cluster(direction, port["port"], _subset(direction, port, subset), host)


def _subset(direction: str, port: Object | None, subset: str) -> str:
    if direction == OUTBOUND:
        return subset
    kind = "tcp" if port is not None and protocol(port) == "tcp" else "http"
    return f"{kind}/{subset}" if subset else kind


def destination(world: World, proxy: Proxy, host: str, subset: str, port: int) -> Cluster:
    """The cluster that a route to a full host, subset and port names, whether it exists or not."""
    service = world.service_for(host, "")
    if proxy.kind != "waypoint" or (service and world.waypoint_of(service) != (proxy.namespace, proxy.name)):
        return Cluster(OUTBOUND, port, subset, host)
    known = None if service is None else port_of(service, port)
    return Cluster(INBOUND_VIP, port, _subset(INBOUND_VIP, known, subset), host)


def endpoints(world: World, proxy: Proxy, cluster: Cluster) -> tuple[Endpoint, ...] | None:
    """The ready endpoints of a proxy's cluster; None when it has no such cluster."""
    service = world.service_for(cluster.host, "")
    if service is None or cluster not in set(_of_service(world, proxy, service, cluster.direction)):
        return None
    everyone = world.endpoints(service, cluster.port)
    if not cluster.version:
        return everyone
    labels = subsets(world, proxy, service)[cluster.version].get("labels") or {}
    return tuple(e for e in everyone if labels.items() <= e.labels.items())
