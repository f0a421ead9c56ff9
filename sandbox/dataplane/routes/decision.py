"""Routing of one request at a proxy, computed from the objects in the cluster as istiod
and Envoy would.
"""

from __future__ import annotations

import random as random_numbers
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from sandbox.cluster.contract import Object
from sandbox.dataplane.objects.pods import Proxy
from sandbox.dataplane.objects.world import Endpoint, World, find_port, get_hostname
from sandbox.dataplane.routes.clusters import (
    PASSTHROUGH,
    ClusterName,
    build_destination,
    list_endpoints,
    parse_cluster_name,
)
from sandbox.dataplane.routes.route_model import (
    Fault,
    HeaderChanges,
    ProxyRequest,
    Redirect,
    Retries,
    Rewrite,
    Route,
    Target,
    VirtualHost,
)
from sandbox.dataplane.routes.virtual_hosts import (
    BLOCK_ALL,
    build_outside_hosts,
    find_virtual_host,
    get_fallback_host,
    get_gateway_hosts,
    get_service_host,
    is_http_port,
)
from sandbox.dataplane.routes.visibility import is_visible

_GRPC_ANSWERS = {
    **{1: 499, 2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429},
    **{9: 400, 10: 409, 11: 400, 12: 501, 13: 500, 14: 503, 15: 500, 16: 401},
}
"""The HTTP status by which Envoy tells a client that speaks no gRPC of a gRPC status."""

Random = Callable[[], float]
"""Gives numbers from 0 up to 1."""


@dataclass(frozen=True)
class Shadow:
    """One copy of a request: the Service that it is for, and the endpoints to choose from."""

    service: Object = field(repr=False)
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True)
class Decision:
    """The decision on a request at one proxy.

    Wait `delay_seconds` first. Then, where `status` is there, the proxy answers by
    itself; otherwise the request goes, as `request`, to one of `endpoints`. With
    `passthrough` it goes to the address that the client wanted.
    """

    request: ProxyRequest
    layer7: bool = True
    """False where nobody looked into the request: no proxy, or a port that is not HTTP."""
    virtual_host: str = ""
    route: str = ""
    cluster: str = ""
    service: Object | None = field(default=None, repr=False)
    """The Service that the cluster (without a proxy: the host) stands for."""
    subset: str = ""
    endpoints: tuple[Endpoint, ...] = ()
    passthrough: bool = False
    delay_seconds: float = 0.0
    status: int = 0
    body: str = ""
    location: str = ""
    flags: tuple[str, ...] = ()
    """Envoy's response flags: NR no route, NC no such cluster, UH no endpoint, FI aborted, DI
    delayed."""
    timeout_seconds: float = 0.0
    retries: Retries | None = None
    response_headers: HeaderChanges = HeaderChanges()
    mirrors: tuple[Shadow, ...] = ()
    """Where copies of this request go, whose answers nobody waits for."""
    refused: bool = False
    """Nothing listens on that port."""
    unknown_host: bool = False
    """No Service has that name: the client's look-up fails."""

    @property
    def response_flags(self) -> str:
        """The flags as access logs and metrics have them; `-` for none."""
        return ",".join(self.flags) or "-"


def route_request(
    world: World,
    proxy: Proxy | None,
    request: ProxyRequest,
    *,
    namespace: str = "",
    random: Random | None = None,
) -> Decision:
    """Decide what `proxy` (None: a client without one, or a node's ztunnel) does with a
    request.

    `request.port` is a Service's port, for gateways the pod's. `namespace` is the
    client's, for short names; a proxy has its own. `random` draws weights and faults.
    """
    draw = random or random_numbers.random
    if proxy is not None and proxy.kind == "gateway":
        hosts = get_gateway_hosts(world, proxy, request.port)
        if hosts is None:
            return Decision(request, refused=True, layer7=False)
        return _route_by_host(
            world, proxy, request, find_virtual_host(hosts, _strip_port(request)), draw
        )
    service = world.find_service(request.host, proxy.namespace if proxy else namespace)
    if (
        proxy is not None
        and service is not None
        and not is_visible(world, proxy, service, request.port)
    ):
        entry = _find_entry(world, proxy, service, request.port)
        if entry is None:
            return _route_past(world, proxy, request, service)
        known = get_service_host(world, proxy, entry, request.port)
        # What is outside of the mesh is sent as it came, to the address that the client wanted.
        return replace(_route_by_host(world, proxy, request, known, draw), passthrough=True)
    if proxy is None or (service is not None and not is_http_port(service, request.port)):
        return _route_by_address(world, proxy, request, service)
    if proxy.kind == "waypoint":
        if service is None or world.find_waypoint(service) != (proxy.namespace, proxy.name):
            return Decision(request, refused=True, layer7=False, service=service)
        return _route_by_host(
            world, proxy, request, get_service_host(world, proxy, service, request.port), draw
        )
    return _route_by_host(
        world, proxy, request, _find_sidecar_host(world, proxy, request, service), draw
    )


