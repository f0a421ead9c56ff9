"""Clusters in Envoy's sense, where routes lead: which exist for a proxy, and the
endpoints of each.

A route may name a cluster that does not exist (503, flag NC), and a cluster may have
no endpoints (503, flag UH).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sandbox.cluster.contract import Object
from sandbox.dataplane.objects.pods import Proxy
from sandbox.dataplane.objects.world import (
    DOMAIN,
    ROOT_NAMESPACE,
    Endpoint,
    World,
    detect_protocol,
    find_port,
    get_hostname,
    list_added_endpoints,
)

PASSTHROUGH = "PassthroughCluster"
"""Where a sidecar sends what no virtual host answers to: on to the address that the client wanted.
"""
OUTBOUND, INBOUND_VIP = "outbound", "inbound-vip"
T = TypeVar("T")


@dataclass(frozen=True)
class ClusterName:
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


def parse_cluster_name(name: str) -> ClusterName | None:
    """Return the parts of a cluster's name; None for those without parts, such as
    `PassthroughCluster`.
    """
    parts = name.split("|")
    return ClusterName(parts[0], int(parts[1]), parts[2], parts[3]) if len(parts) == 4 else None


def qualify_host(host: str, namespace: str) -> str:
    """Return a host as an Istio rule of that namespace means it: names without dots are
    Services beside the rule.
    """
    return host if "." in host or "*" in host else f"{host}.{namespace}.{DOMAIN}"


def sort_by_age(objects: Mapping[Any, T]) -> list[T]:
    """Return objects in the order in which istiod takes rules: by age, then by name."""
    return sorted(objects.values(), key=build_age_key)


def build_age_key(obj: Any) -> tuple[str, str]:
    """Return the sort key of an object for that order."""
    meta = obj["metadata"]
    return meta.get("creationTimestamp") or "", f"{meta['name']}.{meta.get('namespace', '')}"


def build_config_path(world: World, kind: str, obj: Any, name: str = "") -> str:
    """Return the path by which istiod names, in what it tells proxies, the rule that a route or a
    cluster comes from (Istio's source).
    """
    meta, version = obj["metadata"], world.traits.config_version
    place = f"/apis/networking.istio.io/{version}/namespaces/{meta['namespace']}"
    return f"{place}/{kind}/{name or meta['name']}"


def covers_host(pattern: str, host: str) -> bool:
    """Tell whether a host, perhaps with a leading `*`, stands for another one (which may be
    a narrower pattern).
    """
    pattern, host = pattern.lower(), host.lower()
    if pattern == "*":
        return True
    return host.endswith(pattern[1:]) if pattern.startswith("*") else pattern == host


def collect_subsets(world: World, proxy: Proxy, service: Object) -> dict[str, Object]:
    """Return the subsets that DestinationRules give a Service in the eyes of a proxy, by
    name.
    """
    found: dict[str, Object] = {}
    for rule in find_destination_rules(world, proxy, service):
        for subset in rule["spec"].get("subsets") or []:
            found.setdefault(subset["name"], subset)
    return found


def merge_traffic_policy(world: World, proxy: Proxy, service: Object, subset: str = "") -> Object:
    """Return the trafficPolicy that holds for a Service or a subset of it: the oldest
    rule's, then the subset's own.
    """
    policy: Object = {}
    # The oldest comes last, and so overwrites the others.
    for rule in reversed(find_destination_rules(world, proxy, service)):
        policy |= rule["spec"].get("trafficPolicy") or {}
    own = collect_subsets(world, proxy, service).get(subset) or {}
    return policy | (own.get("trafficPolicy") or {})


def find_cluster_policy(
    world: World, proxy: Proxy, service: Object, cluster: ClusterName
) -> Object:
    """Return the trafficPolicy of one cluster: settings of its port stand in for the others."""
    policy = merge_traffic_policy(world, proxy, service, cluster.version)
    for level in policy.get("portLevelSettings") or ():
        if (level.get("port") or {}).get("number") == cluster.port:
            found: Object = level
            return found
    return policy


def find_destination_rules(world: World, proxy: Proxy, service: Object) -> list[Object]:
    """Return the DestinationRules of the first namespace that has any: the proxy's, the
    Service's, the root; the narrowest host wins.
    """
    home = service["metadata"]["namespace"]
    # What the root namespace says is for all and comes last, even for proxies there.
    first = (proxy.namespace,) if proxy.namespace != ROOT_NAMESPACE else ()
    for namespace in dict.fromkeys((*first, home, ROOT_NAMESPACE)):
        fitting = [
            r
            for r in _group_destination_rules(world).get(namespace, ())
            if _is_rule_for_host(r, proxy, get_hostname(service))
        ]
        if fitting:
            hosts = {qualify_host(r["spec"]["host"], namespace) for r in fitting}
            narrowest = max(hosts, key=lambda h: (not h.startswith("*"), len(h)))
            return [r for r in fitting if qualify_host(r["spec"]["host"], namespace) == narrowest]
    return []


def _group_destination_rules(world: World) -> dict[str, list[Object]]:
    found: dict[str, list[Object]] | None = world.memory.get("destination rules")
    if found is None:
        found = world.memory["destination rules"] = {}
        for rule in sort_by_age(world.destination_rules):
            found.setdefault(rule["metadata"]["namespace"], []).append(rule)
    return found


def _is_rule_for_host(rule: Object, proxy: Proxy, host: str) -> bool:
    spec, namespace = rule["spec"], rule["metadata"]["namespace"]
    if not covers_host(qualify_host(spec["host"], namespace), host) or not is_exported(
        spec, namespace, proxy.namespace
    ):
        return False
    selector = (spec.get("workloadSelector") or {}).get("matchLabels")
    # A rule for chosen clients is for those beside it.
    return not selector or (proxy.namespace == namespace and proxy.has_labels(selector))


def is_exported(spec: Object, namespace: str, to: str) -> bool:
    """Tell whether a rule's exportTo lets a namespace see it; all namespaces do unless it
    says otherwise.
    """
    places = spec.get("exportTo") or ["*"]
    return "*" in places or to in places or ("." in places and namespace == to)


def list_clusters(world: World, proxy: Proxy) -> set[str]:
    """Return the names of all clusters that a proxy has."""
    if proxy.kind != "waypoint":
        return {
            str(c)
            for s in world.registered
            for c in _list_service_clusters(world, proxy, s, OUTBOUND)
        }
    served = world.list_served_services(proxy)
    return {str(c) for s in served for c in _list_service_clusters(world, proxy, s, INBOUND_VIP)}


def _list_service_clusters(
    world: World, proxy: Proxy, service: Object, direction: str
) -> Iterator[ClusterName]:
    host = get_hostname(service)
    for port in service["spec"].get("ports") or []:
        for subset in ("", *collect_subsets(world, proxy, service)):
            if detect_protocol(port) != "udp":
                yield ClusterName(
                    direction, port["port"], _format_subset(direction, port, subset), host
                )


def _format_subset(direction: str, port: Object | None, subset: str) -> str:
    if direction == OUTBOUND:
        return subset
    kind = "tcp" if port is not None and detect_protocol(port) == "tcp" else "http"
    return f"{kind}/{subset}" if subset else kind


def build_destination(world: World, proxy: Proxy, host: str, subset: str, port: int) -> ClusterName:
    """Return the cluster that a route to a full host, subset and port names, whether it
    exists or not.
    """
    service = world.find_registered(host)
    if proxy.kind != "waypoint" or (
        service and world.find_waypoint(service) != (proxy.namespace, proxy.name)
    ):
        return ClusterName(OUTBOUND, port, subset, host)
    known = None if service is None else find_port(service, port)
    return ClusterName(INBOUND_VIP, port, _format_subset(INBOUND_VIP, known, subset), host)


def list_endpoints(world: World, proxy: Proxy, cluster: ClusterName) -> tuple[Endpoint, ...] | None:
    """Return the ready endpoints of a proxy's cluster; None when it has no such cluster."""
    service = world.find_registered(cluster.host)
    if service is None or cluster not in set(
        _list_service_clusters(world, proxy, service, cluster.direction)
    ):
        return None
    everyone = (
        *world.list_endpoints(service, cluster.port),
        *list_added_endpoints(world, service, cluster.port),
    )
    if not cluster.version:
        return everyone
    labels = collect_subsets(world, proxy, service)[cluster.version].get("labels") or {}
    return tuple(e for e in everyone if labels.items() <= e.labels.items())
