"""The rules that are in force between the application's services, in a sentence each, whoever made them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.kinds import Object
from bot.knowledge.board import http_rules, weightless
from bot.knowledge.requests import stream_words
from bot.knowledge.snapshot import Snapshot


def lines(now: Snapshot) -> list[str]:
    """Routes, shares and faults by VirtualService or HTTPRoute, and requests that go on."""
    found = [line for name, service in now.virtual_services.items() for line in of_service(name, service)]
    found += [line for name, route in now.routes.items() if within(route) for line in of_route(name, route)]
    return found + [f"requests {stream_words(stream)}" for stream in now.streams]


def within(route: Object) -> bool:
    """True for a route between services; one at a Gateway is no rule of the workshop's."""
    return any(parent.get("kind") == "Service" for parent in route["spec"].get("parentRefs") or [])


def of_service(name: str, service: Object) -> Iterator[str]:
    """A VirtualService, rule by rule."""
    for number, rule in enumerate(http_rules(service)):
        users = [m.get("headers", {}).get("end-user", {}).get("exact", "") for m in rule.get("match") or []]
        to = [(str(r["destination"].get("subset") or "any version"), r.get("weight")) for r in rule.get("route") or []]
        yield f"{name}: {said(who(users, number), to, fault_words(rule.get('fault') or {}))}"


def of_route(name: str, route: Object) -> Iterator[str]:
    """An HTTPRoute, rule by rule."""
    for number, rule in enumerate(route["spec"].get("rules") or []):
        users = [str(h.get("value")) for m in rule.get("matches") or [] for h in m.get("headers") or []]
        backends = rule.get("backendRefs") or []
        to = [(str(b["name"]), b.get("weight") if len(backends) > 1 else None) for b in backends]
        yield f"{name}: {said(who(users, number), to, ['aborted with 500'] if weightless(rule) else [])}"


def who(users: list[str], number: int) -> str:
    """Whom a rule is for; one without users takes whom the rules before it have left."""
    return ", ".join(filter(None, users)) or ("everybody else" if number else "everybody")


def said(whom: str, to: list[tuple[str, Any]], hurt: list[str]) -> str:
    """`jason → v2`, `everybody else → v1`, `everybody → v1 50 %, v3 50 %`."""
    where = ", ".join(name if weight is None else f"{name} {weight} %" for name, weight in to)
    return f"{whom} → {' and '.join([*hurt, *([where] if where and not hurt else [])]) or 'as ever'}"


def fault_words(fault: Object) -> list[str]:
    """`aborted with 500 in 50 %`."""
    found = []
    if abort := fault.get("abort"):
        found.append(f"aborted with {abort.get('httpStatus')}{share_of(abort)}")
    if delay := fault.get("delay"):
        found.append(f"delayed by {delay.get('fixedDelay')}{share_of(delay)}")
    return found


def share_of(fault: Object) -> str:
    """The share of requests, where it is not all of them."""
    share = (fault.get("percentage") or {}).get("value", 100)
    return "" if share == 100 else f" in {share:g} %"
