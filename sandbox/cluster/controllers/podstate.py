"""The meaning of a pod's status to the controllers that count pods."""

from __future__ import annotations

from datetime import datetime, timedelta

from sandbox.cluster.contract import Object
from sandbox.cluster.machinery.meta import (
    find_status_condition,
    is_condition_true,
    is_deleting,
    parse_timestamp,
)


def phase_of(pod: Object) -> str:
    """Return the pod's phase."""
    return str(pod.get("status", {}).get("phase", "Pending"))


def is_finished(pod: Object) -> bool:
    """Tell whether the pod will never run again."""
    return phase_of(pod) in ("Succeeded", "Failed")


def is_active(pod: Object) -> bool:
    """Tell whether the pod counts as a replica: neither finished nor being deleted."""
    return not is_finished(pod) and not is_deleting(pod)


def is_ready(pod: Object) -> bool:
    """Tell whether the pod's Ready condition is True."""
    return is_condition_true(find_status_condition(pod, "Ready"))


def seconds_until_available(pod: Object, min_ready: int, now: datetime) -> float:
    """Return the seconds until the pod has been ready for `min_ready` seconds.

    0 when it has, infinity when it is not ready.
    """
    ready = find_status_condition(pod, "Ready")
    if ready is None or not is_condition_true(ready):
        return float("inf")
    if not min_ready:
        return 0.0
    since = parse_timestamp(ready["lastTransitionTime"])
    return max(0.0, (since + timedelta(seconds=min_ready) - now).total_seconds())


def deletion_rank(pod: Object) -> tuple[bool, bool, bool, int, float]:
    """Return a sort key that puts first what a scale-down takes first.

    That is unassigned, not running, not ready, restarted, young.
    """
    restarts = sum(
        each.get("restartCount", 0) for each in pod.get("status", {}).get("containerStatuses") or []
    )
    created = parse_timestamp(pod["metadata"]["creationTimestamp"]).timestamp()
    return (
        bool(pod["spec"].get("nodeName")),
        phase_of(pod) == "Running",
        is_ready(pod),
        -restarts,
        -created,
    )


def build_pod_from_template(
    template: Object, namespace: str, *, name: str = "", prefix: str = ""
) -> Object:
    """Return a pod to create from a pod template; `prefix` becomes its generateName."""
    meta = template.get("metadata") or {}
    new: Object = {"namespace": namespace}
    if name:
        new["name"] = name
    if prefix:
        new["generateName"] = prefix
    for field in ("labels", "annotations", "finalizers"):
        if meta.get(field):
            new[field] = meta[field]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": new, "spec": template["spec"]}
