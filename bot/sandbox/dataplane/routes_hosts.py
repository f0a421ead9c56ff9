"""Virtual hosts: which routes a proxy has for a host name on a port, for sidecars, gateways and waypoints."""

from __future__ import annotations

from collections.abc import Iterator

from bot.sandbox.cluster.contract import Object
from bot.sandbox.dataplane.clusters import (
    PASSTHROUGH,
    covers,
    destination,
    exported,
    full_host,
    older_first,
)
from bot.sandbox.dataplane.objects import World, hostname, port_of, protocol
from bot.sandbox.dataplane.objects_pods import Proxy
from bot.sandbox.dataplane.routes_model import Match, Route, Target, VirtualHost
from bot.sandbox.dataplane.routes_rules import MESH, Rule, routes_of_listener, rules
from bot.sandbox.dataplane.routes_translate import Place, default_route, translated

_ANY = Match(anything=True)
ALLOW_ANY = VirtualHost("allow_any", ("*",), (Route(_ANY, name="allow_any", targets=(Target(PASSTHROUGH),)),))
"""What a sidecar does with names that it does not know (mesh configuration ALLOW_ANY, the default)."""
BLOCK_ALL = VirtualHost("block_all", ("*",), (Route(_ANY, name="block_all", direct=502),))
"""The same under REGISTRY_ONLY."""


def service_host(world: World, proxy: Proxy, service: Object, port: int) -> VirtualHost:
    """What a sidecar or a waypoint does with requests to a Service's HTTP port."""
    key = ("host", proxy, hostname(service), port)
    if key not in world.memory:
        made = _waypoint_host if proxy.kind == "waypoint" else _sidecar_host
        world.memory[key] = made(world, proxy, service, port)
    found: VirtualHost = world.memory[key]
    return found


def _sidecar_host(world: World, proxy: Proxy, service: Object, port: int) -> VirtualHost:
    host = hostname(service)
    routes: tuple[Route, ...] = ()
    for rule in _mesh_rules(world, proxy, service, port):
        routes = translated(rule, Place(world, proxy, port))
        if routes:
            break
    if not routes:
        routes = (default_route(world, str(destination(world, proxy, host, "", port))),)
    return VirtualHost(f"{host}:{port}", _domains(world, proxy, service), routes)


def _waypoint_host(world: World, proxy: Proxy, service: Object, port: int) -> VirtualHost:
    """The Service is known from its address, so that every host name will do."""
    host, home = hostname(service), service["metadata"]["namespace"]
    near = [r for r in _mesh_rules(world, proxy, service, port) if r.namespace in (proxy.namespace, home)]
    if not world.traits.merges_at_waypoints:
        near = near[:1]
    routes = tuple(route for rule in near for route in translated(rule, Place(world, proxy, port)))
    if not routes:
        routes = (default_route(world, str(destination(world, proxy, host, "", port))),)
    return VirtualHost(world.traits.chain_names.format(port=port, host=host), ("*",), routes)


def _mesh_rules(world: World, proxy: Proxy, service: Object, port: int) -> list[Rule]:
    """Rules for a Service, those that name it before those with a wildcard, older ones first."""
    host, home = hostname(service), service["metadata"]["namespace"]
    found: list[tuple[int, Rule]] = []
    for rule in rules(world):
        patterns = [h for h in rule.hosts if covers(h, host)]
        if not patterns or MESH not in rule.gateways or not rule.visible(proxy.namespace):
            continue
        if rule.port not in (0, port) or (rule.gateway_api and rule.namespace not in (home, proxy.namespace)):
            continue
        found.append((0 if host in patterns else -max(len(p) for p in patterns) + 1000, rule))
    return [rule for _, rule in sorted(found, key=lambda pair: pair[0])]


def _domains(world: World, proxy: Proxy, service: Object) -> tuple[str, ...]:
    """Every way to name a Service from the proxy's namespace, its addresses last."""
    meta, host = service["metadata"], hostname(service)
    beside = f"{meta['name']}.{meta['namespace']}"
    names = [host, *([f"{host}."] if world.traits.absolute_domains else [])]
    near = meta["namespace"] == proxy.namespace
    names += [meta["name"], f"{beside}.svc", beside] if near else [beside, f"{beside}.svc"]
    addresses = service["spec"].get("clusterIPs") or [service["spec"].get("clusterIP") or ""]
    return (*names, *(a for a in addresses if a not in ("", "None")))


def outside_hosts(world: World, proxy: Proxy, port: int) -> Iterator[VirtualHost]:
    """Hosts that only VirtualServices know; istiod serves them on port 80 alone."""
    for rule in rules(world):
        if port != 80 or MESH not in rule.gateways or rule.gateway_api or not rule.visible(proxy.namespace):
            continue
        names = tuple(h for h in rule.hosts if world.service_for(h, "") is None)
        routes = translated(rule, Place(world, proxy, port)) if names else ()
        if routes:
            yield VirtualHost(f"{names[0]}:{port}", names, routes)


