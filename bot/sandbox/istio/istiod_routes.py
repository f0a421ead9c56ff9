"""How HTTPRoutes bind to Gateways and Services, and what their status says about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.sandbox.cluster.contract import Object
from bot.sandbox.istio.istiod_classes import GATEWAY_CONTROLLER, GROUP
from bot.sandbox.istio.istiod_conditions import condition, merged

Objects = Mapping[tuple[str, str], Object]
"""Objects by (namespace, name)."""


@dataclass(frozen=True)
class World:
    """What a route can refer to, as istiod sees it now."""

    gateways: Objects
    services: Objects
    namespaces: Objects
    grants: Objects
    ours: Callable[[Object], bool]
    """Whether a Gateway is of a class that this istiod answers for."""
    waypoints: bool
    """Whether routes say that their waypoints are resolved."""


def route_status(route: Object, world: World, stamp: str) -> Object:
    """The route's status: one entry for each parent that is ours, those of other controllers untouched."""
    old = (route.get("status") or {}).get("parents") or []
    generation = route["metadata"].get("generation", 1)
    parents = [p for p in old if p.get("controllerName") != GATEWAY_CONTROLLER]
    for ref in route["spec"].get("parentRefs") or []:
        full = {"group": GROUP, "kind": "Gateway"} | ref
        accepted = _accepted(route, full, world)
        if accepted is None:
            continue
        before: Object = next(
            (p for p in old if p["parentRef"] == full and p.get("controllerName") == GATEWAY_CONTROLLER), {}
        )
        conditions = [accepted, _resolved(route, world)]
        if world.waypoints:
            conditions.append(condition("ResolvedWaypoints", "ResolvedWaypoints", "All waypoints resolved"))
        said = merged(before.get("conditions"), conditions, generation, stamp)
        parents.append({"parentRef": full, "controllerName": GATEWAY_CONTROLLER, "conditions": said})
    return {"parents": parents}


def attached_routes(gateway: Object, routes: Objects, world: World) -> dict[str, int]:
    """How many routes are bound to each listener of a Gateway, by the listener's name."""
    meta = gateway["metadata"]
    counts: dict[str, int] = {}
    for (namespace, _), route in routes.items():
        bound: set[str] = set()
        for ref in route["spec"].get("parentRefs") or []:
            same = ref["name"] == meta["name"] and ref.get("namespace", namespace) == meta["namespace"]
            if same and ref.get("kind", "Gateway") == "Gateway":
                bound |= {one["name"] for one in _bound(route, ref, gateway, world)[0]}
        for name in bound:
            counts[name] = counts.get(name, 0) + 1
    return counts


def _accepted(route: Object, ref: Object, world: World) -> Object | None:
    namespace = ref.get("namespace", route["metadata"]["namespace"])
    if ref["kind"] == "Service":
        if (namespace, ref["name"]) in world.services:
            return _valid()
        return condition("Accepted", "NoMatchingParent", f'parent service: "{ref["name"]}" not found', holds=False)
    gateway = world.gateways.get((namespace, ref["name"]))
    if ref["kind"] != "Gateway" or gateway is None or not world.ours(gateway):
        return None
    bound, refusal = _bound(route, ref, gateway, world)
    return _valid() if bound else refusal


def _valid() -> Object:
    return condition("Accepted", "Accepted", "Route was valid")


def _bound(route: Object, ref: Object, gateway: Object, world: World) -> tuple[list[Object], Object]:
    """The listeners that take the route, and why the others do not."""
    section, port = ref.get("sectionName"), ref.get("port")
    candidates = gateway["spec"].get("listeners") or []
    candidates = [c for c in candidates if section in (None, c["name"]) and port in (None, c["port"])]
    words = f'sectionName "{section}" not found' if section else f"port {port} not found"
    refusal = condition("Accepted", "NoMatchingParent", words, holds=False)
    bound = []
    for listener in candidates:
        problem = _problem(route, listener, gateway, world)
        if problem is None:
            bound.append(listener)
        else:
            refusal = problem
    return bound, refusal


def _problem(route: Object, listener: Object, gateway: Object, world: World) -> Object | None:
    host, hosts = listener.get("hostname", ""), route["spec"].get("hostnames") or []
    if host and hosts and not any(_overlap(host, other) for other in hosts):
        words = f'no hostnames matched parent hostname "{host}"'
        return condition("Accepted", "NoMatchingListenerHostname", words, holds=False)
    namespace = route["metadata"]["namespace"]
    if not _admits(listener, gateway, namespace, world):
        words = f'hostnames matched parent hostname "{host}", but namespace "{namespace}" is not allowed by the parent'
        return condition("Accepted", "NotAllowedByListeners", words, holds=False)
    return None


def _overlap(one: str, other: str) -> bool:
    def covers(pattern: str, name: str) -> bool:
        return pattern == name or (pattern.startswith("*.") and name.endswith(pattern[1:]))

    return covers(one, other) or covers(other, one)


def _admits(listener: Object, gateway: Object, namespace: str, world: World) -> bool:
    allowed = (listener.get("allowedRoutes") or {}).get("namespaces") or {}
    match allowed.get("from", "Same"):
        case "All":
            return True
        case "Selector":
            labels = (world.namespaces.get(("", namespace)) or {"metadata": {}})["metadata"].get("labels") or {}
            return _selects(allowed.get("selector") or {}, labels)
        case _:
            return bool(gateway["metadata"]["namespace"] == namespace)


def _selects(selector: Object, labels: dict[str, str]) -> bool:
    return bool((selector.get("matchLabels") or {}).items() <= labels.items()) and all(
        _matches(e, labels) for e in selector.get("matchExpressions") or []
    )


def _matches(expression: dict[str, Any], labels: dict[str, str]) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values") or []
    match expression["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case _:
            return value is None


def _resolved(route: Object, world: World) -> Object:
    for problem in _broken_references(route, world):
        return problem
    return condition("ResolvedRefs", "ResolvedRefs", "All references resolved")


def _broken_references(route: Object, world: World) -> Iterator[Object]:
    here = route["metadata"]["namespace"]
    for rule in route["spec"].get("rules") or []:
        for ref in rule.get("backendRefs") or []:
            namespace, name = ref.get("namespace") or here, ref["name"]
            group, kind = ref.get("group") or "", ref.get("kind") or "Service"
            if (group, kind) != ("", "Service"):
                words = f"referencing unsupported backendRef: group {_quoted(group)} kind {_quoted(kind)}"
                yield condition("ResolvedRefs", "InvalidKind", words, holds=False)
            elif namespace != here and not _granted(here, namespace, name, world):
                words = f'backendRef {name}/{namespace} not accessible to a HTTPRoute in namespace "{here}"'
                words += " (missing a ReferenceGrant?)"
                yield condition("ResolvedRefs", "RefNotPermitted", words, holds=False)
            elif (namespace, name) not in world.services:
                words = f"backend({name}.{namespace}.svc.cluster.local) not found"
                yield condition("ResolvedRefs", "BackendNotFound", words, holds=False)


def _quoted(text: str) -> str:
    return f'"{text}"'


def _granted(here: str, there: str, name: str, world: World) -> bool:
    for (namespace, _), grant in world.grants.items():
        if namespace != there:
            continue
        sources, targets = grant["spec"].get("from") or [], grant["spec"].get("to") or []
        asked = any(s["kind"] == "HTTPRoute" and s["namespace"] == here for s in sources)
        if asked and any(t["kind"] == "Service" and t.get("name") in (None, name) for t in targets):
            return True
    return False
