"""Rules as istiod keeps them: VirtualServices, and what it makes of HTTPRoutes, in one shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from bot.sandbox.cluster.contract import Object
from bot.sandbox.dataplane.clusters import age, covers, exported, full_host, older_first
from bot.sandbox.dataplane.objects import DOMAIN, World, admits
from bot.sandbox.dataplane.routes_backends import as_http_rules

MESH = "mesh"
"""The gateway name that stands for all sidecars and waypoints."""


@dataclass(frozen=True)
class Rule:
    """Routes for hosts. `http` holds entries as in a VirtualService's `http`."""

    namespace: str
    hosts: tuple[str, ...]
    """Full names, perhaps with a leading `*`."""
    gateways: tuple[str, ...]
    """`mesh`, or `namespace/name` of Gateways."""
    http: tuple[Object, ...]
    born: tuple[str, str]
    gateway_api: bool = False
    spec: Object | None = None
    port: int = 0
    """The only port that it is for; 0 for all."""

    def visible(self, to: str) -> bool:
        """Whether proxies of that namespace are told of it."""
        return exported(self.spec or {}, self.namespace, to)


def rules(world: World) -> list[Rule]:
    """All rules, oldest first."""
    found: list[Rule] | None = world.memory.get("rules")
    if found is None:
        every = [*_virtual_services(world), *_merged(_mesh_routes(world))]
        found = world.memory["rules"] = sorted(every, key=lambda rule: rule.born)
    return found


def _virtual_services(world: World) -> Iterator[Rule]:
    for obj in older_first(world.virtual_services):
        spec, namespace = obj["spec"], obj["metadata"]["namespace"]
        gateways = spec.get("gateways") or [MESH]
        yield Rule(
            namespace=namespace,
            hosts=tuple(full_host(h, namespace) for h in spec.get("hosts") or []),
            gateways=tuple(g if "/" in g or g == MESH else f"{namespace}/{g}" for g in gateways),
            http=tuple(spec.get("http") or []),
            born=age(obj),
            spec=spec,
        )


def _mesh_routes(world: World) -> Iterator[Rule]:
    """HTTPRoutes with Services as parents."""
    for obj in older_first(world.http_routes):
        namespace = obj["metadata"]["namespace"]
        for ref in obj["spec"].get("parentRefs") or []:
            if ref.get("kind", "Gateway") != "Service":
                continue
            place = (ref.get("namespace") or namespace, ref["name"])
            if place in world.services:
                yield _of_route(world, obj, f"{place[1]}.{place[0]}.{DOMAIN}", MESH, port=ref.get("port") or 0)


def _of_route(world: World, obj: Object, host: str, gateway: str, *, port: int = 0) -> Rule:
    http = tuple(as_http_rules(world, obj))
    return Rule(obj["metadata"]["namespace"], (host,), (gateway,), http, age(obj), gateway_api=True, port=port)


def _merged(routes: Iterable[Rule]) -> list[Rule]:
    """Routes for one host make one rule, whose entries are ordered as the Gateway API asks."""
    found: dict[tuple[object, ...], Rule] = {}
    for rule in routes:
        key = (rule.namespace if MESH in rule.gateways else "", rule.hosts, rule.gateways, rule.port)
        before = found.get(key)
        found[key] = replace(before, http=before.http + rule.http) if before else rule
    return [replace(rule, http=tuple(sorted(rule.http, key=_narrowest_first))) for rule in found.values()]


def _narrowest_first(entry: Object) -> tuple[int, ...]:
    """Exact paths before prefixes before expressions, longer ones first, then method, headers, query."""
    match = (entry.get("match") or [{}])[0]
    kind, path = next(iter((match.get("uri") or {}).items()), ("prefix", ""))
    rank = {"exact": 0, "prefix": 1, "regex": 2}[kind]
    rest = (0 if "method" in match else 1, -len(match.get("headers") or {}), -len(match.get("queryParams") or {}))
    return (rank, -len(path), *rest)


def routes_of_listener(world: World, gateway: Object, listener: Object) -> list[Rule]:
    """What HTTPRoutes say for one listener of a Gateway: a rule for each host name."""
    return _merged(_attached(world, gateway, listener))


def _attached(world: World, gateway: Object, listener: Object) -> Iterator[Rule]:
    home, name = gateway["metadata"]["namespace"], gateway["metadata"]["name"]
    for obj in older_first(world.http_routes):
        namespace = obj["metadata"]["namespace"]
        if not admits(world, listener, home, namespace):
            continue
        refs = obj["spec"].get("parentRefs") or []
        if not any(_means(ref, namespace, (home, name), listener) for ref in refs):
            continue
        for host in _common(listener.get("hostname") or "*", obj["spec"].get("hostnames") or ["*"]):
            yield _of_route(world, obj, host, f"{home}/{name}")


def _means(ref: Object, namespace: str, gateway: tuple[str, str], listener: Object) -> bool:
    place = (ref.get("namespace") or namespace, ref["name"])
    section, port = ref.get("sectionName"), ref.get("port")
    wanted = section in (None, "", listener["name"]) and port in (None, listener["port"])
    return ref.get("kind", "Gateway") == "Gateway" and place == gateway and wanted


def _common(listener: str, hosts: list[str]) -> Iterator[str]:
    """The narrower of each pair of host names that overlap."""
    for host in hosts:
        if covers(listener, host):
            yield host
        elif covers(host, listener):
            yield listener