def fallback(world: World) -> VirtualHost:
    """What a sidecar does with every other name."""
    mode = (world.mesh.get("outboundTrafficPolicy") or {}).get("mode", "ALLOW_ANY")
    return BLOCK_ALL if mode == "REGISTRY_ONLY" else ALLOW_ANY


def sidecar_hosts(world: World, proxy: Proxy, port: int) -> list[VirtualHost]:
    """All virtual hosts of a sidecar's route configuration for a port."""
    services = [s for _, s in sorted(world.services.items()) if speaks_http(s, port)]
    hosts = [service_host(world, proxy, s, port) for s in services]
    return [*hosts, *outside_hosts(world, proxy, port), fallback(world)]


def speaks_http(service: Object, port: int) -> bool:
    """Whether a Service has that port and proxies take it for HTTP (or look what it is)."""
    found = port_of(service, port)
    return found is not None and protocol(found) in ("http", "")


def gateway_hosts(world: World, proxy: Proxy, port: int) -> list[VirtualHost] | None:
    """All virtual hosts of a gateway on a port of its pod; None when nothing listens there."""
    key = ("gateway", proxy, port)
    if key not in world.memory:
        world.memory[key] = _gateway_hosts(world, proxy, port)
    found: list[VirtualHost] | None = world.memory[key]
    return found


def _gateway_hosts(world: World, proxy: Proxy, port: int) -> list[VirtualHost] | None:
    found: dict[str, list[Route]] = {}
    listening = False
    for names, rule in _gateway_rules(world, proxy, port):
        listening = True
        if rule is not None:
            routes = translated(rule, Place(world, proxy, port, rule.gateways))
            for name in names:
                found.setdefault(name, []).extend(routes)
    if not listening:
        return None
    return [VirtualHost(f"{name}:{port}", (name,), tuple(routes)) for name, routes in found.items()]


def _gateway_rules(world: World, proxy: Proxy, port: int) -> Iterator[tuple[tuple[str, ...], Rule | None]]:
    """Host names and a rule for them; a listener without rules comes with None."""
    gateway = world.gateways.get((proxy.namespace, proxy.name))
    for listener in ((gateway or {}).get("spec") or {}).get("listeners") or []:
        if gateway is not None and listener["port"] == port and listener["protocol"] in ("HTTP", "HTTPS"):
            yield (), None
            yield from ((rule.hosts, rule) for rule in routes_of_listener(world, gateway, listener))
    for obj in older_first(world.istio_gateways):
        if proxy.carries(obj["spec"].get("selector")):
            for server in obj["spec"].get("servers") or []:
                if _listens(world, proxy, server["port"]["number"], port):
                    yield (), None
                    yield from _of_server(world, obj, server)


def _of_server(world: World, gateway: Object, server: Object) -> Iterator[tuple[tuple[str, ...], Rule]]:
    home = gateway["metadata"]["namespace"]
    name = f"{home}/{gateway['metadata']['name']}"
    for rule in rules(world):
        if name not in rule.gateways or not exported(rule.spec or {}, rule.namespace, home):
            continue
        wanted = [h.partition("/")[::2] if "/" in h else ("*", h) for h in server.get("hosts") or []]
        taken = {"*", rule.namespace} | ({"."} if rule.namespace == home else set())
        patterns = [full_host(h, home) for namespace, h in wanted if namespace in taken]
        names = [_narrower(p, h) for h in rule.hosts for p in patterns if covers(p, h) or covers(h, p)]
        if names:
            yield tuple(dict.fromkeys(names)), rule


def _narrower(one: str, other: str) -> str:
    return other if covers(one, other) else one


def _listens(world: World, proxy: Proxy, number: int, port: int) -> bool:
    """Whether a server's port is open on that port of the pod: through a Service's targetPort, else as it is."""
    targets = {
        p.get("targetPort", p["port"])
        for s in world.services.values()
        if s["metadata"]["namespace"] == proxy.namespace and s["spec"].get("selector")
        if proxy.carries(s["spec"]["selector"])
        for p in s["spec"].get("ports") or []
        if p["port"] == number
    }
    return port in (targets or {number})


def domain_of(hosts: list[VirtualHost], name: str) -> VirtualHost | None:
    """The virtual host that answers to a name: the exact one, else the longest wildcard, else `*` (Envoy)."""
    name = name.lower()
    for host in hosts:
        if name in host.domains:
            return host
    wild = [(len(d), host) for host in hosts for d in host.domains if d.startswith("*") and covers(d, name)]
    return max(wild, key=lambda pair: pair[0])[1] if wild else None
