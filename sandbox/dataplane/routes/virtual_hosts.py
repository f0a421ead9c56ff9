"""Virtual hosts: which routes a proxy has for a host name on a port, for sidecars, gateways and
waypoints."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.cluster.contract import Object
from sandbox.dataplane.objects.pods import Proxy
from sandbox.dataplane.objects.world import World, detect_protocol, find_port, get_hostname
from sandbox.dataplane.routes.clusters import (
    PASSTHROUGH,
    build_destination,
    covers_host,
    is_exported,
    qualify_host,
    sort_by_age,
)
from sandbox.dataplane.routes.route_model import Match, Route, Target, VirtualHost
from sandbox.dataplane.routes.route_rules import MESH, Rule, list_listener_rules, list_rules
from sandbox.dataplane.routes.translate import ProxyListener, build_default_route, translate_rule
from sandbox.dataplane.routes.visibility import get_outbound_mode, is_visible, knows_host

_ANY = Match(anything=True)
ALLOW_ANY = VirtualHost(
    "allow_any", ("*",), (Route(_ANY, name="allow_any", targets=(Target(PASSTHROUGH),)),)
)
"""What a sidecar does with names that it does not know (mesh configuration ALLOW_ANY, the default).
"""
BLOCK_ALL = VirtualHost("block_all", ("*",), (Route(_ANY, name="block_all", direct=502),))
"""The same under REGISTRY_ONLY."""


def get_service_host(world: World, proxy: Proxy, service: Object, port: int) -> VirtualHost:
    """Return the virtual host by which a sidecar or a waypoint handles requests to a
    Service's HTTP port.
    """
    key = ("host", proxy, get_hostname(service), port)
    if key not in world.memory:
        made = _build_waypoint_host if proxy.kind == "waypoint" else _build_sidecar_host
        world.memory[key] = made(world, proxy, service, port)
    found: VirtualHost = world.memory[key]
    return found


def _build_sidecar_host(world: World, proxy: Proxy, service: Object, port: int) -> VirtualHost:
    host = get_hostname(service)
    routes: tuple[Route, ...] = ()
    # Sidecars do not merge rules: the first that has a route here is the only one.
    for rule in _list_mesh_rules(world, proxy, service, port):
        routes = translate_rule(rule, ProxyListener(world, proxy, port))
        if routes:
            break
    if not routes:
        routes = (build_default_route(world, str(build_destination(world, proxy, host, "", port))),)
    return VirtualHost(f"{host}:{port}", _list_domains(world, proxy, service), routes)


def _build_waypoint_host(world: World, proxy: Proxy, service: Object, port: int) -> VirtualHost:
    """Return a waypoint's virtual host for a Service, which is known from its address, so
    that every host name will do.
    """
    host, home = get_hostname(service), service["metadata"]["namespace"]
    near = [
        r
        for r in _list_mesh_rules(world, proxy, service, port)
        if r.namespace in (proxy.namespace, home)
    ]
    if not world.traits.merges_at_waypoints:
        near = near[:1]
    routes = tuple(
        route for rule in near for route in translate_rule(rule, ProxyListener(world, proxy, port))
    )
    if not routes:
        routes = (build_default_route(world, str(build_destination(world, proxy, host, "", port))),)
    return VirtualHost(world.traits.chain_names.format(port=port, host=host), ("*",), routes)


def _list_mesh_rules(world: World, proxy: Proxy, service: Object, port: int) -> list[Rule]:
    """Return the rules for a Service, those that name it before those with a wildcard, older
    ones first.
    """
    host, home = get_hostname(service), service["metadata"]["namespace"]
    found: list[tuple[int, Rule]] = []
    for rule in list_rules(world):
        patterns = [
            h
            for h in rule.hosts
            if covers_host(h, host) and knows_host(world, proxy, rule.namespace, h, port)
        ]
        if not patterns or MESH not in rule.gateways or not rule.is_visible_to(proxy.namespace):
            continue
        # A route in the Service's namespace is for all clients; in another it is for those there.
        if rule.port not in (0, port) or (
            rule.gateway_api and rule.namespace not in (home, proxy.namespace)
        ):
            continue
        # 1000 puts wildcards behind exact names, and longer ones first: a host name has at most 253
        # characters.
        found.append((0 if host in patterns else -max(len(p) for p in patterns) + 1000, rule))
    return [rule for _, rule in sorted(found, key=lambda pair: pair[0])]


def _list_domains(world: World, proxy: Proxy, service: Object) -> tuple[str, ...]:
    """Return every way to name a Service from the proxy's namespace, its addresses last."""
    meta, host = service["metadata"], get_hostname(service)
    if service.get("kind") == "ServiceEntry":
        return (host,)
    beside = f"{meta['name']}.{meta['namespace']}"
    names = [host, *([f"{host}."] if world.traits.absolute_domains else [])]
    near = meta["namespace"] == proxy.namespace
    names += [meta["name"], f"{beside}.svc", beside] if near else [beside, f"{beside}.svc"]
    addresses = service["spec"].get("clusterIPs") or [service["spec"].get("clusterIP") or ""]
    return (*names, *(a for a in addresses if a not in ("", "None")))


