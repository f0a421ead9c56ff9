"""Clusters as Envoy shows them: those of its bootstrap, and those that istiod told it (CDS)."""

from __future__ import annotations

from sandbox.cluster.contract import Object
from sandbox.dataplane.admin.proxy_view import Json, ProxyView
from sandbox.dataplane.objects.world import detect_protocol, get_hostname
from sandbox.dataplane.routes.clusters import (
    INBOUND_VIP,
    OUTBOUND,
    PASSTHROUGH,
    ClusterName,
    build_config_path,
    collect_subsets,
    find_cluster_policy,
    find_destination_rules,
)

BLACK_HOLE, INBOUND_PASSTHROUGH = "BlackHoleCluster", "InboundPassthroughCluster"
STATIC_CLUSTERS = {
    "prometheus_stats": ("127.0.0.1", 15000),
    "agent": ("127.0.0.1", 15020),
    "sds-grpc": ("./var/run/secrets/workload-spiffe-uds/socket", 0),
    "xds-grpc": ("./etc/istio/proxy/XDS", 0),
}
"""What every bootstrap has, with its address: a port, or a socket's path (Istio's bootstrap)."""
_LIMITS = (
    ("tcp", "maxConnections", "max_connections"),
    ("http", "http1MaxPendingRequests", "max_pending_requests"),
    ("http", "http2MaxRequests", "max_requests"),
    ("http", "maxRetries", "max_retries"),
)
_EJECTION = {
    "consecutive5xxErrors": "consecutive_5xx",
    "consecutiveGatewayErrors": "consecutive_gateway_failure",
    "interval": "interval",
    "baseEjectionTime": "base_ejection_time",
    "maxEjectionPercent": "max_ejection_percent",
}


def list_static_clusters(view: ProxyView) -> list[Json]:
    """Return the clusters of the bootstrap; where spans go is one of them."""
    found = [{"name": name, "type": "STATIC"} for name in STATIC_CLUSTERS]
    if view.workload.collector:
        found.append({"name": "zipkin", "type": "STRICT_DNS"})
    return found


def list_dynamic_clusters(view: ProxyView) -> list[Json]:
    """Return what istiod told: Services with their subsets, and what each kind of proxy has."""
    return [*_list_own_clusters(view), *_list_service_clusters(view)]


def _list_own_clusters(view: ProxyView) -> list[Json]:
    if view.proxy.kind == "waypoint":
        return [
            {"name": "main_internal", "type": "STATIC"},
            {"name": "encap", "type": "STATIC"},
            {"name": "connect_originate", "type": "ORIGINAL_DST"},
        ]
    found = [{"name": BLACK_HOLE, "type": "STATIC"}]
    if view.proxy.kind == "sidecar":
        found += [
            {"name": name, "type": "ORIGINAL_DST"} for name in (PASSTHROUGH, INBOUND_PASSTHROUGH)
        ]
        found += [
            {"name": f"inbound|{port.number}||", "type": "ORIGINAL_DST"}
            for port in view.list_served_ports()
        ]
    if view.workload.hbone:
        found.append({"name": "connect_originate", "type": "ORIGINAL_DST"})
    return found


def list_cluster_names(view: ProxyView) -> list[tuple[ClusterName, Object]]:
    """Return the clusters of Services, each with its Service."""
    found = []
    for service, port in view.list_services():
        host = get_hostname(service)
        for subset in ("", *collect_subsets(view.world, view.proxy, service)):
            direction, part = OUTBOUND, subset
            if view.proxy.kind == "waypoint":
                kind = "tcp" if detect_protocol(port) == "tcp" else "http"
                direction, part = INBOUND_VIP, f"{kind}/{subset}" if subset else kind
            found.append((ClusterName(direction, port["port"], part, host), service))
    return found


def _list_service_clusters(view: ProxyView) -> list[Json]:
    return [_build_cluster(view, name, service) for name, service in list_cluster_names(view)]


def _build_cluster(view: ProxyView, name: ClusterName, service: Object) -> Json:
    meta = service["metadata"]
    kind = find_discovery_type(view, service)
    place = {"host": name.host, "name": meta["name"], "namespace": meta["namespace"]}
    istio: Json = {"services": [place]}
    rules = find_destination_rules(view.world, view.proxy, service)
    if rules:
        istio["config"] = build_config_path(view.world, "destination-rule", rules[0])
    if name.version:
        istio["subset"] = name.version
    made: Json = {"name": str(name), "type": kind}
    if kind == "EDS":
        config = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
        made["eds_cluster_config"] = {"eds_config": config, "service_name": str(name)}
    made |= {"connect_timeout": "10s", **_build_policy(view, name, service)}
    return made | {"metadata": {"filter_metadata": {"istio": istio}}}


def find_discovery_type(view: ProxyView, service: Object) -> str:
    """Return how the endpoints of a Service's clusters are found: a sidecar goes where the client
    of a headless Service wanted, and looks a ServiceEntry's host up.
    """
    if service.get("kind") == "ServiceEntry":
        return "STRICT_DNS"
    headless = service["spec"].get("clusterIP") == "None"
    return "ORIGINAL_DST" if headless and view.proxy.kind == "sidecar" else "EDS"


def _build_policy(view: ProxyView, name: ClusterName, service: Object) -> Json:
    policy = find_cluster_policy(view.world, view.proxy, service, name)
    made: Json = {"lb_policy": (policy.get("loadBalancer") or {}).get("simple") or "LEAST_REQUEST"}
    pool = policy.get("connectionPool") or {}
    limits = {
        shown: (pool.get(part) or {})[said]
        for part, said, shown in _LIMITS
        if said in (pool.get(part) or {})
    }
    if limits:
        made["circuit_breakers"] = {"thresholds": [limits]}
    outliers = policy.get("outlierDetection") or {}
    ejection = {shown: outliers[said] for said, shown in _EJECTION.items() if said in outliers}
    return made | ({"outlier_detection": ejection} if ejection else {})
