"""Which namespaces a Gateway's listener takes routes, or a waypoint's Services, from."""

from __future__ import annotations

from bot.diagnosis.mesh_state import NamespaceState
from bot.kinds import NAMESPACE, Object
from bot.knowledge.objects.selectors import matches_selector
from bot.knowledge.objects.workloads import get_labels


def admits_namespace(state: NamespaceState, listener: Object, home: str, place: str) -> bool:
    """Tell whether a listener in a place takes what is of a namespace; by default its own alone."""
    namespaces = (listener.get("allowedRoutes") or {}).get("namespaces") or {}
    match namespaces.get("from", "Same"):
        case "All":
            return True
        case "Selector":
            own = state.shared.find_cluster_object(NAMESPACE, home)
            return matches_selector(namespaces.get("selector"), get_labels(own) if own else {})
        case _:
            return home == place
