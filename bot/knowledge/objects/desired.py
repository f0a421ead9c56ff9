"""The desired state of an object: what is kept before a change, and compared after undoing
it.
"""

from __future__ import annotations

from bot.kinds import Object

SERVER_KEPT = {
    "managedFields",
    "resourceVersion",
    "uid",
    "creationTimestamp",
    "generation",
    "selfLink",
}
"""Metadata that belongs to the API server (Kubernetes 1.27 to 1.36)."""
REVISION = "deployment.kubernetes.io/revision"
"""The annotation in which the Deployment controller counts; it is not part of what anyone wants."""


def extract_desired_state(obj: Object) -> Object:
    """Return an object without its status and the fields that the API server keeps for itself."""
    meta = {k: v for k, v in obj["metadata"].items() if k not in SERVER_KEPT}
    notes = {k: v for k, v in (meta.pop("annotations", None) or {}).items() if k != REVISION}
    meta |= {"annotations": notes} if notes else {}
    return {k: v for k, v in obj.items() if k not in {"metadata", "status"}} | {"metadata": meta}


def extract_restorable_state(obj: Object) -> Object:
    """Return an object's desired state and who set its fields, as undo puts both back."""
    state = extract_desired_state(obj)
    managers = [
        entry
        for entry in obj["metadata"].get("managedFields") or []
        # What controllers observe is written anew, by them.
        if not entry.get("subresource")
    ]
    metadata = state["metadata"] | ({"managedFields": managers} if managers else {})
    return state | {"metadata": metadata}