def _strip_port(request: ProxyRequest) -> str:
    return request.host.partition(":")[0]


def _find_sidecar_host(
    world: World, proxy: Proxy, request: ProxyRequest, service: Object | None
) -> VirtualHost:
    if service is not None:
        return get_service_host(world, proxy, service, request.port)
    others = find_virtual_host(
        list(build_outside_hosts(world, proxy, request.port)), _strip_port(request)
    )
    return others or get_fallback_host(world, proxy)


def _find_entry(world: World, proxy: Proxy, service: Object, port: int) -> Object | None:
    """Return what a ServiceEntry registers under a Service's name, where a proxy is told of it."""
    return next(
        (
            each
            for each in world.registered
            if each.get("kind") == "ServiceEntry"
            and get_hostname(each) == get_hostname(service)
            and is_http_port(each, port)
            and is_visible(world, proxy, each, port)
        ),
        None,
    )


def _route_past(world: World, proxy: Proxy, request: ProxyRequest, service: Object) -> Decision:
    """Route a request for a Service that its proxy is not told of, by a Sidecar resource or by
    exportTo: on to the address that the client wanted, or nowhere under REGISTRY_ONLY.
    """
    heard = any(
        is_http_port(s, request.port) and is_visible(world, proxy, s, request.port)
        for s in world.registered
    )
    host = get_fallback_host(world, proxy)
    # HTTP is read where the port has a listener because of some other Service.
    if host is BLOCK_ALL:
        if not heard:
            return Decision(request, layer7=False, refused=True)
        return Decision(request, virtual_host=host.name, status=502)
    return Decision(
        request,
        layer7=heard,
        virtual_host=host.name if heard else "",
        cluster=PASSTHROUGH,
        endpoints=world.list_endpoints(service, request.port),
        passthrough=True,
    )


def _route_by_address(
    world: World, proxy: Proxy | None, request: ProxyRequest, service: Object | None
) -> Decision:
    """Route by address alone: what a Service's name and port lead to."""
    if service is None:
        return Decision(request, layer7=False, unknown_host=True)
    found = world.list_endpoints(service, request.port)
    if find_port(service, request.port) is None:
        return Decision(request, layer7=False, service=service, refused=True)
    name = (
        str(build_destination(world, proxy, get_hostname(service), "", request.port))
        if proxy
        else ""
    )
    flags = ("UH",) if proxy and not found else ()
    return Decision(
        request, layer7=False, service=service, cluster=name, endpoints=found, flags=flags
    )


def _route_by_host(
    world: World, proxy: Proxy, request: ProxyRequest, host: VirtualHost | None, draw: Random
) -> Decision:
    """Route by the first route of a virtual host that fits."""
    found = (
        next((r for r in host.routes if r.match.matches(request)), None)
        if host is not None
        else None
    )
    if host is None or found is None:
        return Decision(request, virtual_host=host.name if host else "", status=404, flags=("NR",))
    named = Decision(
        request, virtual_host=host.name, route=found.name, response_headers=found.response
    )
    target = _draw_target(found, draw)
    sent = _apply_route(
        world,
        proxy,
        replace(named, request=_rewrite_request(request, found, target)),
        found,
        target,
    )
    if not sent.status:
        sent = replace(sent, mirrors=tuple(_draw_shadows(world, proxy, found, draw)))
    return _apply_fault(sent, found.fault, draw)


def _draw_shadows(world: World, proxy: Proxy, found: Route, draw: Random) -> Iterator[Shadow]:
    """Yield the copies of this request that have somewhere to go."""
    for mirror in found.mirrors:
        cluster = parse_cluster_name(mirror.cluster)
        service = world.find_registered(cluster.host) if cluster else None
        there = list_endpoints(world, proxy, cluster) if cluster else None
        if service is not None and there and draw() * 100 < mirror.percent:
            yield Shadow(service, there)


