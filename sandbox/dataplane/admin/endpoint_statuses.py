"""Endpoints as Envoy's `/clusters` shows them: of each cluster the places that it sends to."""

from __future__ import annotations

from sandbox.dataplane.admin.cluster_configs import (
    STATIC_CLUSTERS,
    find_discovery_type,
    list_cluster_names,
)
from sandbox.dataplane.admin.proxy_view import Json, ProxyView
from sandbox.dataplane.objects.pods import is_captured
from sandbox.dataplane.objects.world import Endpoint
from sandbox.dataplane.routes.clusters import list_endpoints

_TUNNEL = "connect_originate"


def list_cluster_statuses(view: ProxyView) -> list[Json]:
    """Return every cluster with its endpoints, those of the bootstrap first."""
    found = [
        _build_status(name, [_build_address(*place)]) for name, place in STATIC_CLUSTERS.items()
    ]
    collector = _find_collector(view)
    if collector:
        found.append(_build_status("zipkin", [collector]))
    if view.proxy.kind == "waypoint":
        for name, listener in (("main_internal", "main_internal"), ("encap", _TUNNEL)):
            found.append(_build_status(name, [_build_internal(listener, "")]))
    for cluster, service in list_cluster_names(view):
        if find_discovery_type(view, service) != "ORIGINAL_DST":
            places = list_endpoints(view.world, view.proxy, cluster) or ()
            found.append(_build_status(str(cluster), [_place_endpoint(view, e) for e in places]))
    return found


def _find_collector(view: ProxyView) -> Json | None:
    """Return where spans go: the address of the bootstrap's Service, if it is there."""
    host, _, port = view.workload.collector.rpartition(":")
    service = view.state.live.find_service(host, view.workload.namespace) if host else None
    address = (service or {}).get("spec", {}).get("clusterIP")
    return _build_address(address, int(port)) if address and port.isdigit() else None


def _place_endpoint(view: ProxyView, endpoint: Endpoint) -> Json:
    """Return an endpoint's address; what ztunnel has is reached through a tunnel, by proxies that
    can make one.
    """
    captured = endpoint.pod is not None and is_captured(endpoint.pod)
    if captured and view.workload.hbone:
        return _build_internal(_TUNNEL, f"{endpoint.address}:{endpoint.port}")
    return _build_address(endpoint.address, endpoint.port)


def _build_address(address: str, port: int) -> Json:
    if not port:
        return {"pipe": {"path": address}}
    return {"socket_address": {"address": address, "port_value": port}}


def _build_internal(listener: str, endpoint: str) -> Json:
    place = {"server_listener_name": listener, "endpoint_id": endpoint}
    return {"envoy_internal_address": {k: v for k, v in place.items() if v}}


def _build_status(name: str, addresses: list[Json]) -> Json:
    hosts = [
        {"address": address, "health_status": {"eds_health_status": "HEALTHY"}, "weight": 1}
        for address in addresses
    ]
    return {"name": name, "added_via_api": "|" in name, "host_statuses": hosts}
