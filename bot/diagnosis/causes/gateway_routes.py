"""Causes in HTTPRoutes: the Gateway and the Services that they name, and what is let in."""

from __future__ import annotations

from collections.abc import Iterator

from bot.diagnosis.allowed_routes import admits_namespace
from bot.diagnosis.cause import Cause, CauseKind, Finding, Fix, Subject
from bot.diagnosis.facts import describe, list_words, show_field
from bot.diagnosis.mesh_rules import list_used_destinations, service_exists
from bot.diagnosis.mesh_state import NamespaceState
from bot.diagnosis.object_facts import is_waypoint
from bot.diagnosis.page_routes import (
    find_gateway,
    list_fitting_listeners,
    list_parents,
)
from bot.kinds import GATEWAY, GRPC_ROUTE, HTTP_ROUTE, NAMESPACE, SERVICE, Object
from bot.knowledge.objects.workloads import get_name
from bot.text import Text, verbatim


def list_own_routes(state: NamespaceState) -> list[Object]:
    """Return the namespace's HTTPRoutes and GRPCRoutes."""
    return [*state.list_own(HTTP_ROUTE), *state.list_own(GRPC_ROUTE)]


def suggest_route_fix(route: Object, command: str) -> Fix:
    """Return the step that writes a route anew, where it is of a kind that the bot writes."""
    if command and route.get("kind") == HTTP_ROUTE.kind:
        return Fix(command=command)
    kind, home = str(route["kind"]).lower(), route["metadata"].get("namespace", "")
    return Fix(line=f"kubectl edit {kind} {get_name(route)} -n {home}")


def find_parent_missing(state: NamespaceState) -> Iterator[Finding]:
    """Yield HTTPRoutes that name a Gateway, or a listener of it, that is not there."""
    shown = state.page is not None and state.page.whole is True
    for route in list_own_routes(state):
        # The page is no gRPC: whatever becomes of such a route, it is the page that comes.
        whole = shown or route.get("kind") == GRPC_ROUTE.kind
        for parent in list_parents(route):
            gateway = find_gateway(state, route, parent)
            if gateway is not None and list_fitting_listeners(gateway, parent):
                yield from find_host_unserved(route, gateway)
                continue
            fields = ("group", "namespace", "name", "sectionName", "port")
            wanted = "/".join(str(parent[field]) for field in fields if parent.get(field))
            yield Finding(
                Text(
                    "{route} is attached to Gateway {gateway}, which is not there: the page "
                    "answers 404.",
                    route=describe(route),
                    gateway=wanted,
                )
                if not whole
                else Text(
                    "{route} is attached to Gateway {gateway}, which is not there: nobody gets in "
                    "that way.",
                    route=describe(route),
                    gateway=wanted,
                ),
                (
                    show_field(route, "parentRefs", wanted),
                    Text(
                        "Gateways of {namespace}: {names}",
                        namespace=state.namespace,
                        names=list_words([get_name(g) for g in state.gateways]),
                    ),
                ),
                suggest_route_fix(route, "expose"),
                frozenset({f"{route['kind']}/{get_name(route)}"}),
            )
        yield from find_service_unattached(state, route)
    yield from find_gateway_unused(state)


def find_service_unattached(state: NamespaceState, route: Object) -> Iterator[Finding]:
    """Yield that a route between services is for a Service, or a port of one, that is not there."""
    home = str(route["metadata"].get("namespace", ""))
    for parent in route["spec"].get("parentRefs") or []:
        name, port = str(parent.get("name")), parent.get("port")
        place = str(parent.get("namespace") or home)
        if parent.get("kind") != "Service" or place != state.namespace:
            continue
        service = state.services.get(name)
        ports = [p.get("port") for p in (service or {}).get("spec", {}).get("ports") or []]
        if service is not None and (port is None or port in ports):
            continue
        wanted = f"{name}:{port}" if port else name
        yield Finding(
            Text(
                "{route} is for Service {service}, which is not there: nobody obeys it.",
                route=describe(route),
                service=wanted,
            ),
            (
                show_field(route, "parentRefs", wanted),
                Text(
                    "Services of {namespace}: {services}",
                    namespace=state.namespace,
                    services=list_words(sorted(state.services)),
                ),
            ),
            suggest_route_fix(route, ""),
            frozenset({f"{route['kind']}/{get_name(route)}", f"Service/{name}", f"app/{name}"}),
        )


def find_gateway_unused(state: NamespaceState) -> Iterator[Finding]:
    """Yield Gateways without any route, where the page was asked for and is not found."""
    missed = state.page is not None and state.page.status == 404
    if not state.bookinfo or not (missed or "expose" in state.activity.wanted):
        return
    own = [route for route in state.list_own(HTTP_ROUTE) if list_parents(route)]
    if own:
        return  # the page's route is there, and leads somewhere else
    for gateway in state.gateways:
        counts = [
            each.get("attachedRoutes", 0)
            for each in (gateway.get("status") or {}).get("listeners") or []
        ]
        if is_waypoint(gateway) or not counts or any(counts):
            continue
        yield Finding(
            Text(
                "No HTTPRoute is attached to {gateway}: the page answers 404.",
                gateway=describe(gateway),
            ),
            (show_field(gateway, "status.listeners.attachedRoutes", 0),),
            Fix(command="expose"),
            frozenset({f"Gateway/{get_name(gateway)}"}),
        )


