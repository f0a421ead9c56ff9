"""Causes of a gateway's 404: its routes are for another host name, or for another path."""

from __future__ import annotations

from collections.abc import Iterator

from bot.diagnosis.cause import Cause, CauseKind, Finding, Fix, Subject
from bot.diagnosis.facts import describe, list_words, show_field
from bot.diagnosis.mesh_rules import HttpRule, list_rules
from bot.diagnosis.mesh_state import NamespaceState
from bot.diagnosis.page_requests import takes
from bot.diagnosis.page_routes import (
    PAGE,
    list_hostnames,
    list_page_routes,
    list_page_rules,
)
from bot.diagnosis.rule_words import show_match, suggest_rule_fix
from bot.kinds import GATEWAY, HTTP_ROUTE, Object
from bot.text import Text

NOT_FOUND = 404
OWN = "bookinfo"
"""The name of the HTTPRoute that the step writes, as the release's sample calls it."""


def is_page_missed(state: NamespaceState) -> bool:
    """Tell whether a gateway was asked for the page and answered 404."""
    page = state.page
    return page is not None and page.status == NOT_FOUND and page.via != "productpage"


def find_hostname_mismatch(state: NamespaceState) -> Iterator[Finding]:
    """Yield that a gateway's routes for the page are for certain host names alone."""
    if not is_page_missed(state):
        return
    named = list_named_routes(state)
    if not named or any("localhost" in names or not names for _, _, names in named):
        return
    route, gateway, names = named[0]
    told = route["spec"].get("hostnames")
    yield Finding(
        Text(
            "{object} is for {hosts} alone: who asks {gateway} by another name, such as localhost, "
            "gets 404.",
            object=describe(route if told else gateway),
            hosts=list_words(names),
            gateway=describe(gateway),
        ),
        (
            show_field(route, "hostnames", ", ".join(names))
            if told
            else show_field(gateway, "listeners.hostname", ", ".join(names)),
            state.page.words if state.page else Text("the page answers 404"),
        ),
        Fix(command="expose"),
        frozenset({f"HTTPRoute/{route['metadata']['name']}"}),
    )


def find_page_by_name(state: NamespaceState) -> Iterator[Finding]:
    """Yield that the page's route is for localhost, by which people ask and the bot does not."""
    named = list_named_routes(state) if is_page_missed(state) else []
    for route, _, names in named:
        if "localhost" in names and all(each for _, _, each in named):
            yield Finding(
                Text(
                    "{route} is for {hosts}: who asks by such a name gets the page, and the bot, "
                    "which asks by another, gets 404.",
                    route=describe(route),
                    hosts=list_words(names),
                ),
                (show_field(route, "hostnames", ", ".join(names)),),
            )
            return


def list_named_routes(state: NamespaceState) -> list[tuple[Object, Object, list[str]]]:
    """Return the routes at the gateway for the page, each with its Gateway and its host names."""
    return [
        (route, gateway, list_hostnames(route, listeners))
        for route, gateway, listeners in list_page_routes(state)
        if any(takes(state, rule, PAGE) is not False for rule in list_rules(state, route))
    ]


def find_path_mistyped(state: NamespaceState) -> Iterator[Finding]:
    """Yield that a gateway has routes, and none of their rules takes the page's path."""
    if not is_page_missed(state):
        return
    rules = [r for route, _, _ in list_page_routes(state) for r in list_rules(state, route)]
    if not rules or not all(takes(state, rule, PAGE) is False for rule in rules):
        return
    yield build_path_finding(state, rules)


def find_page_conditional(state: NamespaceState) -> Iterator[Finding]:
    """Yield that the gateway's rules for the page ask for more than its path, and it got 404."""
    rules = list_page_rules(state) if is_page_missed(state) else []
    if not rules or any(takes(state, rule, PAGE) for rule in rules):
        return
    route = rules[0].owner
    yield Finding(
        Text(
            "Every rule of {route} for {path} asks for more: without it the gateway answers 404.",
            route=describe(route),
            path=PAGE.path,
        ),
        tuple(show_field(rule.owner, f"rule {rule.index}", show_match(rule)) for rule in rules[:2]),
        choose_route_fix(route),
        frozenset({f"HTTPRoute/{route['metadata']['name']}"}),
    )


def choose_route_fix(route: Object) -> Fix:
    """Return the step that writes the page's route anew, else the line to edit another one."""
    return (
        Fix(command="expose") if route["metadata"]["name"] == OWN else suggest_rule_fix(route, "")
    )


def build_path_finding(state: NamespaceState, rules: list[HttpRule]) -> Finding:
    """Return the finding that no rule at the gateway takes the page's path."""
    route = rules[0].owner
    return Finding(
        Text(
            "No rule of {route} takes {method} {path}: the gateway answers 404.",
            route=describe(route),
            method=PAGE.method,
            path=PAGE.path,
        ),
        (
            *(show_field(rule.owner, f"rule {rule.index}", show_match(rule)) for rule in rules[:2]),
            state.page.words if state.page else Text("the page answers 404"),
        ),
        choose_route_fix(route),
        frozenset({f"HTTPRoute/{route['metadata']['name']}"}),
    )


CAUSES = (
    Cause(
        "hostname-mismatch",
        Subject.EXPOSING,
        "The gateway's route, or its listener, is for a host name by which nobody asks.",
        "`hostnames` of the route or `hostname` of the listener, and 404 by any other name.",
        "`/mesh expose`, or ask by that name",
        find_hostname_mismatch,
        ("expose",),
        gravity=2,
        source="Gateway API 1.1 to 1.5, hostname matching",
        needs=(GATEWAY, HTTP_ROUTE),
    ),
    Cause(
        "page-by-name",
        Subject.EXPOSING,
        "The page's route is for host names, localhost among them, and the bot asks by another.",
        "`hostnames` of the route, and 404 for the bot alone.",
        "Nothing is to be mended",
        find_page_by_name,
        ("expose",),
        kind=CauseKind.NORMAL,
        source="Gateway API 1.1 to 1.5, hostname matching",
    ),
)
