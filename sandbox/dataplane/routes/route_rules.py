"""Rules as istiod keeps them: VirtualServices, and what it makes of HTTPRoutes, in one shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from sandbox.cluster.contract import Object
from sandbox.dataplane.objects.world import DOMAIN, World, admits_kind, admits_namespace
from sandbox.dataplane.routes.clusters import (
    build_age_key,
    build_config_path,
    covers_host,
    is_exported,
    qualify_host,
    sort_by_age,
)
from sandbox.dataplane.routes.delegates import merge_delegates
from sandbox.dataplane.routes.grpc_routes import get_route_kind, translate_grpc_route
from sandbox.dataplane.routes.httproutes import translate_http_route

GATEWAY_API = "gateway.networking.k8s.io"
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
    origin: str = ""
    """The object that istiod names as the routes' source, as a path of the API."""

    def is_visible_to(self, to: str) -> bool:
        """Tell whether proxies of that namespace are told of it."""
        return is_exported(self.spec or {}, self.namespace, to)


def list_rules(world: World) -> list[Rule]:
    """Return all rules in the order in which they are asked: HTTPRoutes before VirtualServices,
    however old they are, and older ones first.
    """
    found: list[Rule] | None = world.memory.get("rules")
    if found is None:
        every = [*_read_virtual_services(world), *_merge_rules(_read_mesh_routes(world))]
        found = world.memory["rules"] = sorted(
            every, key=lambda rule: (not rule.gateway_api, *rule.born)
        )
    return found


def _read_virtual_services(world: World) -> Iterator[Rule]:
    for obj in sort_by_age(world.virtual_services):
        spec, namespace = obj["spec"], obj["metadata"]["namespace"]
        gateways = spec.get("gateways") or [MESH]
        yield Rule(
            namespace=namespace,
            hosts=tuple(qualify_host(h, namespace) for h in spec.get("hosts") or []),
            gateways=tuple(g if "/" in g or g == MESH else f"{namespace}/{g}" for g in gateways),
            http=merge_delegates(world.virtual_services, obj),
            born=build_age_key(obj),
            spec=spec,
            origin=build_config_path(world, "virtual-service", obj),
        )


def list_routes(world: World) -> list[Object]:
    """Return HTTPRoutes and GRPCRoutes, these in the form of HTTPRoutes, in the order in which
    istiod takes them.
    """
    both: dict[object, Object] = {("http", *place): o for place, o in world.http_routes.items()}
    for place, obj in world.grpc_routes.items():
        both["grpc", *place] = translate_grpc_route(obj)
    return sort_by_age(both)


def _read_mesh_routes(world: World) -> Iterator[Rule]:
    """Yield the rules of HTTPRoutes and GRPCRoutes with Services as parents."""
    for obj in list_routes(world):
        namespace = obj["metadata"]["namespace"]
        for ref in obj["spec"].get("parentRefs") or []:
            if ref.get("kind", "Gateway") != "Service":
                continue
            place = (ref.get("namespace") or namespace, ref["name"])
            if place in world.services:
                yield _build_route_rule(
                    world, obj, f"{place[1]}.{place[0]}.{DOMAIN}", MESH, port=ref.get("port") or 0
                )


def _build_route_rule(world: World, obj: Object, host: str, gateway: str, *, port: int = 0) -> Rule:
    http = tuple(translate_http_route(world, obj, needs_grants=gateway != MESH))
    return Rule(
        obj["metadata"]["namespace"],
        (host,),
        (gateway,),
        http,
        build_age_key(obj),
        gateway_api=True,
        port=port,
        origin=build_config_path(
            world, "virtual-service", obj, world.traits.route_names.format(obj["metadata"]["name"])
        ),
    )


def _merge_rules(routes: Iterable[Rule]) -> list[Rule]:
    """Return one rule for all routes of one host, with its entries ordered as the Gateway
    API asks.
    """
    found: dict[tuple[object, ...], Rule] = {}
    for rule in routes:
        key = (
            # Routes of the mesh are for the clients of their namespace, or of the Service's; those
            # of a gateway are for whoever comes.
            rule.namespace if MESH in rule.gateways else "",
            rule.hosts,
            rule.gateways,
            rule.port,
        )
        before = found.get(key)
        found[key] = replace(before, http=before.http + rule.http) if before else rule
    # The sort is stable: of equally specific entries the older route's come first.
    return [
        replace(rule, http=tuple(sorted(rule.http, key=_build_specificity_key)))
        for rule in found.values()
    ]


def _build_specificity_key(entry: Object) -> tuple[int, ...]:
    """Return the sort key of an entry: exact paths before prefixes before expressions before
    none, longer ones first, then method, headers, query.
    """
    match = (entry.get("match") or [{}])[0]
    kind, path = next(iter((match.get("uri") or {}).items()), ("", ""))
    rank = {"exact": 0, "prefix": 1, "regex": 2, "": 3}[kind]
    rest = (
        0 if "method" in match else 1,
        -len(match.get("headers") or {}),
        -len(match.get("queryParams") or {}),
    )
    return (rank, -len(path), *rest)


def list_listener_rules(world: World, gateway: Object, listener: Object) -> list[Rule]:
    """Return what HTTPRoutes say for one listener of a Gateway: a rule for each host name."""
    return _merge_rules(_read_attached_routes(world, gateway, listener))


def _read_attached_routes(world: World, gateway: Object, listener: Object) -> Iterator[Rule]:
    home, name = gateway["metadata"]["namespace"], gateway["metadata"]["name"]
    for obj in list_routes(world):
        namespace = obj["metadata"]["namespace"]
        if not admits_kind(listener, get_route_kind(obj)):
            continue
        if not admits_namespace(world, listener, home, namespace):
            continue
        refs = obj["spec"].get("parentRefs") or []
        if not any(_is_ref_to_listener(ref, namespace, (home, name), listener) for ref in refs):
            continue
        for host in _intersect_hosts(
            listener.get("hostname") or "*", obj["spec"].get("hostnames") or ["*"]
        ):
            yield _build_route_rule(world, obj, host, f"{home}/{name}")


def _is_ref_to_listener(
    ref: Object, namespace: str, gateway: tuple[str, str], listener: Object
) -> bool:
    place = (ref.get("namespace") or namespace, ref["name"])
    section, port = ref.get("sectionName"), ref.get("port")
    wanted = section in (None, "", listener["name"]) and port in (None, listener["port"])
    ours = ref.get("group", GATEWAY_API) == GATEWAY_API and ref.get("kind", "Gateway") == "Gateway"
    return ours and place == gateway and wanted


def _intersect_hosts(listener: str, hosts: list[str]) -> Iterator[str]:
    """Yield the narrower of each pair of host names that overlap."""
    for host in hosts:
        if covers_host(listener, host):
            yield host
        elif covers_host(host, listener):
            yield listener
