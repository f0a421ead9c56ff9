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
