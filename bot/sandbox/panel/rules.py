"""Routes in force as sentences: what a VirtualService or HTTPRoute does with which requests."""

from __future__ import annotations

from typing import Any

from bot.sandbox.cluster.contract import Object

Json = dict[str, Any]


def sentences(route: Object) -> list[str]:
    """One sentence for each rule, in the order in which they are tried."""
    spec = route.get("spec") or {}
    if route.get("kind") == "HTTPRoute":
        return [_http_route(rule) for rule in spec.get("rules") or []]
    return [_virtual_service(rule) for rule in spec.get("http") or []]


def hosts_of(route: Object) -> str:
    """What a route is about: its hosts, or what it is attached to."""
    spec = route.get("spec") or {}
    attached = [str(parent.get("name", "")) for parent in spec.get("parentRefs") or []]
    return ", ".join([*map(str, spec.get("hosts") or spec.get("hostnames") or []), *attached])


def subsets_of(rule: Object) -> str:
    """The versions that a DestinationRule names."""
    return " ".join(str(subset.get("name", "")) for subset in (rule.get("spec") or {}).get("subsets") or [])


def _virtual_service(rule: Json) -> str:
    matches = [_match(match) for match in rule.get("match") or []]
    backends = [(_backend(each.get("destination") or {}), each.get("weight")) for each in rule.get("route") or []]
    return _sentence(matches, backends, _fault(rule.get("fault") or {}))


def _match(match: Json) -> str:
    parts = [f"{name} = {_value(how)}" for name, how in (match.get("headers") or {}).items()]
    if "uri" in match:
        parts.append(f"path {_value(match['uri'])}")
    return " and ".join(parts) or "anything"


def _value(how: Any) -> str:
    if not isinstance(how, dict):
        return str(how)
    kind, value = next(iter(how.items()), ("", ""))
    return f"{value}…" if kind == "prefix" else str(value)


def _backend(destination: Json) -> str:
    host, subset = str(destination.get("host", "")).split(".")[0], destination.get("subset")
    return f"{host} {subset}" if subset else host


def _fault(fault: Json) -> str:
    parts = []
    if abort := fault.get("abort"):
        parts.append(f"abort {abort.get('httpStatus', '')}{_share(abort)}")
    if delay := fault.get("delay"):
        parts.append(f"delay {delay.get('fixedDelay', '')}{_share(delay)}")
    return ", ".join(parts)


def _share(part: Json) -> str:
    share = (part.get("percentage") or {}).get("value")
    return f" ({share:g} %)" if isinstance(share, int | float) and share != 100 else ""


def _http_route(rule: Json) -> str:
    matches = []
    for match in rule.get("matches") or []:
        parts = [f"{header.get('name')} = {header.get('value')}" for header in match.get("headers") or []]
        path = (match.get("path") or {}).get("value")
        if path and path != "/":
            parts.append(f"path {path}")
        matches.append(" and ".join(parts) or "anything")
    backends = [(str(each.get("name", "")), each.get("weight")) for each in rule.get("backendRefs") or []]
    return _sentence(matches, backends, "")


def _sentence(matches: list[str], backends: list[tuple[str, Any]], fault: str) -> str:
    several = len(backends) > 1
    ends = [
        f"{name} {1 if weight is None else weight}{' %' if _hundred(backends) else ''}" if several else name
        for name, weight in backends
    ]
    when = " or ".join(matches) if matches and matches != ["anything"] else "all"
    target = " · ".join(ends) or "nowhere"
    return f"{when} → {f'{fault}, else ' if fault else ''}{target}"


def _hundred(backends: list[tuple[str, Any]]) -> bool:
    return sum(weight for _, weight in backends if isinstance(weight, int)) == 100
