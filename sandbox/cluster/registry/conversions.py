"""Objects of a built-in type between the version that is asked for and the one they are stored as.

Most versions differ in nothing; these do: Events of `events.k8s.io/v1`, and autoscalers of
`autoscaling/v1`, which is what `kubectl autoscale` sends.
"""

from __future__ import annotations

from sandbox.cluster.contract import Object
from sandbox.cluster.kinds import Kind
from sandbox.cluster.registry import event_versions

OLD_AUTOSCALER = "autoscaling/v1"
_TARGET, _METRICS = "targetCPUUtilizationPercentage", "metrics"


def convert_from_stored(kind: Kind, obj: Object, api_version: str) -> Object:
    """Return a stored object as that version; parts are shared."""
    if kind.stored_as:
        return event_versions.to_events_v1(obj)
    shown = {**obj, "apiVersion": api_version}
    return _to_old_autoscaler(shown) if _is_old_autoscaler(kind, api_version) else shown


def convert_to_stored(kind: Kind, obj: Object, api_version: str) -> Object:
    """Return an object of that version as it is stored; parts are shared."""
    if kind.stored_as:
        return event_versions.to_core_v1(obj)
    stored = {**obj, "apiVersion": kind.api_version}
    return _from_old_autoscaler(stored) if _is_old_autoscaler(kind, api_version) else stored


def _is_old_autoscaler(kind: Kind, api_version: str) -> bool:
    return api_version == OLD_AUTOSCALER and kind.plural == "horizontalpodautoscalers"


def _to_old_autoscaler(obj: Object) -> Object:
    spec = {key: value for key, value in (obj.get("spec") or {}).items() if key != _METRICS}
    for metric in (obj.get("spec") or {}).get(_METRICS) or ():
        asked = metric.get("resource") or {}
        share = (asked.get("target") or {}).get("averageUtilization")
        if asked.get("name") == "cpu" and share is not None:
            spec[_TARGET] = share
    return {**obj, "spec": spec}


def _from_old_autoscaler(obj: Object) -> Object:
    spec = {key: value for key, value in (obj.get("spec") or {}).items() if key != _TARGET}
    share = (obj.get("spec") or {}).get(_TARGET)
    if share is not None:
        target = {"type": "Utilization", "averageUtilization": share}
        resource = {"name": "cpu", "target": target}
        spec[_METRICS] = [{"type": "Resource", "resource": resource}]
    return {**obj, "spec": spec}
