"""What a proxy does with one request, computed from the objects in the cluster as istiod and Envoy would."""

from __future__ import annotations

import random as random_numbers
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bot.sandbox.cluster.contract import Object
from bot.sandbox.dataplane.clusters import (
    PASSTHROUGH,
    Cluster,
    destination,
    endpoints,
    parse_cluster,
)
from bot.sandbox.dataplane.objects import Endpoint, World, hostname, port_of
from bot.sandbox.dataplane.objects_pods import Proxy
from bot.sandbox.dataplane.routes_hosts import (
    domain_of,
    fallback,
    gateway_hosts,
    outside_hosts,
    service_host,
    speaks_http,
)
from bot.sandbox.dataplane.routes_model import (
    Fault,
    HeaderChanges,
    HttpRequest,
    Redirect,
    Retries,
    Rewrite,
    Route,
    Target,
    VirtualHost,
)

Random = Callable[[], float]
"""Gives numbers from 0 up to 1."""


@dataclass(frozen=True)
class Decision:
    """What becomes of a request at one proxy.

    Wait `delay_seconds` first. Then, where `status` is there, the proxy answers by itself; otherwise the request goes,
    as `request`, to one of `endpoints`. With `passthrough` it goes to the address that the client wanted.
    """

    request: HttpRequest
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
    """Envoy's response flags: NR no route, NC no such cluster, UH no endpoint, FI aborted, DI delayed."""
    timeout_seconds: float = 0.0
    retries: Retries | None = None
    response_headers: HeaderChanges = HeaderChanges()
    refused: bool = False
    """Nothing listens on that port."""
    unknown_host: bool = False
    """No Service has that name: the client's look-up fails."""

    @property
    def response_flags(self) -> str:
        """As access logs and metrics have them; `-` for none."""
        return ",".join(self.flags) or "-"


def route(
    world: World, proxy: Proxy | None, request: HttpRequest, *, namespace: str = "", random: Random | None = None
) -> Decision:
    """What `proxy` (None: a client without one, or a node's ztunnel) does with a request.

    `request.port` is a Service's port, for gateways the pod's. `namespace` is the client's, for short names; a proxy
    has its own. `random` draws weights and faults.
    """
    draw = random or random_numbers.random
    if proxy is not None and proxy.kind == "gateway":
        hosts = gateway_hosts(world, proxy, request.port)
        if hosts is None:
            return Decision(request, refused=True, layer7=False)
        return _within(world, proxy, request, domain_of(hosts, _name(request)), draw)
    service = world.service_for(request.host, proxy.namespace if proxy else namespace)
    if proxy is None or (service is not None and not speaks_http(service, request.port)):
        return _plain(world, proxy, request, service)
    if proxy.kind == "waypoint":
        if service is None or world.waypoint_of(service) != (proxy.namespace, proxy.name):
            return Decision(request, refused=True, layer7=False, service=service)
        return _within(world, proxy, request, service_host(world, proxy, service, request.port), draw)
    return _within(world, proxy, request, _of_sidecar(world, proxy, request, service), draw)


def _name(request: HttpRequest) -> str:
    return request.host.partition(":")[0]


def _of_sidecar(world: World, proxy: Proxy, request: HttpRequest, service: Object | None) -> VirtualHost:
    if service is not None:
        return service_host(world, proxy, service, request.port)
    others = domain_of(list(outside_hosts(world, proxy, request.port)), _name(request))
    return others or fallback(world)


def _plain(world: World, proxy: Proxy | None, request: HttpRequest, service: Object | None) -> Decision:
    """By address alone: what a Service's name and port lead to."""
    if service is None:
        return Decision(request, layer7=False, unknown_host=True)
    found = world.endpoints(service, request.port)
    if port_of(service, request.port) is None:
        return Decision(request, layer7=False, service=service, refused=True)
    name = str(destination(world, proxy, hostname(service), "", request.port)) if proxy else ""
    flags = ("UH",) if proxy and not found else ()
    return Decision(request, layer7=False, service=service, cluster=name, endpoints=found, flags=flags)


