"""The two forms of Event: `v1`, which is what is stored, and `events.k8s.io/v1`, the same under
other names."""

from __future__ import annotations

from sandbox.cluster.contract import Object

NEW = "events.k8s.io/v1"
_RENAMED = {
    "involvedObject": "regarding",
    "message": "note",
    "reportingComponent": "reportingController",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
}
_BACK = {new: old for old, new in _RENAMED.items()}


def to_events_v1(event: Object) -> Object:
    """Return a stored event as `events.k8s.io/v1`."""
    return {**{_RENAMED.get(key, key): value for key, value in event.items()}, "apiVersion": NEW}


def to_core_v1(event: Object) -> Object:
    """Return an `events.k8s.io/v1` event as it is stored (`v1`)."""
    return {**{_BACK.get(key, key): value for key, value in event.items()}, "apiVersion": "v1"}
