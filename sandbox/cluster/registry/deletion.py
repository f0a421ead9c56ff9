"""Deletion of an object: preconditions, finalizers, propagation, grace period."""

from __future__ import annotations

from datetime import datetime, timedelta

from sandbox.cluster.api_refusals import failed_precondition_error
from sandbox.cluster.contract import Object
from sandbox.cluster.crds.definitions import CLEANUP, DEFINITIONS, build_pending_status
from sandbox.cluster.operations import DeleteOptions, Target

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
_DEFAULT_GRACE = 30


def check_preconditions(target: Target, live: Object, options: DeleteOptions) -> None:
    """Raise ApiError(409) when the object is not the one meant."""
    for name, wanted, found, guess in (
        ("UID", options.uid, live["metadata"]["uid"], "been deleted and then recreated"),
        ("ResourceVersion", options.revision, live["metadata"]["resourceVersion"], "been modified"),
    ):
        if wanted and wanted != found:
            why = (
                f"the {name} in the precondition ({wanted}) does not match the {name} in record "
                f"({found})"
            )
            raise failed_precondition_error(
                target.kind, target.name, f"{why}. The object might have {guess}"
            )


def mark_for_deletion(
    target: Target, live: Object, options: DeleteOptions, now: datetime
) -> tuple[Object, bool]:
    """Return the object as a delete leaves it, and whether it is gone with that.

    If not, it waits for its finalizers or its grace period.
    """
    metadata = dict(live["metadata"])
    finalizers = _resolve_finalizers(metadata.get("finalizers") or [], options.policy)
    pod = target.kind.ref == ("", "pods")
    if (
        target.kind.ref == DEFINITIONS
        and "deletionTimestamp" not in metadata
        and CLEANUP not in finalizers
    ):
        finalizers.append(CLEANUP)
    grace = _resolve_grace_period(live, options) if pod else 0
    waits_for_spec = target.kind.ref == ("", "namespaces") and bool(
        (live.get("spec") or {}).get("finalizers")
    )
    gone = not (finalizers or grace or waits_for_spec)
    if pod or not gone:
        _set_deletion_timestamp(
            metadata, None if waits_for_spec or CLEANUP in finalizers else grace, now
        )
    metadata["finalizers"] = finalizers
    if not finalizers:
        del metadata["finalizers"]
    return _set_deletion_status(
        target, {**live, "metadata": metadata}, now, phase=waits_for_spec
    ), gone


def _set_deletion_status(target: Target, obj: Object, now: datetime, *, phase: bool) -> Object:
    """Return the object with a status that says that it is being deleted.

    Only namespaces and definitions have such a status.
    """
    status = obj.get("status") or {}
    if phase:
        return {**obj, "status": {**status, "phase": "Terminating"}}
    if target.kind.ref == DEFINITIONS and CLEANUP in (obj["metadata"].get("finalizers") or ()):
        return {**obj, "status": build_pending_status(obj, now.strftime(_STAMP))}
    return obj


_STAMP = "%Y-%m-%dT%H:%M:%SZ"


def _set_deletion_timestamp(metadata: Object, grace: int | None, now: datetime) -> None:
    """Write when the object shall be gone; a later delete can only shorten the grace."""
    before = metadata.get("deletionGracePeriodSeconds")
    if "deletionTimestamp" in metadata and (grace is None or before is None or grace >= before):
        return
    if "deletionTimestamp" not in metadata and "generation" in metadata and grace is not None:
        metadata["generation"] += 1
    metadata["deletionTimestamp"] = (now + timedelta(seconds=grace or 0)).strftime(_STAMP)
    if grace is not None:
        metadata["deletionGracePeriodSeconds"] = grace


def _resolve_finalizers(present: list[str], policy: str) -> list[str]:
    kept = [each for each in present if each not in (FOREGROUND, ORPHAN) or not policy]
    if policy == "Foreground":
        kept.append(FOREGROUND)
    if policy == "Orphan":
        kept.append(ORPHAN)
    return kept


def _resolve_grace_period(pod: Object, options: DeleteOptions) -> int:
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    if not spec.get("nodeName") or status.get("phase") in ("Succeeded", "Failed"):
        return 0
    if options.grace is not None:
        return max(options.grace, 0)
    own = spec.get("terminationGracePeriodSeconds")
    return _DEFAULT_GRACE if own is None else int(own)


def is_deletion_complete(obj: Object) -> bool:
    """Tell whether an object that is being deleted waits for nothing any more."""
    metadata = obj["metadata"]
    if "deletionTimestamp" not in metadata or metadata.get("finalizers"):
        return False
    if obj.get("kind") == "Namespace" and (obj.get("spec") or {}).get("finalizers"):
        return False
    return not metadata.get("deletionGracePeriodSeconds")