def find_host_unserved(route: Object, gateway: Object) -> Iterator[Finding]:
    """Yield that no listener of a Gateway is for a host of the route, as istiod says."""
    if get_refusal(route, "Accepted") == "NoMatchingListenerHostname":
        wanted = ", ".join(map(str, route["spec"].get("hostnames") or []))
        yield Finding(
            Text(
                "{route} is for {hosts}, and no listener of {gateway} takes such a host: the page "
                "answers 404.",
                route=describe(route),
                hosts=wanted,
                gateway=describe(gateway),
            ),
            (
                show_field(route, "hostnames", wanted),
                *(
                    show_field(gateway, "listeners.hostname", each["hostname"])
                    for each in gateway["spec"].get("listeners") or []
                    if each.get("hostname")
                ),
            ),
            Fix(command="expose"),
            frozenset({f"HTTPRoute/{get_name(route)}"}),
        )


def find_backend_missing(state: NamespaceState) -> Iterator[Finding]:
    """Yield rules that send to a Service or a port that is not there, or that they may not use."""
    for route in list_own_routes(state):
        fix = suggest_route_fix(route, "expose" if list_parents(route) else "route off")
        missing = list_missing_backends(state, route)[:1]
        for name, port in missing:
            yield Finding(
                Text(
                    "{route} sends to {backend}, which does not exist: its requests get 500.",
                    route=describe(route),
                    backend=f"Service {name}:{port}" if port else f"Service {name}",
                ),
                (
                    show_field(route, "backendRefs", f"{name}:{port}" if port else name),
                    *show_parent_condition(route, "ResolvedRefs"),
                ),
                fix,
                frozenset({f"{route['kind']}/{get_name(route)}", f"Service/{name}", f"app/{name}"}),
            )
        if not missing and (reason := get_refusal(route, "ResolvedRefs")):
            yield Finding(
                Text(
                    "{route} may not send to one of its backends, {reason}: its requests get 500.",
                    route=describe(route),
                    reason=reason,
                ),
                tuple(show_parent_condition(route, "ResolvedRefs")),
                fix,
                frozenset({f"{route['kind']}/{get_name(route)}"}),
            )
    yield from find_port_missing(state)


def find_port_missing(state: NamespaceState) -> Iterator[Finding]:
    """Yield VirtualServices in force that send to a port which the Service does not have."""
    seen: set[str] = set()
    for rule, destination in list_used_destinations(state):
        service = state.services.get(destination.service)
        key = f"{describe(rule.owner)} {destination.service}"
        if rule.owner.get("kind") == "HTTPRoute" or service is None or key in seen:
            continue
        ports = [p.get("port") for p in service["spec"].get("ports") or []]
        if destination.namespace != state.namespace or destination.port in (None, *ports):
            continue
        seen.add(key)
        yield Finding(
            Text(
                "{rule} sends to port {port} of {service}, which has no such port: callers get "
                "503.",
                rule=describe(rule.owner),
                port=str(destination.port),
                service=destination.service,
            ),
            (
                show_field(rule.owner, "destination.port", f"{destination.port}"),
                show_field(service, "ports", ", ".join(map(str, ports))),
            ),
            Fix(
                line=f"kubectl edit virtualservice {get_name(rule.owner)} "
                f"-n {rule.owner['metadata']['namespace']}"
            ),
            frozenset({f"Service/{destination.service}", f"app/{destination.service}"}),
        )


def list_missing_backends(state: NamespaceState, route: Object) -> list[tuple[str, int | None]]:
    """Return the backends of a route, as (Service, port), that do not exist."""
    home, found = str(route["metadata"].get("namespace", "")), []
    for rule in route["spec"].get("rules") or []:
        for ref in rule.get("backendRefs") or []:
            if ref.get("kind", "Service") != "Service" or ref.get("group"):
                continue
            name, place, port = str(ref["name"]), str(ref.get("namespace") or home), ref.get("port")
            services = state.cluster.by_namespace.get((SERVICE, place), [])
            service = next((s for s in services if get_name(s) == name), None)
            if service is None and not service_exists(state, name, place):
                found.append((name, port))
            elif service is not None and port is not None:
                ports = [p.get("port") for p in service["spec"].get("ports") or []]
                if port not in ports:
                    found.append((name, port))
    return found


def get_refusal(route: Object, type_: str) -> str:
    """Return the reason why istiod says False to a condition of a route as it is now, or ""."""
    now = route["metadata"].get("generation")
    for parent in (route.get("status") or {}).get("parents") or []:
        for condition in parent.get("conditions") or []:
            fresh = condition.get("observedGeneration", now) == now
            if condition.get("type") == type_ and condition.get("status") == "False" and fresh:
                return str(condition.get("reason", ""))
    return ""


