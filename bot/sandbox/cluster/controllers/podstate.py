"""What a pod's status means to the controllers that count pods."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.sandbox.cluster.contract import Object
from bot.sandbox.cluster.controllers.meta import condition_of, is_deleting, is_true, parse_time


def phase_of(pod: Object) -> str:
    """The pod's phase."""
    return str(pod.get("status", {}).get("phase", "Pending"))


def is_finished(pod: Object) -> bool:
    """Whether it will never run again."""
    return phase_of(pod) in ("Succeeded", "Failed")


def is_active(pod: Object) -> bool:
    """Whether it counts as a replica: neither finished nor going."""
    return not is_finished(pod) and not is_deleting(pod)


def is_ready(pod: Object) -> bool:
    """Whether its Ready condition is True."""
    return is_true(condition_of(pod, "Ready"))


def available_in(pod: Object, min_ready: int, now: datetime) -> float:
    """Seconds until the pod has been ready for long enough; 0 when it has, infinity when it is not ready."""
    ready = condition_of(pod, "Ready")
    if ready is None or not is_true(ready):
        return float("inf")
    if not min_ready:
        return 0.0
    since = parse_time(ready["lastTransitionTime"])
    return max(0.0, (since + timedelta(seconds=min_ready) - now).total_seconds())


def deletion_rank(pod: Object) -> tuple[bool, bool, bool, int, float]:
    """Sorts to the front what a scale-down takes first: unassigned, not running, not ready, restarted, young."""
    restarts = sum(each.get("restartCount", 0) for each in pod.get("status", {}).get("containerStatuses") or [])
    created = parse_time(pod["metadata"]["creationTimestamp"]).timestamp()
    return (
        bool(pod["spec"].get("nodeName")),
        phase_of(pod) == "Running",
        is_ready(pod),
        -restarts,
        -created,
    )


def pod_from(template: Object, namespace: str, *, name: str = "", prefix: str = "") -> Object:
    """A pod to create from a pod template; `prefix` becomes its generateName."""
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
