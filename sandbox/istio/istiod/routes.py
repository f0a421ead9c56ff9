"""Binding of HTTPRoutes, GRPCRoutes and TLSRoutes to Gateways and Services, and the routes'
status."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from sandbox.cluster.contract import Object
from sandbox.cluster.machinery.selectors import matches_label_selector
from sandbox.istio.istiod.conditions import build_condition, merge_conditions
from sandbox.istio.istiod.gateway_classes import GATEWAY_CONTROLLER, GROUP

ROUTE_KINDS: Mapping[str, tuple[str, ...]] = {
    "HTTP": ("HTTPRoute", "GRPCRoute"),
    "HTTPS": ("HTTPRoute", "GRPCRoute"),
    "TLS": ("TLSRoute",),
}
"""The kinds of routes that listeners of a protocol take."""
Objects = Mapping[tuple[str, str], Object]
"""Objects by (namespace, name)."""


@dataclass(frozen=True)
class RouteContext:
    """The objects that a route can refer to, as istiod sees them now."""

    gateways: Objects
    services: Objects
    namespaces: Objects
    grants: Objects
    ours: Callable[[Object], bool]
    """Whether a Gateway is of a class that this istiod answers for."""
    waypoints: bool
    """Whether routes say that their waypoints are resolved."""


def build_route_status(route: Object, world: RouteContext, stamp: str) -> Object:
    """Build the route's status: one entry for each parent of this istiod.

    Entries of other controllers stay as they are.
    """
    old = (route.get("status") or {}).get("parents") or []
    generation = route["metadata"].get("generation", 1)
    parents = [p for p in old if p.get("controllerName") != GATEWAY_CONTROLLER]
    for ref in route["spec"].get("parentRefs") or []:
        full = {"group": GROUP, "kind": "Gateway"} | ref
        accepted = _build_accepted_condition(route, full, world)
        if accepted is None:
            continue
        before: Object = next(
            (
                p
                for p in old
                if p["parentRef"] == full and p.get("controllerName") == GATEWAY_CONTROLLER
            ),
            {},
        )
        mesh = full["kind"] == "Service"
        conditions = [accepted, _build_resolved_condition(route, world, mesh=mesh)]
        if world.waypoints:
            conditions.append(
                build_condition("ResolvedWaypoints", "ResolvedWaypoints", "All waypoints resolved")
            )
        said = merge_conditions(before.get("conditions"), conditions, generation, stamp)
        parents.append(
            {"parentRef": full, "controllerName": GATEWAY_CONTROLLER, "conditions": said}
        )
    return {"parents": parents}


def count_attached_routes(
    gateway: Object, routes: Iterable[Object], world: RouteContext
) -> dict[str, int]:
    """Count the routes bound to each listener of a Gateway, by the listener's name."""
    meta = gateway["metadata"]
    counts: dict[str, int] = {}
    for route in routes:
        namespace = route["metadata"]["namespace"]
        bound: set[str] = set()
        for ref in route["spec"].get("parentRefs") or []:
            same = (
                ref["name"] == meta["name"] and ref.get("namespace", namespace) == meta["namespace"]
            )
            if same and is_gateway_ref(ref):
                bound |= {one["name"] for one in _match_listeners(route, ref, gateway, world)[0]}
        for name in bound:
            counts[name] = counts.get(name, 0) + 1
    return counts


def _build_accepted_condition(route: Object, ref: Object, world: RouteContext) -> Object | None:
    namespace = ref.get("namespace", route["metadata"]["namespace"])
    if ref["kind"] == "Service":
        if (namespace, ref["name"]) in world.services:
            return _build_valid_condition()
        return build_condition(
            "Accepted",
            "NoMatchingParent",
            f'parent service: "{ref["name"]}" not found',
            holds=False,
        )
    gateway = world.gateways.get((namespace, ref["name"]))
    # Another controller's Gateway is not for this istiod to judge.
    if not is_gateway_ref(ref) or gateway is None or not world.ours(gateway):
        return None
    bound, refusal = _match_listeners(route, ref, gateway, world)
    return _build_valid_condition() if bound else refusal


def is_gateway_ref(ref: Object) -> bool:
    """Tell whether a parent is a Gateway of the Gateway API: istiod takes no other group's."""
    return (ref.get("group", GROUP), ref.get("kind", "Gateway")) == (GROUP, "Gateway")


def _build_valid_condition() -> Object:
    return build_condition("Accepted", "Accepted", "Route was valid")


def _match_listeners(
    route: Object, ref: Object, gateway: Object, world: RouteContext
) -> tuple[list[Object], Object]:
    """Return the listeners that accept the route, and the condition why others do not."""
    section, port = ref.get("sectionName"), ref.get("port")
    candidates = gateway["spec"].get("listeners") or []
    candidates = [
        c for c in candidates if section in (None, c["name"]) and port in (None, c["port"])
    ]
    words = f'sectionName "{section}" not found' if section else f"port {port} not found"
    refusal = build_condition("Accepted", "NoMatchingParent", words, holds=False)
    bound = []
    for listener in candidates:
        problem = _explain_listener_mismatch(route, listener, gateway, world)
        if problem is None:
            bound.append(listener)
        else:
            refusal = problem
    return bound, refusal


