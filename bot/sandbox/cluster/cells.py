"""The contents of table cells, in the formats that `kubectl get` users know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.sandbox.cluster.contract import Object

NONE = "<none>"


def at(obj: Any, *path: str) -> Any:
    """The value at a path of fields, or None."""
    for name in path:
        obj = obj.get(name) if isinstance(obj, dict) else None
    return obj


def or_na(value: Any) -> Any:
    """The value, or `N/A`."""
    return "N/A" if value is None else value


def duration(seconds: float) -> str:
    """A length of time as Kubernetes shortens it: `45s`, `3m12s`, `2h`, `4d3h`, `2y30d`."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    whole = max(whole, 0)
    if whole < 120:
        return f"{whole}s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    return _days(days, hours)


def _days(days: int, hours: int) -> str:
    if hours < 192:
        return _two(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    return _two(days // 365, "y", days % 365, "d") if days < 2920 else f"{days // 365}y"


def _two(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large}{unit}{small}{small_unit}" if small else f"{large}{unit}"


def age(stamp: Any, now: datetime, unknown: str = "<unknown>") -> str:
    """How long ago an RFC 3339 time was."""
    if not isinstance(stamp, str) or not stamp:
        return unknown
    try:
        return duration((now - datetime.fromisoformat(stamp)).total_seconds())
    except ValueError:
        return unknown


def age_of(obj: Object, now: datetime) -> str:
    """An object's age."""
    return age(obj["metadata"].get("creationTimestamp"), now)


def pairs(labels: Mapping[str, str] | None) -> str:
    """`a=1,b=2`, or `<none>`."""
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or NONE


def selector(value: Any) -> str:
    """A LabelSelector as one line."""
    parts = [f"{key}={text}" for key, text in sorted(((value or {}).get("matchLabels") or {}).items())]
    for each in (value or {}).get("matchExpressions") or ():
        values = ",".join(each.get("values") or ())
        names = {"In": f"{each['key']} in ({values})", "NotIn": f"{each['key']} notin ({values})",
                 "Exists": each["key"], "DoesNotExist": f"!{each['key']}"}  # fmt: skip
        parts.append(names.get(each.get("operator", ""), each["key"]))
    return ",".join(parts) or NONE


def selector_text(obj: Object) -> str:
    """A workload's selector; ReplicationControllers have a plain map."""
    value = at(obj, "spec", "selector")
    plain = isinstance(value, dict) and not set(value) & {"matchLabels", "matchExpressions"}
    return pairs(value) if plain else selector(value)


def _containers(obj: Object) -> list[Object]:
    template = at(obj, "spec", "template") or at(obj, "spec", "jobTemplate", "spec", "template") or {}
    containers: list[Object] = at(template, "spec", "containers") or []
    return containers


def container_names(obj: Object) -> str:
    return ",".join(each.get("name", "") for each in _containers(obj))


def container_images(obj: Object) -> str:
    return ",".join(each.get("image", "") for each in _containers(obj))


def subjects(obj: Object, kind: str) -> str:
    """The subjects of one kind that a binding names."""
    found = [each for each in obj.get("subjects") or () if each.get("kind") == kind]
    if kind == "ServiceAccount":
        return ", ".join(f"{each.get('namespace', '')}/{each['name']}" for each in found)
    return ", ".join(each["name"] for each in found)


def data_count(obj: Object) -> int:
    return len(obj.get("data") or ()) + len(obj.get("binaryData") or ())


def ready_replicas(obj: Object) -> str:
    return f"{at(obj, 'status', 'readyReplicas') or 0}/{at(obj, 'spec', 'replicas') or 0}"


def _first(values: list[str], limit: int) -> str:
    """The first few, and how many more."""
    rest = len(values) - limit
    return ",".join(values[:limit]) + (f" + {rest} more..." if rest > 0 else "") if values else ""


def slice_ports(obj: Object) -> str:
    ports = [str(each["port"]) if each.get("port") else "*" for each in obj.get("ports") or ()]
    return _first(ports, 3) or "<unset>"


def slice_addresses(obj: Object) -> str:
    addresses = [address for each in obj.get("endpoints") or () for address in each.get("addresses") or ()]
    return _first(addresses, 3) or "<unset>"


def endpoint_addresses(obj: Object) -> str:
    found = [
        f"{address['ip']}:{port['port']}" if port else str(address["ip"])
        for subset in obj.get("subsets") or ()
        for port in subset.get("ports") or [None]
        for address in subset.get("addresses") or ()
    ]
    return _first(found, 3) or NONE


def event_last_seen(obj: Object, now: datetime) -> str:
    series = at(obj, "series", "lastObservedTime")
    return age(series or obj.get("lastTimestamp") or obj.get("eventTime"), now)


def event_first_seen(obj: Object, now: datetime) -> str:
    return age(obj.get("firstTimestamp") or obj.get("eventTime"), now)


def event_object(obj: Object) -> str:
    involved = obj.get("involvedObject") or {}
    return f"{str(involved.get('kind', '')).lower()}/{involved.get('name', '')}"


def event_source(obj: Object) -> str:
    source = obj.get("source") or {}
    component = source.get("component") or obj.get("reportingComponent") or ""
    return f"{component}, {source['host']}" if source.get("host") else str(component)


def autoscaler_reference(obj: Object) -> str:
    target = at(obj, "spec", "scaleTargetRef") or {}
    return f"{target.get('kind')}/{target.get('name')}"


def autoscaler_targets(obj: Object) -> str:
    """`cpu: <unknown>/80%` for each metric."""
    current = {at(each, "resource", "name"): each for each in at(obj, "status", "currentMetrics") or ()}
    texts = []
    for metric in at(obj, "spec", "metrics") or ():
        name = at(metric, "resource", "name")
        wanted = at(metric, "resource", "target", "averageUtilization")
        found = at(current.get(name), "resource", "current", "averageUtilization")
        shown = "<unknown>" if found is None else f"{found}%"
        texts.append(f"{name}: {shown}/{wanted}%" if wanted is not None else f"{name}: {shown}/<auto>")
    return ", ".join(texts) or NONE


def ingress_hosts(obj: Object) -> str:
    return _first([each["host"] for each in at(obj, "spec", "rules") or () if each.get("host")], 3) or "*"


def balancer_addresses(obj: Object) -> str:
    ingress = at(obj, "status", "loadBalancer", "ingress") or ()
    return ",".join(each.get("ip") or each.get("hostname") or "" for each in ingress)


def job_status(obj: Object) -> str:
    met = {each["type"] for each in at(obj, "status", "conditions") or () if each.get("status") == "True"}
    names = ("Complete", "Failed", "Suspended", "FailureTarget")
    fallback = "Terminating" if obj["metadata"].get("deletionTimestamp") else "Running"
    return next((name for name in names if name in met), fallback)


def job_completions(obj: Object) -> str:
    return f"{at(obj, 'status', 'succeeded') or 0}/{at(obj, 'spec', 'completions') or 1}"


def job_duration(obj: Object, now: datetime) -> str:
    end = at(obj, "status", "completionTime")
    return age(at(obj, "status", "startTime"), datetime.fromisoformat(end) if end else now, "")


def node_status(obj: Object) -> str:
    ready = next((each for each in at(obj, "status", "conditions") or () if each["type"] == "Ready"), None)
    text = "Unknown" if ready is None else "Ready" if ready.get("status") == "True" else "NotReady"
    return f"{text},SchedulingDisabled" if at(obj, "spec", "unschedulable") else text


def node_roles(obj: Object) -> str:
    prefix = "node-role.kubernetes.io/"
    labels = obj["metadata"].get("labels") or {}
    return ",".join(sorted(key.removeprefix(prefix) for key in labels if key.startswith(prefix))) or NONE


def node_address(obj: Object, kind: str) -> str:
    addresses = at(obj, "status", "addresses") or ()
    return next((str(each["address"]) for each in addresses if each["type"] == kind), NONE)


def node_info(obj: Object, name: str) -> str:
    return at(obj, "status", "nodeInfo", name) or "<unknown>"


def service_external(obj: Object) -> str:
    kind = at(obj, "spec", "type")
    if kind == "ExternalName":
        return at(obj, "spec", "externalName") or ""
    found = at(obj, "spec", "externalIPs") or []
    if kind == "LoadBalancer":
        addresses = balancer_addresses(obj)
        return ",".join([*([addresses] if addresses else []), *found]) or "<pending>"
    return ",".join(found) or NONE


def service_ports(obj: Object) -> str:
    ports = at(obj, "spec", "ports") or ()
    texts = (
        f"{each['port']}:{each['nodePort']}/{each.get('protocol', 'TCP')}"
        if each.get("nodePort")
        else f"{each['port']}/{each.get('protocol', 'TCP')}"
        for each in ports
    )
    return ",".join(texts) or NONE
