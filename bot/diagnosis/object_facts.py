"""Reading single objects: what selects what, what is ready, what stands in a template."""

from __future__ import annotations

from collections.abc import Mapping

from bot.kinds import Object
from bot.knowledge.objects.workloads import get_condition


def get_event_time(event: Object) -> str:
    """Return when an event was last seen, as it stands in it."""
    series = event.get("series") or {}
    return str(
        series.get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or event["metadata"].get("creationTimestamp")
        or ""
    )


def get_template_labels(workload: Object) -> dict[str, str]:
    """Return the labels of a workload's pod template."""
    return (workload["spec"]["template"].get("metadata") or {}).get("labels") or {}


def get_annotations(obj: Object) -> dict[str, str]:
    """Return an object's annotations."""
    return obj["metadata"].get("annotations") or {}


def count_available(workload: Object) -> int:
    """Return how many of a Deployment's pods serve, whatever template they are of."""
    return int((workload.get("status") or {}).get("availableReplicas") or 0)


def is_waypoint(gateway: Object) -> bool:
    """Tell whether a Gateway is a waypoint's."""
    return str(gateway["spec"].get("gatewayClassName", "")).startswith("istio-waypoint")


def is_pod_ready(pod: Object) -> bool:
    """Tell whether a pod's condition Ready is True."""
    return get_condition(pod, "Ready").get("status") == "True"


def matches_labels(selector: Mapping[str, str] | None, labels: Mapping[str, str]) -> bool:
    """Tell whether equality-based labels select; an empty selector selects nothing."""
    return bool(selector) and (selector or {}).items() <= labels.items()
