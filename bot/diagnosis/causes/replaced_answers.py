"""Rules that answer in a Service's place, send callers elsewhere, or ask for another path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bot.diagnosis.cause import Cause, Finding, Subject
from bot.diagnosis.facts import describe, show_field
from bot.diagnosis.mesh_rules import HttpRule, list_rules_in_force
from bot.diagnosis.mesh_state import NamespaceState
from bot.diagnosis.page_requests import (
    PATHS,
    Asked,
    flatten,
    list_asked,
    list_matches,
    list_taken,
    read_entry,
    takes,
)
from bot.diagnosis.page_routes import is_page_spoilt, list_page_rules
from bot.diagnosis.rule_fields import ONE_PATH
from bot.diagnosis.rule_words import suggest_rule_fix
from bot.diagnosis.waypoint_binding import is_obeyed
from bot.kinds import HTTP_ROUTE, Object
from bot.text import Text

FAILED = 400
"""The HTTP status from which an answer is a failure."""


@dataclass(frozen=True)
class Change:
    """What a rule does in the place of asking as it was asked: the field, as it is written, and
    the path and the status that come of it ("" and 0 where it changes none).
    """

    field: str
    told: Object
    path: str = ""
    status: int = 0
    redirects: bool = False


def find_replaced(state: NamespaceState) -> Iterator[Finding]:
    """Yield rules in force by which callers do not get the Service's own answer."""
    for service in (each for each in ONE_PATH if is_obeyed(state, each)):
        for rule in list_rules_in_force(state, service):
            asked = list_taken(state, rule, list_asked(service, rule.users))
            asked = [each for each in asked if each.path == PATHS[service][0]]
            change = read_change(rule, asked[0]) if asked else None
            if change and spoils(state, change, asked[0]):
                yield build_finding(rule, change, service)
    if is_page_spoilt(state):
        yield from find_page_replaced(state)


def find_page_replaced(state: NamespaceState) -> Iterator[Finding]:
    """Yield the gateway's rule by which the page itself is not what is asked for."""
    asked = Asked("productpage", PATHS["productpage"][0])
    for rule in list_page_rules(state):
        change = read_change(rule, asked) if takes(state, rule, asked) else None
        if change and spoils(state, change, asked):
            yield build_finding(rule, change, "productpage")
            return


def build_finding(rule: HttpRule, change: Change, service: str) -> Finding:
    """Return the finding of a rule that changes what is asked or answered."""
    sentence = Text(
        "{rule} has requests to {service} ask for {path}, which it does not answer.",
        rule=describe(rule.owner),
        service=service,
        path=change.path,
    )
    if change.redirects:
        sentence = Text(
            "{rule} sends whoever asks {service} elsewhere, and the answer does not come from "
            "there.",
            rule=describe(rule.owner),
            service=service,
        )
    elif change.status:
        sentence = Text(
            "{rule} answers {status} in the place of {service}.",
            rule=describe(rule.owner),
            status=str(change.status),
            service=service,
        )
    return Finding(
        sentence,
        (show_field(rule.owner, f"rule {rule.index}: {change.field}", flatten(change.told)),),
        suggest_rule_fix(rule.owner, ""),
        frozenset({f"Service/{service}", f"app/{service}"}),
    )


def spoils(state: NamespaceState, change: Change, asked: Asked) -> bool:
    """Tell whether a change keeps the Service's answer from those who ask so.

    An answer that stands in for the Service's, or a redirect to a place that has it, does no harm
    while the page is whole, which is known of those who are not logged in.
    """
    if change.redirects:
        return asked.user != "" or state.page is None or state.page.whole is not True
    if change.status:
        return change.status >= FAILED or (not asked.user and is_page_spoilt(state))
    return bool(change.path) and not answers(asked.service, change.path)


def answers(service: str, path: str) -> bool:
    """Tell whether a Service of Bookinfo answers a path; those below a product count as its own."""
    return path in PATHS[service] or (
        service in ONE_PATH and path.startswith(f"/{service}/") and path.count("/") == 2
    )


def read_change(rule: HttpRule, asked: Asked) -> Change | None:
    """Return what a rule changes about a request or its answer, or None."""
    entry = read_entry(rule)
    if rule.owner.get("kind") == HTTP_ROUTE.kind:
        changes = (read_filter(rule, each, asked) for each in entry.get("filters") or [])
        return next((change for change in changes if change), None)
    if direct := entry.get("directResponse"):
        return Change("directResponse", direct, status=int(direct.get("status") or 0))
    if redirect := entry.get("redirect"):
        return Change("redirect", redirect, redirects=True)
    rewrite = entry.get("rewrite") or {}
    if "uri" not in rewrite:
        return None
    prefix = find_prefix(rule, asked)
    return Change("rewrite", rewrite, path=f"{rewrite['uri']}{asked.path.removeprefix(prefix)}")


def find_prefix(rule: HttpRule, asked: Asked) -> str:
    """Return what of a request's path a rewrite replaces: the prefix that was matched, or all."""
    for match in list_matches(rule):
        uri = match.get("uri") or {}
        if "prefix" in uri and asked.path.startswith(str(uri["prefix"])):
            return str(uri["prefix"])
        if uri:
            return asked.path
    return "/"


def read_filter(rule: HttpRule, written: Object, asked: Asked) -> Change | None:
    """Return what a filter of an HTTPRoute changes about a request, or None."""
    if redirect := written.get("requestRedirect"):
        return Change("requestRedirect", redirect, redirects=True)
    path = (written.get("urlRewrite") or {}).get("path") or {}
    if full := path.get("replaceFullPath"):
        return Change("urlRewrite", written["urlRewrite"], path=str(full))
    if "replacePrefixMatch" not in path:
        return None
    prefixes = [str((m.get("path") or {}).get("value") or "/") for m in list_matches(rule)] or ["/"]
    prefix = next((p for p in prefixes if asked.path.startswith(p)), "/").rstrip("/")
    new = str(path["replacePrefixMatch"]).rstrip("/") + asked.path.removeprefix(prefix)
    return Change("urlRewrite", written["urlRewrite"], path=new or "/")


CAUSES = (
    Cause(
        "rule-replaces-answer",
        Subject.RULES,
        "A rule answers in a Service's place (`directResponse`, `redirect`), or asks it for a path "
        "that it does not have (`rewrite`).",
        "The field of the rule, and the page without that part.",
        "Take the field out of the rule",
        find_replaced,
        ("route", "expose"),
        ("rule-never-matches",),
        gravity=2,
        by_object=True,
        source="Istio's reference of VirtualService; the Gateway API's filters",
    ),
)