def show_parent_condition(route: Object, type_: str) -> list[Text]:
    """Return a condition that a route has of one of its parents, if it is not True."""
    for parent in (route.get("status") or {}).get("parents") or []:
        for condition in parent.get("conditions") or []:
            if condition.get("type") == type_ and condition.get("status") != "True":
                words = f"{condition.get('reason', '')}: {condition.get('message', '')}"
                return [verbatim(f"{describe(route)}: {type_}={condition.get('status')} {words}")]
    return []


def find_not_allowed(state: NamespaceState) -> Iterator[Finding]:
    """Yield HTTPRoutes that the Gateway's listeners do not admit."""
    for route in state.list_own(HTTP_ROUTE):
        for parent in list_parents(route):
            gateway = find_gateway(state, route, parent)
            if gateway is None or admits(state, gateway, route, parent):
                continue
            listeners = gateway["spec"].get("listeners") or []
            allowed = [
                str(((each.get("allowedRoutes") or {}).get("namespaces") or {}).get("from", "Same"))
                for each in listeners
            ]
            yield Finding(
                Text(
                    "{gateway} does not admit {route}: its listeners take other routes.",
                    gateway=describe(gateway),
                    route=describe(route),
                ),
                (
                    show_field(gateway, "allowedRoutes.namespaces.from", ", ".join(allowed)),
                    *show_parent_condition(route, "Accepted"),
                ),
                Fix(command="expose"),
                frozenset({f"HTTPRoute/{get_name(route)}"}),
            )


def admits(state: NamespaceState, gateway: Object, route: Object, parent: Object) -> bool:
    """Tell whether a listener of a Gateway admits a route, by namespace and kind.

    Without any fitting listener it is the parent that is missing, not the admission.
    """
    section = parent.get("sectionName")
    listeners = [
        each
        for each in gateway["spec"].get("listeners") or []
        if not section or each.get("name") == section
    ]
    home, place = (str(each["metadata"].get("namespace", "")) for each in (route, gateway))
    return not listeners or any(
        admits_kind(each) and admits_namespace(state, each, home, place) for each in listeners
    )


def admits_kind(listener: Object) -> bool:
    """Tell whether a listener takes HTTPRoutes: by its protocol, and by the kinds that it names."""
    if listener.get("protocol") not in ("HTTP", "HTTPS"):
        return False
    kinds = [k.get("kind") for k in (listener.get("allowedRoutes") or {}).get("kinds") or []]
    return not kinds or "HTTPRoute" in kinds


def find_path_not_routed(state: NamespaceState) -> Iterator[Finding]:
    """Yield that a gateway answers 404 to paths that the workshop does not route."""
    routes = [r for r in state.list_own(HTTP_ROUTE) if list_parents(r)]
    if not routes or not state.bookinfo:
        return
    paths = [
        str((match.get("path") or {}).get("value", "/"))
        for route in routes
        for rule in route["spec"].get("rules") or []
        for match in rule.get("matches") or [{}]
    ]
    if "/" in paths:
        return
    yield Finding(
        Text("The gateway answers 404 to / and /health: only productpage's own paths are routed."),
        (show_field(routes[0], "paths", ", ".join(dict.fromkeys(paths))),),
        Fix(advice=Text("Use /productpage.")),
    )


CAUSES = (
    Cause(
        "route-parent-missing",
        Subject.EXPOSING,
        "The HTTPRoute names a Gateway or a Service that is not there, or a Gateway has no route.",
        "No such Gateway, listener or host; `attachedRoutes: 0`; 404 at the gateway.",
        "`/mesh expose`",
        find_parent_missing,
        ("expose",),
        gravity=2,
        source="KIA1401",
        needs=(GATEWAY, HTTP_ROUTE),
    ),
    Cause(
        "route-backend-missing",
        Subject.EXPOSING,
        "The route, at the gateway or at a Service, names a Service or a port that is not there, "
        "or that it may not use.",
        "`ResolvedRefs=False BackendNotFound` or `RefNotPermitted`; 500.",
        "`/mesh expose`; for versions `/mesh route`",
        find_backend_missing,
        ("expose", "route"),
        gravity=2,
        source="KIA1402",
        needs=(SERVICE,),
    ),
    Cause(
        "route-not-allowed",
        Subject.EXPOSING,
        "The listener does not admit routes of that namespace or kind.",
        "`Accepted=False NotAllowedByListeners`.",
        "A route beside the Gateway: `/mesh expose in=NAMESPACE`",
        find_not_allowed,
        ("expose",),
        gravity=2,
        source="Gateway API 1.1 to 1.5, allowedRoutes",
        needs=(NAMESPACE,),
    ),
    Cause(
        "path-not-routed",
        Subject.EXPOSING,
        "`/` and `/health` answer 404 at the gateway: only productpage's paths are routed.",
        "404 although the route is there.",
        "Use /productpage",
        find_path_not_routed,
        ("expose",),
        kind=CauseKind.NORMAL,
        always=True,
        source="the release's sample of the Gateway API",
    ),
)