def build_outside_hosts(world: World, proxy: Proxy, port: int) -> Iterator[VirtualHost]:
    """Yield the hosts that VirtualServices name and no Service with this port has.

    istiod serves them on port 80, also those of Services with other ports; those that are nobody's
    on the ports of the Services beside them in the rule, too.
    """
    taken: set[str] = set()
    for rule in list_rules(world):
        if MESH not in rule.gateways or rule.gateway_api or not rule.is_visible_to(proxy.namespace):
            continue
        names = tuple(h for h in rule.hosts if not _is_served(world, h, port))
        if port != 80:
            beside = len(names) < len(rule.hosts)
            names = tuple(h for h in names if beside and world.find_registered(h) is None)
        routes = translate_rule(rule, ProxyListener(world, proxy, port)) if names else ()
        # A name belongs to the first rule that has it; the others are not merged into it.
        for name in (name for name in names if routes and name not in taken):
            taken.add(name)
            yield VirtualHost(f"{name}:{port}", (name,), routes)


def _is_served(world: World, host: str, port: int) -> bool:
    """Tell whether a Service with an HTTP port of that number answers to a host or wildcard."""
    if not host.startswith("*"):
        service = world.find_registered(host)
        return service is not None and is_http_port(service, port)
    return any(
        is_http_port(service, port) and covers_host(host, get_hostname(service))
        for service in world.registered
    )


def get_fallback_host(world: World, proxy: Proxy) -> VirtualHost:
    """Return the virtual host by which a sidecar handles every other name."""
    return BLOCK_ALL if get_outbound_mode(world, proxy) == "REGISTRY_ONLY" else ALLOW_ANY


def list_sidecar_hosts(world: World, proxy: Proxy, port: int) -> list[VirtualHost]:
    """Return all virtual hosts of a sidecar's route configuration for a port."""
    services = [
        s for s in world.registered if is_http_port(s, port) and is_visible(world, proxy, s, port)
    ]
    hosts = [get_service_host(world, proxy, s, port) for s in services]
    return [*hosts, *build_outside_hosts(world, proxy, port), get_fallback_host(world, proxy)]


def is_http_port(service: Object, port: int) -> bool:
    """Tell whether a Service has that port and proxies take it for HTTP (or detect what it
    is).
    """
    found = find_port(service, port)
    return found is not None and detect_protocol(found) in ("http", "")


def get_gateway_hosts(world: World, proxy: Proxy, port: int) -> list[VirtualHost] | None:
    """Return all virtual hosts of a gateway on a port of its pod; None when nothing listens
    there.
    """
    key = ("gateway", proxy, port)
    if key not in world.memory:
        world.memory[key] = _build_gateway_hosts(world, proxy, port)
    found: list[VirtualHost] | None = world.memory[key]
    return found


