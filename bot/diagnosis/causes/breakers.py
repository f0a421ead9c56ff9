"""Circuit breakers that are at work: a DestinationRule's limits, and requests that they cost."""

from __future__ import annotations

from collections.abc import Iterator

from bot.diagnosis.cause import Cause, CauseKind, Finding, Fix, Subject
from bot.diagnosis.facts import describe, show_field
from bot.diagnosis.mesh_rules import list_obeyed_rules
from bot.diagnosis.mesh_state import APPS, NamespaceState
from bot.kinds import Object
from bot.knowledge.objects.ownership import is_own
from bot.knowledge.objects.workloads import get_name
from bot.text import Text, verbatim

OVERFLOW = "UO"
"""Envoy's flag of a request for which there was no connection left."""


def find_open_breaker(state: NamespaceState) -> Iterator[Finding]:
    """Yield limits of DestinationRules for Services of which requests were lost."""
    for app in APPS:
        rules = [r for r in list_obeyed_rules(state, app) if list_limits(r)]
        shown = list_losses(state, app) if rules else []
        for rule in rules[:1] if shown else ():
            yield Finding(
                Text(
                    "{rule} limits the requests to {service}: beyond that callers get 503, as the "
                    "rule asks for.",
                    rule=describe(rule),
                    service=app,
                ),
                (show_field(rule, "trafficPolicy", ", ".join(list_limits(rule))), *shown),
                choose_fix(rule, app),
                frozenset({f"Service/{app}", f"app/{app}"}),
            )


def choose_fix(rule: Object, app: str) -> Fix:
    """Return what ends the limits: the step that set them, or a line for whoever has kubectl."""
    if is_own(rule):
        return Fix(command=f"breaker {app} off")
    place = f"-n {rule['metadata']['namespace']}"
    return Fix(line=f"kubectl edit destinationrule {get_name(rule)} {place}")


def list_limits(rule: Object) -> list[str]:
    """Return the limits of a DestinationRule, of its host or of a subset, as `field value`."""
    spec = rule["spec"]
    policies = [spec, *(spec.get("subsets") or [])]
    found: list[str] = []
    for policy in (each.get("trafficPolicy") or {} for each in policies):
        pool = policy.get("connectionPool") or {}
        values = {**(pool.get("tcp") or {}), **(pool.get("http") or {})}
        names = ("maxConnections", "http1MaxPendingRequests", "http2MaxRequests")
        found += [f"{name} {values[name]}" for name in names if values.get(name)]
        if outliers := policy.get("outlierDetection"):
            found.append(f"consecutive5xxErrors {outliers.get('consecutive5xxErrors', 5)}")
    return list(dict.fromkeys(found))


def list_losses(state: NamespaceState, app: str) -> list[Text]:
    """Return what shows that requests to an application were lost: Envoy's flag, or the pages of
    the last traffic.
    """
    flags = state.numbers.flags if state.numbers else {}
    told = [
        verbatim(f"{app}: flag {flag}, {rate:.2f}/s")
        for (service, flag), rate in flags.items()
        if service == app and OVERFLOW in flag.split(",")
    ]
    page = state.page
    if not told and page is not None and page.whole is False and app in str(page.words):
        told = [page.words]
    if told or state.activity.last is None:
        return told
    report = state.activity.last[1]
    lost = {
        "reviews": report.versions.get("none", 0),
        "ratings": report.ratings.get("unavailable", 0),
        "details": report.without_details,
        "productpage": report.codes.get("503", 0),
    }[app]
    # Some, not all: what always fails has another cause.
    if not 0 < lost < report.sent:
        return []
    return [Text("{lost} of {sent} pages came without it", lost=lost, sent=report.sent)]


CAUSES = (
    Cause(
        "circuit-breaker-open",
        Subject.RULES,
        "A DestinationRule's limits turn requests away, as it asks for.",
        "`connectionPool` or `outlierDetection` of the rule, and flag `UO` or a part of the pages "
        "without that Service.",
        "Higher limits, or none",
        find_open_breaker,
        ("traffic", "route", "shift", "breaker"),
        kind=CauseKind.NORMAL,
        source="Istio's circuit breaking",
    ),
)
