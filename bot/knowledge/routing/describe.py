"""The rules in force between the application's services, described in a sentence each,
whoever made them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.kinds import Object
from bot.knowledge.bookinfo.traffic_report import describe_stream
from bot.knowledge.routing.manifests import has_no_weight, iterate_http_rules
from bot.knowledge.snapshot import Snapshot


def describe_rules_in_force(now: Snapshot) -> list[str]:
    """Describe routes, shares and faults by VirtualService or HTTPRoute, and running streams
    of requests.
    """
    found = [
        line
        for name, service in now.virtual_services.items()
        for line in describe_virtual_service(name, service)
    ]
    found += [
        line
        for name, route in now.routes.items()
        if is_service_route(route)
        for line in describe_http_route(name, route)
    ]
    return found + [f"requests {describe_stream(stream)}" for stream in now.streams]


def is_service_route(route: Object) -> bool:
    """Tell whether a route is one between services; a route at a Gateway is no rule of the
    workshop's.
    """
    return any(parent.get("kind") == "Service" for parent in route["spec"].get("parentRefs") or [])


def describe_virtual_service(name: str, service: Object) -> Iterator[str]:
    """Yield a sentence for each rule of a VirtualService."""
    for number, rule in enumerate(iterate_http_rules(service)):
        users = [
            m.get("headers", {}).get("end-user", {}).get("exact", "")
            for m in rule.get("match") or []
        ]
        to = [
            (str(r["destination"].get("subset") or "any version"), r.get("weight"))
            for r in rule.get("route") or []
        ]
        yield f"{name}: {format_rule(describe_matched_users(users, number), to, describe_fault(rule.get('fault') or {}))}"


def describe_http_route(name: str, route: Object) -> Iterator[str]:
    """Yield a sentence for each rule of an HTTPRoute."""
    for number, rule in enumerate(route["spec"].get("rules") or []):
        users = [
            str(h.get("value")) for m in rule.get("matches") or [] for h in m.get("headers") or []
        ]
        backends = rule.get("backendRefs") or []
        to = [(str(b["name"]), b.get("weight") if len(backends) > 1 else None) for b in backends]
        yield f"{name}: {format_rule(describe_matched_users(users, number), to, ['aborted with 500'] if has_no_weight(rule) else [])}"


def describe_matched_users(users: list[str], number: int) -> str:
    """Name the users that a rule matches; one without users takes those whom earlier rules
    have left.
    """
    return ", ".join(filter(None, users)) or ("everybody else" if number else "everybody")


def format_rule(whom: str, to: list[tuple[str, Any]], hurt: list[str]) -> str:
    """Return a rule as `jason → v2`, `everybody else → v1` or `everybody → v1 50 %, v3 50 %`."""
    where = ", ".join(name if weight is None else f"{name} {weight} %" for name, weight in to)
    return (
        f"{whom} → {' and '.join([*hurt, *([where] if where and not hurt else [])]) or 'as ever'}"
    )


def describe_fault(fault: Object) -> list[str]:
    """Return the parts of a fault as `aborted with 500 in 50 %`."""
    found = []
    if abort := fault.get("abort"):
        found.append(f"aborted with {abort.get('httpStatus')}{format_percentage(abort)}")
    if delay := fault.get("delay"):
        found.append(f"delayed by {delay.get('fixedDelay')}{format_percentage(delay)}")
    return found


def format_percentage(fault: Object) -> str:
    """Return a fault's share of requests, "" when it is all of them."""
    share = (fault.get("percentage") or {}).get("value", 100)
    return "" if share == 100 else f" in {share:g} %"
