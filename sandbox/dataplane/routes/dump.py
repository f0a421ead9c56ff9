"""A proxy's whole configuration in one piece, in the shape in which Envoy shows it: for comparison,
and to look at."""

from __future__ import annotations

from typing import Any

from sandbox.cluster.contract import Object
from sandbox.dataplane.objects.pods import Proxy
from sandbox.dataplane.objects.world import World
from sandbox.dataplane.routes.clusters import list_clusters
from sandbox.dataplane.routes.route_model import Fault, Match, Route, TextMatch, VirtualHost
from sandbox.dataplane.routes.virtual_hosts import (
    get_gateway_hosts,
    get_service_host,
    is_http_port,
    list_sidecar_hosts,
)

_PATHS = {
    "path": "path",
    "prefix": "prefix",
    "separated": "path_separated_prefix",
    "regex": "safe_regex",
}


def dump_proxy_config(world: World, proxy: Proxy, port: int) -> Object:
    """Return virtual hosts by name with their domains and routes, and the names of all
    clusters.

    `port` is the Service's port for sidecars, the pod's for gateways; a waypoint's
    services are all there.
    """
    if proxy.kind == "gateway":
        hosts = get_gateway_hosts(world, proxy, port) or []
    elif proxy.kind == "sidecar":
        hosts = list_sidecar_hosts(world, proxy, port)
    else:
        served = [
            (s, p["port"])
            for s in world.list_served_services(proxy)
            for p in s["spec"].get("ports") or []
        ]
        hosts = [
            get_service_host(world, proxy, s, number)
            for s, number in served
            if is_http_port(s, number)
        ]
    return {
        "hosts": {h.name: _dump_host(h) for h in hosts},
        "clusters": sorted(list_clusters(world, proxy)),
    }


def _dump_host(host: VirtualHost) -> Object:
    return {"domains": list(host.domains), "routes": [dump_route(r) for r in host.routes]}


def dump_route(route: Route) -> Object:
    """Return a route with its match, action, time limit, retries and fault."""
    shown: dict[str, Any] = {
        "name": route.name or None,
        "match": _dump_match(route.match),
        **_dump_action(route),
    }
    if route.targets:
        shown["timeout"] = f"{route.timeout_seconds:g}s"
    if route.retries:
        shown["retry_policy"] = {
            "retry_on": route.retries.on,
            "num_retries": route.retries.attempts,
        }
    if route.fault:
        shown["fault"] = _dump_fault(route.fault)
    return shown


def _dump_action(route: Route) -> Object:
    if route.redirect:
        return {"redirect": route.redirect.status}
    if route.weighted:
        return {"weighted": {t.cluster: t.weight for t in route.targets}}
    return (
        {"cluster": route.targets[0].cluster}
        if route.targets
        else {"direct_response": route.direct}
    )


def _dump_match(match: Match) -> Object:
    shown: dict[str, Any] = {_PATHS[match.path.kind]: match.path.value}
    if not match.anything:
        shown["case_sensitive"] = not match.path.ignore_case
    for field, conditions in (("headers", match.headers), ("query_parameters", match.query)):
        if conditions:
            shown[field] = [
                {"name": name, **_dump_text(condition)} for name, condition in conditions
            ]
    return shown


def _dump_text(condition: TextMatch) -> Object:
    shown: dict[str, Any] = {"string_match": {condition.kind: condition.value}}
    if condition.kind == "present":
        shown = {"present_match": True}
    return shown | ({"invert_match": True} if condition.inverted else {})


def _dump_fault(fault: Fault) -> Object:
    shown: dict[str, Any] = {}
    if fault.abort_status:
        shown["abort"] = {"http_status": fault.abort_status, "percentage": fault.abort_percent}
    if fault.delay_seconds:
        shown["delay"] = {
            "fixed_delay": f"{fault.delay_seconds:g}s",
            "percentage": fault.delay_percent,
        }
    return shown
