"""What the namespace of an object decides: whether anything new may be made there, and the labels
that admission selects by."""

from __future__ import annotations

from sandbox.cluster.api_refusals import forbidden_error, not_found_error
from sandbox.cluster.contract import Ref
from sandbox.cluster.kinds import Kinds
from sandbox.cluster.operations import Target
from sandbox.cluster.store import Store

NAMESPACES = Ref("", "namespaces")


def read_namespace_labels(store: Store, target: Target) -> dict[str, str]:
    """Return the labels of the target's namespace, or of the target when it is a namespace."""
    name = target.name if target.kind.ref == NAMESPACES else target.namespace
    record = store.get(NAMESPACES, "", name) if name else None
    return (record.obj["metadata"].get("labels") or {}) if record else {}


def require_live_namespace(store: Store, kinds: Kinds, target: Target) -> None:
    """Raise ApiError unless the target's namespace exists (404) and is not terminating (403).

    Cluster-scoped types need none.
    """
    if not target.kind.namespaced:
        return
    record = store.get(NAMESPACES, "", target.namespace)
    if record is None:
        raise not_found_error(kinds.get(NAMESPACES) or target.kind, target.namespace)
    if record.obj["metadata"].get("deletionTimestamp"):
        cause = {"reason": "NamespaceTerminating", "field": "metadata.namespace",
                 "message": f"namespace {target.namespace} is being terminated"}  # fmt: skip
        why = (
            f"unable to create new content in namespace {target.namespace} because it is "
            f"being terminated"
        )
        raise forbidden_error(target.kind, target.name, why, [cause])