def _explain_listener_mismatch(
    route: Object, listener: Object, gateway: Object, world: RouteContext
) -> Object | None:
    host, hosts = listener.get("hostname", ""), route["spec"].get("hostnames") or []
    if host and hosts and not any(_has_overlapping_hosts(host, other) for other in hosts):
        words = f'no hostnames matched parent hostname "{host}"'
        return build_condition("Accepted", "NoMatchingListenerHostname", words, holds=False)
    namespace = route["metadata"]["namespace"]
    if not _is_namespace_allowed(listener, gateway, namespace, world):
        words = (
            f'hostnames matched parent hostname "{host}", but namespace "{namespace}" is not '
            f"allowed by the parent"
        )
        return build_condition("Accepted", "NotAllowedByListeners", words, holds=False)
    if not admits_routes(listener, get_kind(route)):
        words = f"kind {GROUP}/v1/{get_kind(route)} is not allowed"
        return build_condition("Accepted", "NotAllowedByListeners", words, holds=False)
    return None


def get_kind(route: Object) -> str:
    """Return a route's kind."""
    return str(route.get("kind") or "HTTPRoute")


def admits_routes(listener: Object, kind: str) -> bool:
    """Tell whether a kind of routes is among those that a listener takes: those of its protocol,
    and of these what allowedRoutes.kinds leaves.
    """
    if kind not in ROUTE_KINDS.get(listener.get("protocol", ""), ()):
        return False
    kinds = (listener.get("allowedRoutes") or {}).get("kinds") or []
    wanted = [k for k in kinds if k.get("group", GROUP) == GROUP and k["kind"] == kind]
    return not kinds or bool(wanted)


def _has_overlapping_hosts(one: str, other: str) -> bool:
    def covers(pattern: str, name: str) -> bool:
        return pattern == name or (pattern.startswith("*.") and name.endswith(pattern[1:]))

    return covers(one, other) or covers(other, one)


def _is_namespace_allowed(
    listener: Object, gateway: Object, namespace: str, world: RouteContext
) -> bool:
    allowed = (listener.get("allowedRoutes") or {}).get("namespaces") or {}
    match allowed.get("from", "Same"):
        case "All":
            return True
        case "Selector":
            labels = (world.namespaces.get(("", namespace)) or {"metadata": {}})["metadata"].get(
                "labels"
            ) or {}
            return matches_label_selector(allowed.get("selector") or {}, labels)
        case _:
            return bool(gateway["metadata"]["namespace"] == namespace)


def _build_resolved_condition(route: Object, world: RouteContext, *, mesh: bool) -> Object:
    # A condition has one reason: the first problem is told.
    for problem in _find_broken_references(route, world, mesh=mesh):
        return problem
    return build_condition("ResolvedRefs", "ResolvedRefs", "All references resolved")


def _find_broken_references(route: Object, world: RouteContext, *, mesh: bool) -> Iterator[Object]:
    """Yield conditions; for routes between services, in the `mesh`, nobody has to grant anything
    (Istio 1.23, 1.30 and 1.32).
    """
    here = route["metadata"]["namespace"]
    for rule in route["spec"].get("rules") or []:
        for ref in rule.get("backendRefs") or []:
            namespace, name = ref.get("namespace") or here, ref["name"]
            group, kind = ref.get("group") or "", ref.get("kind") or "Service"
            if (group, kind) != ("", "Service"):
                words = (
                    f"referencing unsupported backendRef: group {_quote_text(group)} kind "
                    f"{_quote_text(kind)}"
                )
                yield build_condition("ResolvedRefs", "InvalidKind", words, holds=False)
            elif (
                namespace != here
                and not mesh
                and not _is_reference_granted(route, namespace, name, world)
            ):
                words = (
                    f"backendRef {name}/{namespace} not accessible to a {get_kind(route)} in "
                    f'namespace "{here}"'
                )
                words += " (missing a ReferenceGrant?)"
                yield build_condition("ResolvedRefs", "RefNotPermitted", words, holds=False)
            elif (namespace, name) not in world.services:
                words = f"backend({name}.{namespace}.svc.cluster.local) not found"
                yield build_condition("ResolvedRefs", "BackendNotFound", words, holds=False)


def _quote_text(text: str) -> str:
    return f'"{text}"'


def _is_reference_granted(route: Object, there: str, name: str, world: RouteContext) -> bool:
    asking = (get_kind(route), route["metadata"]["namespace"])
    for (namespace, _), grant in world.grants.items():
        if namespace != there:
            continue
        sources, targets = grant["spec"].get("from") or [], grant["spec"].get("to") or []
        asked = any((s["kind"], s["namespace"]) == asking for s in sources)
        if asked and any(t["kind"] == "Service" and t.get("name") in (None, name) for t in targets):
            return True
    return False
