"""The contents of table cells, in the formats that `kubectl get` users know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sandbox.cluster.contract import Object

NONE = "<none>"


def get_path(obj: Any, *path: str) -> Any:
    """Return the value at a path of fields, or None."""
    for name in path:
        obj = obj.get(name) if isinstance(obj, dict) else None
    return obj


def format_optional(value: Any) -> Any:
    """Return the value, or `N/A` for None."""
    return "N/A" if value is None else value


def format_human_duration(seconds: float) -> str:
    """Format seconds as Kubernetes shortens them: `45s`, `3m12s`, `2h`, `4d3h`, `2y30d`."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    whole = max(whole, 0)
    if whole < 120:
        return f"{whole}s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if minutes < 10:
        return _format_two_units(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _format_two_units(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    return _format_days(days, hours)


def _format_days(days: int, hours: int) -> str:
    if hours < 192:
        return _format_two_units(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    return (
        _format_two_units(days // 365, "y", days % 365, "d") if days < 2920 else f"{days // 365}y"
    )


def _format_two_units(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large}{unit}{small}{small_unit}" if small else f"{large}{unit}"


def format_age(stamp: Any, now: datetime, unknown: str = "<unknown>") -> str:
    """Format the time that has passed since an RFC 3339 timestamp."""
    if not isinstance(stamp, str) or not stamp:
        return unknown
    try:
        return format_human_duration((now - datetime.fromisoformat(stamp)).total_seconds())
    except ValueError:
        return unknown


def format_object_age(obj: Object, now: datetime) -> str:
    """Format an object's age."""
    return format_age(obj["metadata"].get("creationTimestamp"), now)


def format_labels(labels: Mapping[str, str] | None) -> str:
    """Format labels as `a=1,b=2`, or `<none>`."""
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or NONE


def format_label_selector(value: Any) -> str:
    """Format a LabelSelector as one line."""
    parts = [
        f"{key}={text}" for key, text in sorted(((value or {}).get("matchLabels") or {}).items())
    ]
    for each in (value or {}).get("matchExpressions") or ():
        values = ",".join(each.get("values") or ())
        names = {"In": f"{each['key']} in ({values})", "NotIn": f"{each['key']} notin ({values})",
                 "Exists": each["key"], "DoesNotExist": f"!{each['key']}"}  # fmt: skip
        parts.append(names.get(each.get("operator", ""), each["key"]))
    return ",".join(parts) or NONE


def format_workload_selector(obj: Object) -> str:
    """Format a workload's selector; ReplicationControllers have a plain map."""
    value = get_path(obj, "spec", "selector")
    plain = isinstance(value, dict) and not set(value) & {"matchLabels", "matchExpressions"}
    return format_labels(value) if plain else format_label_selector(value)


def _list_template_containers(obj: Object) -> list[Object]:
    template = (
        get_path(obj, "spec", "template")
        or get_path(obj, "spec", "jobTemplate", "spec", "template")
        or {}
    )
    containers: list[Object] = get_path(template, "spec", "containers") or []
    return containers


def format_container_names(obj: Object) -> str:
    return ",".join(each.get("name", "") for each in _list_template_containers(obj))


def format_container_images(obj: Object) -> str:
    return ",".join(each.get("image", "") for each in _list_template_containers(obj))


def format_subjects(obj: Object, kind: str) -> str:
    """Format the subjects of one kind that a role binding names."""
    found = [each for each in obj.get("subjects") or () if each.get("kind") == kind]
    if kind == "ServiceAccount":
        return ", ".join(f"{each.get('namespace', '')}/{each['name']}" for each in found)
    return ", ".join(each["name"] for each in found)


def count_data_keys(obj: Object) -> int:
    return len(obj.get("data") or ()) + len(obj.get("binaryData") or ())


def format_ready_replicas(obj: Object) -> str:
    return (
        f"{get_path(obj, 'status', 'readyReplicas') or 0}/{get_path(obj, 'spec', 'replicas') or 0}"
    )


def _join_first(values: list[str], limit: int) -> str:
    """Join the first few values and say how many more there are."""
    rest = len(values) - limit
    return ",".join(values[:limit]) + (f" + {rest} more..." if rest > 0 else "") if values else ""


def format_slice_ports(obj: Object) -> str:
    ports = [str(each["port"]) if each.get("port") else "*" for each in obj.get("ports") or ()]
    return _join_first(ports, 3) or "<unset>"


def format_slice_addresses(obj: Object) -> str:
    addresses = [
        address for each in obj.get("endpoints") or () for address in each.get("addresses") or ()
    ]
    return _join_first(addresses, 3) or "<unset>"


def format_endpoint_addresses(obj: Object) -> str:
    found = [
        f"{address['ip']}:{port['port']}" if port else str(address["ip"])
        for subset in obj.get("subsets") or ()
        for port in subset.get("ports") or [None]
        for address in subset.get("addresses") or ()
    ]
    return _join_first(found, 3) or NONE


def format_event_last_seen(obj: Object, now: datetime) -> str:
    series = get_path(obj, "series", "lastObservedTime")
    return format_age(series or obj.get("lastTimestamp") or obj.get("eventTime"), now)


def format_event_first_seen(obj: Object, now: datetime) -> str:
    return format_age(obj.get("firstTimestamp") or obj.get("eventTime"), now)


def format_event_object(obj: Object) -> str:
    involved = obj.get("involvedObject") or {}
    return f"{str(involved.get('kind', '')).lower()}/{involved.get('name', '')}"


def format_event_source(obj: Object) -> str:
    source = obj.get("source") or {}
    component = source.get("component") or obj.get("reportingComponent") or ""
    return f"{component}, {source['host']}" if source.get("host") else str(component)


def format_scale_target(obj: Object) -> str:
    target = get_path(obj, "spec", "scaleTargetRef") or {}
    return f"{target.get('kind')}/{target.get('name')}"


def format_autoscaler_metrics(obj: Object) -> str:
    """Format each metric as `cpu: <unknown>/80%`."""
    current = {
        get_path(each, "resource", "name"): each
        for each in get_path(obj, "status", "currentMetrics") or ()
    }
    texts = []
    for metric in get_path(obj, "spec", "metrics") or ():
        name = get_path(metric, "resource", "name")
        wanted = get_path(metric, "resource", "target", "averageUtilization")
        found = get_path(current.get(name), "resource", "current", "averageUtilization")
        shown = "<unknown>" if found is None else f"{found}%"
        texts.append(
            f"{name}: {shown}/{wanted}%" if wanted is not None else f"{name}: {shown}/<auto>"
        )
    return ", ".join(texts) or NONE


def format_ingress_hosts(obj: Object) -> str:
    return (
        _join_first(
            [each["host"] for each in get_path(obj, "spec", "rules") or () if each.get("host")], 3
        )
        or "*"
    )


def format_load_balancer_addresses(obj: Object) -> str:
    ingress = get_path(obj, "status", "loadBalancer", "ingress") or ()
    return ",".join(each.get("ip") or each.get("hostname") or "" for each in ingress)


def format_quota(obj: Object, *, limits: bool) -> str:
    """Return what is used of a quota's bounds: those of limits, or all others."""
    hard = get_path(obj, "status", "hard") or {}
    used = get_path(obj, "status", "used") or {}
    names = [name for name in sorted(hard) if name.startswith("limits.") == limits]
    return ", ".join(f"{name}: {used.get(name, 0)}/{hard[name]}" for name in names)


def format_job_status(obj: Object) -> str:
    met = {
        each["type"]
        for each in get_path(obj, "status", "conditions") or ()
        if each.get("status") == "True"
    }
    names = ("Complete", "Failed", "Suspended", "FailureTarget")
    fallback = "Terminating" if obj["metadata"].get("deletionTimestamp") else "Running"
    return next((name for name in names if name in met), fallback)


def format_job_completions(obj: Object) -> str:
    return (
        f"{get_path(obj, 'status', 'succeeded') or 0}/{get_path(obj, 'spec', 'completions') or 1}"
    )


def format_job_duration(obj: Object, now: datetime) -> str:
    end = get_path(obj, "status", "completionTime")
    return format_age(
        get_path(obj, "status", "startTime"), datetime.fromisoformat(end) if end else now, ""
    )


def format_node_status(obj: Object) -> str:
    ready = next(
        (each for each in get_path(obj, "status", "conditions") or () if each["type"] == "Ready"),
        None,
    )
    text = "Unknown" if ready is None else "Ready" if ready.get("status") == "True" else "NotReady"
    return f"{text},SchedulingDisabled" if get_path(obj, "spec", "unschedulable") else text


def format_node_roles(obj: Object) -> str:
    prefix = "node-role.kubernetes.io/"
    labels = obj["metadata"].get("labels") or {}
    return (
        ",".join(sorted(key.removeprefix(prefix) for key in labels if key.startswith(prefix)))
        or NONE
    )


def get_node_address(obj: Object, kind: str) -> str:
    addresses = get_path(obj, "status", "addresses") or ()
    return next((str(each["address"]) for each in addresses if each["type"] == kind), NONE)


def get_node_info(obj: Object, name: str) -> str:
    return get_path(obj, "status", "nodeInfo", name) or "<unknown>"


def format_external_addresses(obj: Object) -> str:
    kind = get_path(obj, "spec", "type")
    if kind == "ExternalName":
        return get_path(obj, "spec", "externalName") or ""
    found = get_path(obj, "spec", "externalIPs") or []
    if kind == "LoadBalancer":
        addresses = format_load_balancer_addresses(obj)
        return ",".join([*([addresses] if addresses else []), *found]) or "<pending>"
    return ",".join(found) or NONE


def format_service_ports(obj: Object) -> str:
    ports = get_path(obj, "spec", "ports") or ()
    texts = (
        f"{each['port']}:{each['nodePort']}/{each.get('protocol', 'TCP')}"
        if each.get("nodePort")
        else f"{each['port']}/{each.get('protocol', 'TCP')}"
        for each in ports
    )
    return ",".join(texts) or NONE
