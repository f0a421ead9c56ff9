"""Time limits of rules that end requests, as they were asked to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from bot.diagnosis.cause import Cause, CauseKind, Finding, Fix, Subject
from bot.diagnosis.facts import describe, show_field
from bot.diagnosis.mesh_rules import HttpRule, list_rules_in_force
from bot.diagnosis.mesh_state import APPS, NamespaceState
from bot.diagnosis.page_requests import read_entry
from bot.diagnosis.page_routes import is_page_spoilt, list_page_rules
from bot.diagnosis.waypoint_binding import is_obeyed
from bot.kinds import HTTP_ROUTE, Object
from bot.knowledge.objects.ownership import is_own
from bot.knowledge.objects.workloads import get_name
from bot.text import Text, verbatim

TIMEOUT = "UT"
"""Envoy's flag of a request that took longer than its rule allows."""
TOO_SHORT, HOPELESS = 50.0, 2.0
"""Milliseconds below which a limit is doubted, and below which no answer of Bookinfo comes."""
DURATION = re.compile(r"([\d.]+)(h|ms|us|µs|ns|m|s)")
UNITS = {"h": 3.6e6, "m": 6e4, "s": 1e3, "ms": 1.0, "us": 1e-3, "µs": 1e-3, "ns": 1e-6}
CALLEES = {"productpage": ("details", "reviews", "ratings"), "reviews": ("ratings",)}
"""Whose delays make an application slow, beside its own (Bookinfo 1.20)."""
LOST = {"reviews": "none", "ratings": "unavailable"}
"""What pages count for each application whose answer did not come in time."""


def find_limits_met(state: NamespaceState) -> Iterator[Finding]:
    """Yield rules with a time limit for applications of which answers were lost."""
    for app in APPS:
        limited = [
            (rule, limits)
            for rule in list_rules_in_force(state, app)
            if (limits := list_limits(read_entry(rule)))
        ]
        shown = list_losses(state, app) if limited else []
        for rule, limits in limited[:1] if shown else ():
            told = ", ".join(f"{name} {value}" for name, value in limits.items())
            yield Finding(
                Text(
                    "{rule} limits the time for {service}: what takes longer ends with 504, as the "
                    "rule asks for.",
                    rule=describe(rule.owner),
                    service=app,
                ),
                (show_field(rule.owner, f"rule {rule.index}", told), *shown),
                choose_fix(rule.owner, limits, app),
                frozenset({f"Service/{app}", f"app/{app}"}),
            )


def find_limits_too_short(state: NamespaceState) -> Iterator[Finding]:
    """Yield time limits that no answer of an application keeps, without any delay asked for."""
    for app in APPS:
        for rule in list_obeyed(state, app):
            if rule.fault.get("delay") or any(
                r.fault.get("delay")
                for callee in CALLEES.get(app, ())
                for r in list_rules_in_force(state, callee)
            ):
                continue
            limits = {
                name: told
                for name, told in list_limits(read_entry(rule)).items()
                if 0 < parse_milliseconds(told) <= TOO_SHORT
            }
            lost = list_losses(state, app)
            page = is_page_spoilt(state)
            hopeless = any(parse_milliseconds(told) <= HOPELESS for told in limits.values())
            if not limits or not (lost or page or hopeless):
                continue
            told = ", ".join(f"{name} {value}" for name, value in limits.items())
            yield Finding(
                Text(
                    "{rule} gives {service} {limit} to answer, which is too short: callers get "
                    "504.",
                    rule=describe(rule.owner),
                    service=app,
                    limit=next(iter(limits.values())),
                ),
                (
                    show_field(rule.owner, f"rule {rule.index}", told),
                    *lost,
                    *([state.page.words] if state.page is not None and page else []),
                ),
                choose_fix(rule.owner, limits, app),
                frozenset({f"Service/{app}", f"app/{app}"}),
            )


def list_obeyed(state: NamespaceState, app: str) -> list[HttpRule]:
    """Return the rules that requests to an application meet; to the page, those of the gateway."""
    rules = list_rules_in_force(state, app) if is_obeyed(state, app) else []
    return [*rules, *(list_page_rules(state) if app == "productpage" else [])]


def parse_milliseconds(told: str) -> float:
    """Return a duration as Istio and the Gateway API write it, such as 1m30s, in milliseconds; 0
    for one that is none.
    """
    return sum(float(number) * UNITS[unit] for number, unit in DURATION.findall(told))


def list_limits(entry: Object) -> dict[str, str]:
    """Return the time limits of a rule of a VirtualService or an HTTPRoute, by their fields."""
    tries, whole = entry.get("retries") or {}, entry.get("timeouts") or {}
    found = {
        "timeout": entry.get("timeout"),
        "retries.perTryTimeout": tries.get("perTryTimeout"),
        "timeouts.request": whole.get("request"),
        "timeouts.backendRequest": whole.get("backendRequest"),
    }
    return {name: str(value) for name, value in found.items() if value}


def list_losses(state: NamespaceState, app: str) -> list[Text]:
    """Return what shows that answers of an application did not come: Envoy's flag, the page, or the
    pages of the last traffic.
    """
    flags = state.numbers.flags if state.numbers else {}
    told = [
        verbatim(f"{app}: flag {flag}, {rate:.2f}/s")
        for (service, flag), rate in flags.items()
        if service == app and TIMEOUT in flag.split(",")
    ]
    if told or state.activity.last is None or app not in LOST:
        return told
    report = state.activity.last[1]
    counts = report.versions if app == "reviews" else report.ratings
    lost = counts.get(LOST[app], 0)
    if not lost:
        return []
    return [Text("{lost} of {sent} pages came without it", lost=lost, sent=report.sent)]


def choose_fix(owner: Object, limits: Mapping[str, str], app: str) -> Fix:
    """Return what ends a limit: the step that set it, or a line for whoever has kubectl."""
    if is_own(owner):
        step = "retry" if set(limits) == {"retries.perTryTimeout"} else "timeout"
        return Fix(command=f"{step} {app} off")
    kind = "httproute" if owner.get("kind") == HTTP_ROUTE.kind else "virtualservice"
    return Fix(line=f"kubectl edit {kind} {get_name(owner)} -n {owner['metadata']['namespace']}")


CAUSES = (
    Cause(
        "time-limit-too-short",
        Subject.RULES,
        "A rule gives a Service less time than any answer takes.",
        "`timeout` or `perTryTimeout` of some milliseconds, and pages without that Service.",
        "A longer limit, or none",
        find_limits_too_short,
        ("timeout", "retry", "traffic", "route", "shift"),
        ("time-limit-in-force",),
        gravity=2,
        by_object=True,
        source="Bookinfo's answers take some milliseconds",
    ),
    Cause(
        "time-limit-in-force",
        Subject.RULES,
        "A rule's time limit ends requests, as it asks for.",
        "`timeout` or `perTryTimeout` of the rule, and flag `UT` or pages without that Service.",
        "`/mesh timeout off` or `/mesh retry off` ends it",
        find_limits_met,
        ("timeout", "retry", "traffic", "route", "shift", "fault"),
        kind=CauseKind.NORMAL,
        by_object=True,
        source="Istio's request timeouts",
    ),
)