def _within(world: World, proxy: Proxy, request: HttpRequest, host: VirtualHost | None, draw: Random) -> Decision:
    """Through the first route of a virtual host that fits."""
    found = next((r for r in host.routes if r.match.fits(request)), None) if host is not None else None
    if host is None or found is None:
        return Decision(request, virtual_host=host.name if host else "", status=404, flags=("NR",))
    named = Decision(request, virtual_host=host.name, route=found.name, response_headers=found.response)
    target = _drawn(found, draw)
    sent = _sent(world, proxy, replace(named, request=_changed(request, found, target)), found, target)
    return _hurt(sent, found.fault, draw)


def _drawn(found: Route, draw: Random) -> Target | None:
    """One of a route's targets, by weight."""
    if len(found.targets) < 2:
        return next(iter(found.targets), None)
    point = draw() * sum(t.weight for t in found.targets)
    for target in found.targets:
        point -= target.weight
        if point < 0:
            return target
    return found.targets[-1]


def _sent(world: World, proxy: Proxy, named: Decision, found: Route, target: Target | None) -> Decision:
    """Where the route leads, faults left aside."""
    if found.redirect is not None:
        where = _location(found.redirect, found, named.request)
        return replace(named, status=found.redirect.status, location=where)
    if target is None:
        return replace(named, status=found.direct or 503, body=found.body, flags=() if found.direct else ("NC",))
    on = replace(
        named,
        cluster=target.cluster,
        timeout_seconds=found.timeout_seconds,
        retries=found.retries,
        response_headers=found.response.and_then(target.response),
    )
    if target.cluster == PASSTHROUGH:
        return replace(on, passthrough=True)
    cluster = parse_cluster(target.cluster)
    there = endpoints(world, proxy, cluster) if cluster is not None else None
    if cluster is None or there is None:
        return replace(on, status=found.status_without_cluster, flags=("NC",))
    return _to(world, on, cluster, there)


def _to(world: World, on: Decision, cluster: Cluster, there: tuple[Endpoint, ...]) -> Decision:
    service = world.service_for(cluster.host, "")
    known = replace(on, service=service, subset=cluster.version, endpoints=there)
    return known if there else replace(known, status=503, body="no healthy upstream", flags=("UH",))


def _hurt(sent: Decision, fault: Fault | None, draw: Random) -> Decision:
    """The fault filter stands before the router: what it aborts goes nowhere, whether or not there is a cluster."""
    if fault is None:
        return sent
    if fault.delay_seconds and draw() * 100 < fault.delay_percent:
        sent = replace(sent, delay_seconds=fault.delay_seconds, flags=("DI", *sent.flags))
    if fault.abort_status and draw() * 100 < fault.abort_percent:
        flags = tuple(f for f in sent.flags if f == "DI")
        return replace(sent, status=fault.abort_status, body="fault filter abort", endpoints=(), flags=(*flags, "FI"))
    return sent


def _changed(request: HttpRequest, found: Route, target: Target | None) -> HttpRequest:
    """The request as it is sent on."""
    changes = found.request.and_then(target.request) if target else found.request
    headers = changes.applied(request.headers)
    host = headers.pop("host", request.host) if "host" in dict(changes.put) else request.host
    rewrite = found.rewrite or Rewrite()
    return replace(request, host=rewrite.host or host, path=_rewritten(rewrite, found, request), headers=headers)


def _rewritten(rewrite: Rewrite, found: Route, request: HttpRequest) -> str:
    path, mark, query = request.path.partition("?")
    if rewrite.path:
        path = rewrite.path
    elif rewrite.pattern:
        path = re.sub(rewrite.pattern, rewrite.substitution, path)
    elif rewrite.prefix is not None:
        path = _prefixed(rewrite.prefix, found, path)
    return path + mark + query


def _prefixed(prefix: str, found: Route, path: str) -> str:
    """The path with another prefix than the one that was matched; an exact path is replaced as a whole."""
    if found.match.path.kind in ("prefix", "separated", "path"):
        return prefix + path[len(found.match.path.value) :]
    return prefix


def _location(redirect: Redirect, found: Route, request: HttpRequest) -> str:
    path, mark, query = request.path.partition("?")
    if redirect.path:
        path = redirect.path
    elif redirect.prefix is not None:
        path = _prefixed(redirect.prefix, found, path)
    host, colon, port = request.host.partition(":")
    place = redirect.host or host
    place += f":{redirect.port}" if redirect.port else f"{colon}{port}" if not redirect.host else ""
    return f"{redirect.scheme or 'http'}://{place}{path}{mark}{query}"


__all__ = ["Decision", "HttpRequest", "Random", "route"]
