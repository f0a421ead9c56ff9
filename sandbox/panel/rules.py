"""Routes in force as sentences: the requests that a VirtualService or HTTPRoute matches,
and where it sends them.
"""

from __future__ import annotations

from typing import Any

from sandbox.cluster.contract import Object

Json = dict[str, Any]


def describe_rules(route: Object) -> list[str]:
    """Return one sentence for each rule of a route, in the order in which they are tried."""
    spec = route.get("spec") or {}
    if route.get("kind") == "HTTPRoute":
        return [_describe_http_route_rule(rule) for rule in spec.get("rules") or []]
    return [_describe_virtual_service_rule(rule) for rule in spec.get("http") or []]


def describe_hosts(route: Object) -> str:
    """Return a route's hosts and the parents that it is attached to, joined by commas."""
    spec = route.get("spec") or {}
    attached = [str(parent.get("name", "")) for parent in spec.get("parentRefs") or []]
    return ", ".join([*map(str, spec.get("hosts") or spec.get("hostnames") or []), *attached])


def join_subset_names(rule: Object) -> str:
    """Return the names of a DestinationRule's subsets, joined by blanks."""
    return " ".join(
        str(subset.get("name", "")) for subset in (rule.get("spec") or {}).get("subsets") or []
    )


def _describe_virtual_service_rule(rule: Json) -> str:
    matches = [_describe_match(match) for match in rule.get("match") or []]
    backends = [
        (_describe_backend(each.get("destination") or {}), each.get("weight"))
        for each in rule.get("route") or []
    ]
    return _build_sentence(matches, backends, _describe_fault(rule.get("fault") or {}))


def _describe_match(match: Json) -> str:
    parts = [
        f"{name} = {_describe_match_value(how)}"
        for name, how in (match.get("headers") or {}).items()
    ]
    if "uri" in match:
        parts.append(f"path {_describe_match_value(match['uri'])}")
    return " and ".join(parts) or "anything"


def _describe_match_value(how: Any) -> str:
    if not isinstance(how, dict):
        return str(how)
    kind, value = next(iter(how.items()), ("", ""))
    return f"{value}…" if kind == "prefix" else str(value)


def _describe_backend(destination: Json) -> str:
    host, subset = str(destination.get("host", "")).split(".")[0], destination.get("subset")
    return f"{host} {subset}" if subset else host


def _describe_fault(fault: Json) -> str:
    parts = []
    if abort := fault.get("abort"):
        parts.append(f"abort {abort.get('httpStatus', '')}{_describe_percentage(abort)}")
    if delay := fault.get("delay"):
        parts.append(f"delay {delay.get('fixedDelay', '')}{_describe_percentage(delay)}")
    return ", ".join(parts)


def _describe_percentage(part: Json) -> str:
    share = (part.get("percentage") or {}).get("value")
    return f" ({share:g} %)" if isinstance(share, int | float) and share != 100 else ""


def _describe_http_route_rule(rule: Json) -> str:
    matches = []
    for match in rule.get("matches") or []:
        parts = [
            f"{header.get('name')} = {header.get('value')}" for header in match.get("headers") or []
        ]
        path = (match.get("path") or {}).get("value")
        if path and path != "/":
            parts.append(f"path {path}")
        matches.append(" and ".join(parts) or "anything")
    backends = [
        (str(each.get("name", "")), each.get("weight")) for each in rule.get("backendRefs") or []
    ]
    return _build_sentence(matches, backends, "")


def _build_sentence(matches: list[str], backends: list[tuple[str, Any]], fault: str) -> str:
    several = len(backends) > 1
    ends = [
        f"{name} "
        f"{1 if weight is None else weight}{' %' if _has_percentage_weights(backends) else ''}"
        if several
        else name
        for name, weight in backends
    ]
    when = " or ".join(matches) if matches and matches != ["anything"] else "all"
    target = " · ".join(ends) or "nowhere"
    return f"{when} → {f'{fault}, else ' if fault else ''}{target}"


def _has_percentage_weights(backends: list[tuple[str, Any]]) -> bool:
    return sum(weight for _, weight in backends if isinstance(weight, int)) == 100
