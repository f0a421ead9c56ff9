"""The HTTPRoutes by which the page is reached from outside: for which names, and by what rules."""

from __future__ import annotations

from collections.abc import Iterator

from bot.diagnosis.gateway_pods import list_edge_gateways
from bot.diagnosis.mesh_rules import HttpRule, list_rules
from bot.diagnosis.mesh_state import NamespaceState
from bot.diagnosis.page_requests import Asked, takes
from bot.kinds import GATEWAY, HTTP_ROUTE, Object
from bot.knowledge.objects.workloads import get_name

PAGE = Asked("productpage", "/productpage")
GATEWAY_GROUP = "gateway.networking.k8s.io"


def is_page_spoilt(state: NamespaceState) -> bool:
    """Tell whether the page came, and was not whole or not the page; slow answers say nothing."""
    page = state.page
    return page is not None and page.whole is False and page.status != 0


def list_parents(route: Object) -> list[Object]:
    """Return the parents of a route that are Gateways, by what they are called alone."""
    return [
        p for p in route["spec"].get("parentRefs") or [] if p.get("kind", "Gateway") == "Gateway"
    ]


def is_gateway_ref(parent: Object) -> bool:
    """Tell whether a parent is of the Gateway API: Istio's own Gateways take no HTTPRoutes."""
    return str(parent.get("group", GATEWAY_GROUP)) == GATEWAY_GROUP


def find_gateway(state: NamespaceState, route: Object, parent: Object) -> Object | None:
    """Return the Gateway that a route's parent names, or None."""
    place = parent.get("namespace") or route["metadata"].get("namespace")
    for gateway in state.cluster.list_all(GATEWAY) if is_gateway_ref(parent) else ():
        if (
            get_name(gateway) == parent.get("name")
            and gateway["metadata"].get("namespace") == place
        ):
            return gateway
    return None


def list_fitting_listeners(gateway: Object | None, parent: Object) -> list[Object]:
    """Return the listeners of a Gateway that a route's parent means, by name and port."""
    section, port = parent.get("sectionName"), parent.get("port")
    return [
        each
        for each in (gateway or {}).get("spec", {}).get("listeners") or []
        if (not section or each.get("name") == section) and (not port or each.get("port") == port)
    ]


def list_page_routes(state: NamespaceState) -> Iterator[tuple[Object, Object, list[Object]]]:
    """Yield the HTTPRoutes at the namespace's gateways, each with its Gateway and the listeners."""
    own = {get_name(gateway) for gateway in list_edge_gateways(state)}
    for route in state.cluster.list_all(HTTP_ROUTE):
        for parent in list_parents(route):
            gateway = find_gateway(state, route, parent)
            if gateway is None or gateway["metadata"].get("namespace") != state.namespace:
                continue
            listeners = list_fitting_listeners(gateway, parent)
            if get_name(gateway) in own and listeners:
                yield route, gateway, listeners


def list_page_rules(state: NamespaceState) -> list[HttpRule]:
    """Return the rules at the namespace's gateways that may take requests for the page."""
    return [
        rule
        for route, _, _ in list_page_routes(state)
        for rule in list_rules(state, route)
        if takes(state, rule, PAGE) is not False
    ]


def list_hostnames(route: Object, listeners: list[Object]) -> list[str]:
    """Return the names that a route at these listeners is for, empty when it is for every name."""
    told = [str(name) for name in route["spec"].get("hostnames") or []]
    named = [str(each["hostname"]) for each in listeners if each.get("hostname")]
    if told:
        return told
    return named if len(named) == len(listeners) else []
