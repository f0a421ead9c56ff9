"""Route configurations as Envoy shows them: those that istiod told it (RDS), and those that stand
inside its listeners."""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.dataplane.admin.proxy_view import Json, ProxyView, describe_protocol
from sandbox.dataplane.objects.world import get_hostname
from sandbox.dataplane.routes.clusters import PASSTHROUGH
from sandbox.dataplane.routes.dump import dump_route
from sandbox.dataplane.routes.route_model import Route, VirtualHost
from sandbox.dataplane.routes.virtual_hosts import (
    get_gateway_hosts,
    get_service_host,
    list_sidecar_hosts,
)

INBOUND_PASSTHROUGH = "InboundPassthroughCluster"


def list_dynamic_routes(view: ProxyView) -> list[Json]:
    """Return what a sidecar or a gateway was told by name; a waypoint has none of these."""
    if view.proxy.kind == "sidecar":
        return [*_list_port_routes(view), *_list_service_routes(view)]
    if view.proxy.kind == "gateway":
        return [_build_gateway_config(view, port) for port in list_gateway_ports(view)]
    return []


def list_http_ports(view: ProxyView) -> list[int]:
    """Return the ports for which a sidecar listens on all addresses, and looks at the host."""
    return sorted({p["port"] for _, p in view.list_services() if describe_protocol(p) == "http"})


def _list_port_routes(view: ProxyView) -> Iterable[Json]:
    for port in list_http_ports(view):
        yield _build_config(str(port), list_sidecar_hosts(view.world, view.proxy, port))


def _list_service_routes(view: ProxyView) -> Iterable[Json]:
    """Yield a configuration for each port whose protocol a sidecar finds out by itself: any host
    name will do there, for the address tells the Service.
    """
    for service, port in view.list_services():
        if describe_protocol(port) == "auto":
            host = get_service_host(view.world, view.proxy, service, port["port"])
            name = f"{get_hostname(service)}:{port['port']}"
            yield _build_config(name, [VirtualHost(host.name, ("*",), host.routes)])


def list_gateway_ports(view: ProxyView) -> list[int]:
    """Return the ports of its pod on which a gateway listens for HTTP."""
    own = view.world.gateways.get((view.proxy.namespace, view.proxy.name)) or {}
    asked = {each["port"] for each in (own.get("spec") or {}).get("listeners") or []}
    for gateway in view.world.istio_gateways.values():
        if view.proxy.has_labels(gateway["spec"].get("selector")):
            asked |= {server["port"]["number"] for server in gateway["spec"].get("servers") or []}
    asked |= {port.number for port in view.list_served_ports()}
    return sorted(
        port for port in asked if get_gateway_hosts(view.world, view.proxy, port) is not None
    )


def _build_gateway_config(view: ProxyView, port: int) -> Json:
    hosts = [h for h in get_gateway_hosts(view.world, view.proxy, port) or [] if h.routes]
    # What answers 404 to everything where no rule is for the listener (Istio's source).
    return _build_config(f"http.{port}", hosts or [VirtualHost(f"blackhole:{port}", ("*",), ())])


def list_static_routes(view: ProxyView) -> list[Json]:
    """Return the configurations inside listeners: what comes in, the statistics, the health."""
    own = [
        build_prefix_config("", "backend", "/stats/prometheus", cluster="prometheus_stats"),
        build_prefix_config("", "backend", "/healthz/ready", cluster="agent"),
    ]
    if view.proxy.kind == "waypoint":
        return [*list_waypoint_routes(view).values(), build_connect_config(), *own]
    if view.proxy.kind == "gateway":
        return own
    # One for each chain of the inbound listener: over mutual TLS and in the clear.
    inbound = [build_inbound_config(INBOUND_PASSTHROUGH, 0)] * 2
    for port in view.list_served_ports():
        if port.protocol != "tcp":
            inbound += [build_inbound_config(f"inbound|{port.number}||", port.service_port)] * 2
    return [*inbound, *own]


def build_inbound_config(cluster: str, port: int) -> Json:
    """Return the configuration of one port of the pod: everything goes to the application."""
    return build_prefix_config(cluster, f"inbound|http|{port}", "/", cluster=cluster)


