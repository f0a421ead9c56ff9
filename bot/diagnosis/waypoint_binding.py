"""Which waypoint a Service of the namespace uses."""

from __future__ import annotations

from bot.diagnosis.allowed_routes import admits_namespace
from bot.diagnosis.mesh_state import (
    CALLS,
    GATEWAY_NAME,
    USE_WAYPOINT,
    NamespaceState,
    list_pods_of,
)
from bot.diagnosis.object_facts import is_waypoint
from bot.kinds import GATEWAY, POD, Object
from bot.knowledge.objects.mesh_pods import has_sidecar
from bot.knowledge.objects.workloads import get_labels, get_name

PLACE = "istio.io/use-waypoint-namespace"
FOR = "istio.io/waypoint-for"


def get_waypoint_name(state: NamespaceState, service: str) -> str:
    """Return the waypoint that a Service names, by its own label or the namespace's; "" for none.

    The Service's label goes before the namespace's, and `none` takes it out.
    """
    obj = state.services.get(service)
    own = get_labels(obj).get(USE_WAYPOINT) if obj else None
    name = own if own is not None else state.labels.get(USE_WAYPOINT, "")
    return "" if name == "none" else name


def get_waypoint_place(state: NamespaceState, holder: Object | None) -> str:
    """Return the namespace of the waypoint that an object names: a label beside the name says it,
    else it is the object's own.
    """
    told = get_labels(holder).get(PLACE) if holder else None
    return told or state.namespace


def find_waypoint(state: NamespaceState, name: str, holder: Object | None = None) -> Object | None:
    """Return the waypoint of that name which an object names, else the namespace."""
    place = get_waypoint_place(state, holder or state.object)
    return next(
        (
            g
            for g in state.cluster.list_all(GATEWAY)
            if get_name(g) == name and g["metadata"].get("namespace") == place and is_waypoint(g)
        ),
        None,
    )


def find_label_holder(state: NamespaceState, service: str) -> Object | None:
    """Return what names a Service's waypoint: itself where it has the label, else the namespace."""
    obj = state.services.get(service)
    return obj if obj and USE_WAYPOINT in get_labels(obj) else state.object


def admits_services(state: NamespaceState, waypoint: Object) -> bool:
    """Tell whether a waypoint is for Services of the namespace: one elsewhere has to say so."""
    home = waypoint["metadata"].get("namespace")
    return home == state.namespace or any(
        admits_namespace(state, each, state.namespace, home)
        for each in waypoint["spec"].get("listeners") or []
    )


def find_traffic_holder(state: NamespaceState, gateway: Object) -> Object | None:
    """Return what says which addresses a waypoint is for: it itself, else its GatewayClass."""
    made = state.shared.gateway_classes.get(str(gateway["spec"].get("gatewayClassName", "")))
    return next((h for h in (gateway, made) if h is not None and FOR in get_labels(h)), None)


def serves_services(state: NamespaceState, gateway: Object) -> bool:
    """Tell whether a waypoint is for Services, as it is unless a label says otherwise."""
    holder = find_traffic_holder(state, gateway)
    return holder is None or get_labels(holder)[FOR] in ("service", "all")


def is_bound(state: NamespaceState, service: str) -> bool:
    """Tell whether a Service names a waypoint that is there, and is for Services."""
    name = get_waypoint_name(state, service)
    waypoint = find_waypoint(state, name, find_label_holder(state, service)) if name else None
    return (
        waypoint is not None
        and serves_services(state, waypoint)
        and admits_services(state, waypoint)
    )


def is_obeyed(state: NamespaceState, service: str) -> bool:
    """Tell whether a proxy obeys rules for a Service: its waypoint, or a caller's sidecar."""
    callers = [pod for c, callee in CALLS if callee == service for pod in list_pods_of(state, c)]
    return is_bound(state, service) or any(has_sidecar(pod) for pod in callers)


def find_waypoint_pod(state: NamespaceState, service: str) -> Object | None:
    """Return a pod of the waypoint that a Service is bound to, or None."""
    if not is_bound(state, service):
        return None
    name = get_waypoint_name(state, service)
    pods = (p for p in state.list_own(POD) if get_labels(p).get(GATEWAY_NAME) == name)
    return next(pods, None)