def _draw_target(found: Route, draw: Random) -> Target | None:
    """Return one of a route's targets, by weight."""
    if len(found.targets) < 2:
        return next(iter(found.targets), None)
    point = draw() * sum(t.weight for t in found.targets)
    for target in found.targets:
        point -= target.weight
        if point < 0:
            return target
    # Only rounding leads here.
    return found.targets[-1]


def _apply_route(
    world: World, proxy: Proxy, named: Decision, found: Route, target: Target | None
) -> Decision:
    """Return the decision with where the route leads, faults left aside."""
    if found.redirect is not None:
        where = _build_location(found.redirect, found, named.request)
        return replace(named, status=found.redirect.status, location=where)
    if target is None:
        return replace(
            named,
            status=found.direct or 503,
            body=found.body,
            flags=() if found.direct else ("NC",),
        )
    on = replace(
        named,
        cluster=target.cluster,
        timeout_seconds=found.timeout_seconds,
        retries=found.retries,
        response_headers=found.response.and_then(target.response),
    )
    if target.cluster == PASSTHROUGH:
        return replace(on, passthrough=True)
    cluster = parse_cluster_name(target.cluster)
    there = list_endpoints(world, proxy, cluster) if cluster is not None else None
    if cluster is None or there is None:
        return replace(on, status=found.status_without_cluster, flags=("NC",))
    return _apply_cluster(world, on, cluster, there)


def _apply_cluster(
    world: World, on: Decision, cluster: ClusterName, there: tuple[Endpoint, ...]
) -> Decision:
    service = world.find_registered(cluster.host)
    known = replace(on, service=service, subset=cluster.version, endpoints=there)
    return known if there else replace(known, status=503, body="no healthy upstream", flags=("UH",))


def _apply_fault(sent: Decision, fault: Fault | None, draw: Random) -> Decision:
    """Return the decision with the fault. The fault filter stands before the router: what it
    aborts goes nowhere, whether or not there is a cluster.
    """
    if fault is None:
        return sent
    if fault.delay_seconds and draw() * 100 < fault.delay_percent:
        sent = replace(sent, delay_seconds=fault.delay_seconds, flags=("DI", *sent.flags))
    status = fault.abort_status or _GRPC_ANSWERS.get(fault.abort_grpc, 0)
    if status and draw() * 100 < fault.abort_percent:
        flags = tuple(f for f in sent.flags if f == "DI")
        return replace(
            sent,
            status=status,
            body="fault filter abort",
            endpoints=(),
            mirrors=(),
            flags=(*flags, "FI"),
        )
    return sent


def _rewrite_request(request: ProxyRequest, found: Route, target: Target | None) -> ProxyRequest:
    """Return the request as it is sent on."""
    changes = found.request.and_then(target.request) if target else found.request
    headers = changes.apply_to(request.headers)
    # Envoy keeps the authority apart from the headers; a rule that sets `host` means it.
    host = headers.pop("host", request.host) if "host" in dict(changes.put) else request.host
    rewrite = found.rewrite or Rewrite()
    return replace(
        request,
        host=rewrite.host or host,
        path=_rewrite_path(rewrite, found, request),
        headers=headers,
    )


def _rewrite_path(rewrite: Rewrite, found: Route, request: ProxyRequest) -> str:
    path, mark, query = request.path.partition("?")
    if rewrite.path:
        path = rewrite.path
    elif rewrite.pattern:
        path = re.sub(rewrite.pattern, rewrite.substitution, path)
    elif rewrite.prefix is not None:
        path = _replace_prefix(rewrite.prefix, found, path)
    return path + mark + query


def _replace_prefix(prefix: str, found: Route, path: str) -> str:
    """Return the path with another prefix than the one that was matched; an exact path is
    replaced as a whole.
    """
    if found.match.path.kind in ("prefix", "separated", "path"):
        return prefix + path[len(found.match.path.value) :]
    return prefix


def _build_location(redirect: Redirect, found: Route, request: ProxyRequest) -> str:
    path, mark, query = request.path.partition("?")
    if redirect.path:
        path = redirect.path
    elif redirect.prefix is not None:
        path = _replace_prefix(redirect.prefix, found, path)
    host, colon, port = request.host.partition(":")
    place = redirect.host or host
    place += f":{redirect.port}" if redirect.port else f"{colon}{port}" if not redirect.host else ""
    return f"{redirect.scheme or 'http'}://{place}{path}{mark}{query}"


__all__ = ["Decision", "ProxyRequest", "Random", "route_request"]