def list_waypoint_routes(view: ProxyView) -> dict[str, Json]:
    """Return a waypoint's configurations for its Services' HTTP ports, by the chain's name."""
    found: dict[str, Json] = {}
    for service, port in view.list_services():
        if describe_protocol(port) == "tcp":
            continue
        number = port["port"]
        host = get_service_host(view.world, view.proxy, service, number)
        inside = VirtualHost(f"inbound|http|{number}", ("*",), host.routes)
        name = f"inbound-vip|{number}|http|{get_hostname(service)}"
        found[host.name] = _build_config(name, [inside])
    found["direct-http"] = build_prefix_config("encap", "inbound|http|0", "/", cluster="encap")
    return found


def build_connect_config() -> Json:
    """Return the configuration by which a waypoint ends the mesh's tunnels."""
    route = {"match": {"connect_matcher": {}}, "route": {"cluster": "main_internal"}}
    return {
        "name": "default",
        "virtual_hosts": [{"name": "default", "domains": ["*"], "routes": [route]}],
        "validate_clusters": False,
    }


def build_prefix_config(name: str, host: str, prefix: str, *, cluster: str) -> Json:
    """Return a configuration with a single route."""
    label = {"name": "default"} if name else {}
    route = {**label, "match": {"prefix": prefix}, "route": {"cluster": cluster, "timeout": "0s"}}
    return {
        **({"name": name} if name else {}),
        "virtual_hosts": [{"name": host, "domains": ["*"], "routes": [route]}],
        "validate_clusters": False,
    }


def _build_config(name: str, hosts: Iterable[VirtualHost]) -> Json:
    return {
        "name": name,
        "virtual_hosts": [
            {
                "name": host.name,
                "domains": list(host.domains),
                "routes": [_build_route(route) for route in host.routes],
                "include_request_attempt_count": True,
            }
            for host in hosts
        ],
        "validate_clusters": False,
        "max_direct_response_body_size_bytes": 1048576,
        "ignore_port_in_host_matching": True,
    }


def _build_route(route: Route) -> Json:
    shown = dump_route(route)
    made: Json = {"name": route.name} if route.name else {}
    made |= {"match": shown.pop("match"), **_build_action(route, shown)}
    if route.origin:
        made["metadata"] = {"filter_metadata": {"istio": {"config": route.origin}}}
    if "fault" in shown:
        fault = {"@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"}
        made["typed_per_filter_config"] = {"envoy.filters.http.fault": fault | shown["fault"]}
    return made


def _build_action(route: Route, shown: Json) -> Json:
    if route.redirect:
        redirect = route.redirect
        said = {
            "scheme_redirect": redirect.scheme,
            "host_redirect": redirect.host,
            "port_redirect": redirect.port,
            "path_redirect": redirect.path,
            "prefix_rewrite": redirect.prefix,
        }
        return {"redirect": {k: v for k, v in said.items() if v}}
    if not route.targets:
        body = {"body": {"inline_string": route.body}} if route.body else {}
        return {"direct_response": {"status": route.direct, **body}}
    action: Json = {"timeout": shown["timeout"], "max_grpc_timeout": "0s"}
    if route.weighted:
        clusters = [{"name": t.cluster, "weight": t.weight} for t in route.targets]
        action = {"weighted_clusters": {"clusters": clusters}} | action
    else:
        action = {"cluster": route.targets[0].cluster} | action
    return {"route": action | _build_extras(route, shown)}


def _build_extras(route: Route, shown: Json) -> Json:
    extras: Json = {}
    if "retry_policy" in shown and route.targets[0].cluster != PASSTHROUGH:
        extras["retry_policy"] = shown["retry_policy"]
    if route.rewrite:
        said = {
            "prefix_rewrite": route.rewrite.prefix or route.rewrite.path,
            "host_rewrite_literal": route.rewrite.host,
        }
        extras |= {k: v for k, v in said.items() if v}
    if route.mirrors:
        extras["request_mirror_policies"] = [{"cluster": m.cluster} for m in route.mirrors]
    return extras
