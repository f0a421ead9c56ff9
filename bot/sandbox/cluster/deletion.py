"""What a delete does to an object: finalizers, propagation, a pod's grace, a namespace's own finalizer."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.sandbox.cluster.contract import Object
from bot.sandbox.cluster.definitions import CLEANUP
from bot.sandbox.cluster.operations import DeleteOptions, Target
from bot.sandbox.cluster.refusals import conflict

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
_DEFAULT_GRACE = 30


def check_preconditions(target: Target, live: Object, options: DeleteOptions) -> None:
    """Raises ApiError(409) when the object is not the one meant."""
    metadata = live["metadata"]
    for name, wanted, found in (
        ("UID", options.uid, metadata["uid"]),
        ("ResourceVersion", options.revision, metadata["resourceVersion"]),
    ):
        if wanted and wanted != found:
            why = f"Precondition failed: {name} in precondition: {wanted}, {name} in object meta: {found}"
            raise conflict(target.kind, target.name, why)


def marked(target: Target, live: Object, options: DeleteOptions, now: datetime) -> Object | None:
    """The object while it waits for its end, or None when it may go at once."""
    metadata = dict(live["metadata"])
    finalizers = _finalizers(metadata.get("finalizers") or [], options.policy)
    if (
        target.kind.kind == "CustomResourceDefinition"
        and CLEANUP not in finalizers
        and "deletionTimestamp" not in metadata
    ):
        finalizers.append(CLEANUP)
    grace = _grace(live, options) if target.kind.kind == "Pod" and not target.kind.custom else 0
    waits_for_spec = bool((live.get("spec") or {}).get("finalizers")) and target.kind.kind == "Namespace"
    if not (finalizers or grace or waits_for_spec):
        return None
    _mark(metadata, grace, now)
    if finalizers:
        metadata["finalizers"] = finalizers
    else:
        metadata.pop("finalizers", None)
    out = {**live, "metadata": metadata}
    if waits_for_spec:
        out["status"] = {**(live.get("status") or {}), "phase": "Terminating"}
    return out


def _mark(metadata: Object, grace: int, now: datetime) -> None:
    before = metadata.get("deletionGracePeriodSeconds")
    if "deletionTimestamp" in metadata and (before is None or grace >= before):
        return
    if "deletionTimestamp" not in metadata and "generation" in metadata:
        metadata["generation"] += 1
    metadata["deletionTimestamp"] = (now + timedelta(seconds=grace)).strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata["deletionGracePeriodSeconds"] = grace


def _finalizers(present: list[str], policy: str) -> list[str]:
    kept = [each for each in present if each not in (FOREGROUND, ORPHAN) or not policy]
    if policy == "Foreground":
        kept.append(FOREGROUND)
    if policy == "Orphan":
        kept.append(ORPHAN)
    return kept


def _grace(pod: Object, options: DeleteOptions) -> int:
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    if not spec.get("nodeName") or status.get("phase") in ("Succeeded", "Failed"):
        return 0
    if options.grace is not None:
        return max(options.grace, 0)
    own = spec.get("terminationGracePeriodSeconds")
    return _DEFAULT_GRACE if own is None else int(own)


def is_over(obj: Object) -> bool:
    """Whether an object that is being deleted waits for nothing any more."""
    metadata = obj["metadata"]
    if "deletionTimestamp" not in metadata or metadata.get("finalizers"):
        return False
    if obj.get("kind") == "Namespace" and (obj.get("spec") or {}).get("finalizers"):
        return False
    return not metadata.get("deletionGracePeriodSeconds")
