"""Time limits of rules that end requests, as they were asked to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bot.diagnosis.cause import Cause, CauseKind, Finding, Fix, Subject
from bot.diagnosis.facts import describe, show_field
from bot.diagnosis.mesh_rules import HttpRule, list_rules_in_force
from bot.diagnosis.mesh_state import APPS, NamespaceState
from bot.kinds import HTTP_ROUTE, Object
from bot.knowledge.objects.ownership import is_own
from bot.knowledge.objects.workloads import get_name
from bot.text import Text, verbatim

TIMEOUT = "UT"
"""Envoy's flag of a request that took longer than its rule allows."""
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


def read_entry(rule: HttpRule) -> Object:
    """Return a rule as it stands in its object."""
    place = "rules" if rule.owner.get("kind") == HTTP_ROUTE.kind else "http"
    entry: Object = rule.owner["spec"][place][rule.index]
    return entry


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