def _build_gateway_hosts(world: World, proxy: Proxy, port: int) -> list[VirtualHost] | None:
    found: dict[str, list[Route]] = {}
    listening = False
    for names, rule in _list_gateway_rules(world, proxy, port):
        listening = True
        if rule is not None:
            routes = translate_rule(rule, ProxyListener(world, proxy, port, rule.gateways))
            for name in names:
                found.setdefault(name, []).extend(routes)
    # A listener without rules answers 404; without a listener the port is closed.
    if not listening:
        return None
    return [VirtualHost(f"{name}:{port}", (name,), tuple(routes)) for name, routes in found.items()]


def _list_gateway_rules(
    world: World, proxy: Proxy, port: int
) -> Iterator[tuple[tuple[str, ...], Rule | None]]:
    """Yield host names and a rule for them; a listener without rules comes with None."""
    gateway = world.gateways.get((proxy.namespace, proxy.name))
    for listener in ((gateway or {}).get("spec") or {}).get("listeners") or []:
        if (
            gateway is not None
            and listener["port"] == port
            and listener["protocol"] in ("HTTP", "HTTPS")
        ):
            yield (), None
            yield from (
                (rule.hosts, rule) for rule in list_listener_rules(world, gateway, listener)
            )
    for obj in sort_by_age(world.istio_gateways):
        if proxy.has_labels(obj["spec"].get("selector")):
            for server in obj["spec"].get("servers") or []:
                if _is_listening(world, proxy, server["port"]["number"], port):
                    yield (), None
                    yield from _list_server_rules(world, obj, server)


def _list_server_rules(
    world: World, gateway: Object, server: Object
) -> Iterator[tuple[tuple[str, ...], Rule]]:
    home = gateway["metadata"]["namespace"]
    name = f"{home}/{gateway['metadata']['name']}"
    for rule in list_rules(world):
        if name not in rule.gateways or not is_exported(rule.spec or {}, rule.namespace, home):
            continue
        wanted = [
            h.partition("/")[::2] if "/" in h else ("*", h) for h in server.get("hosts") or []
        ]
        # `./host` lets in the rules of the Gateway's own namespace.
        taken = {"*", rule.namespace} | ({"."} if rule.namespace == home else set())
        patterns = [qualify_host(h, home) for namespace, h in wanted if namespace in taken]
        names = [
            _choose_narrower(p, h)
            for h in rule.hosts
            for p in patterns
            if covers_host(p, h) or covers_host(h, p)
        ]
        if names:
            yield tuple(dict.fromkeys(names)), rule


def _choose_narrower(one: str, other: str) -> str:
    return other if covers_host(one, other) else one


def _is_listening(world: World, proxy: Proxy, number: int, port: int) -> bool:
    """Tell whether a server's port is open on that port of the pod: through a Service's
    targetPort, else as it is.
    """
    targets = {
        p.get("targetPort", p["port"])
        for s in world.services.values()
        if s["metadata"]["namespace"] == proxy.namespace and s["spec"].get("selector")
        if proxy.has_labels(s["spec"]["selector"])
        for p in s["spec"].get("ports") or []
        if p["port"] == number
    }
    return port in (targets or {number})


def find_virtual_host(hosts: list[VirtualHost], name: str) -> VirtualHost | None:
    """Return the virtual host that answers to a name: the exact one, else the longest
    wildcard, else `*` (Envoy).
    """
    name = name.lower()
    for host in hosts:
        if name in host.domains:
            return host
    wild = [
        (len(d), host)
        for host in hosts
        for d in host.domains
        if d.startswith("*") and covers_host(d, name)
    ]
    return max(wild, key=lambda pair: pair[0])[1] if wild else None
