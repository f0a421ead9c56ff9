"""Which waypoint a Service of the namespace uses."""

from __future__ import annotations

from bot.diagnosis.objects import is_waypoint
from bot.diagnosis.state import GATEWAY_NAME, USE_WAYPOINT, NamespaceState
from bot.kinds import GATEWAY, POD, Object
from bot.knowledge.objects.workloads import get_labels, get_name

PLACE = "istio.io/use-waypoint-namespace"


def get_waypoint_name(state: NamespaceState, service: str) -> str:
    """Return the waypoint that a Service names, by its own label or the namespace's; "" for none.

    The Service's label goes before the namespace's, and `none` takes it out.
    """
    obj = state.services.get(service)
    own = get_labels(obj).get(USE_WAYPOINT) if obj else None
    name = own if own is not None else state.labels.get(USE_WAYPOINT, "")
    return "" if name == "none" else name


def find_waypoint(state: NamespaceState, name: str) -> Object | None:
    """Return the waypoint of that name, in the namespace that the label beside it names."""
    place = state.labels.get(PLACE) or state.namespace
    return next(
        (
            g
            for g in state.cluster.list_all(GATEWAY)
            if get_name(g) == name and g["metadata"].get("namespace") == place and is_waypoint(g)
        ),
        None,
    )


def is_bound(state: NamespaceState, service: str) -> bool:
    """Tell whether a Service names a waypoint that is there."""
    name = get_waypoint_name(state, service)
    return bool(name) and find_waypoint(state, name) is not None


def find_waypoint_pod(state: NamespaceState, service: str) -> Object | None:
    """Return a pod of the waypoint that a Service is bound to, or None."""
    if not is_bound(state, service):
        return None
    name = get_waypoint_name(state, service)
    pods = (p for p in state.list_own(POD) if get_labels(p).get(GATEWAY_NAME) == name)
    return next(pods, None)
