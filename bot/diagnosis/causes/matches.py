"""Causes in what rules match: requests that no rule takes, and rules that never get one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.diagnosis.cause import Cause, Finding, Subject
from bot.diagnosis.causes.page_not_found import find_page_conditional, find_path_mistyped
from bot.diagnosis.facts import describe, list_words, show_field
from bot.diagnosis.mesh_rules import (
    USER_HEADER,
    HttpRule,
    list_rules,
    list_rules_in_force,
    names_service,
)
from bot.diagnosis.mesh_state import APPS, NamespaceState, is_in_mesh
from bot.diagnosis.page_requests import (
    PATHS,
    Asked,
    list_asked,
    list_matches,
    list_taken,
    show_condition_of,
    takes,
)
from bot.diagnosis.rule_fields import ONE_PATH
from bot.diagnosis.rule_words import UNCONDITIONAL, show_match, suggest_rule_fix
from bot.diagnosis.waypoint_binding import is_bound, is_obeyed
from bot.kinds import VIRTUAL_SERVICE
from bot.knowledge.objects.workloads import get_name
from bot.text import Text, verbatim


def find_shadowed(state: NamespaceState) -> Iterator[Finding]:
    """Yield VirtualServices in which a rule never acts: those before it take its requests."""
    for virtual_service in state.list_own(VIRTUAL_SERVICE):
        named = [s for s in state.services if names_service(state, virtual_service, s)]
        rules = list_rules(state, virtual_service) if named else []
        first, hidden = find_catching(rules) or find_taken(state, rules, named) or (None, [])
        if first is None:
            continue
        user = next((u for rule in hidden for u in rule.users), "")
        yield Finding(
            Text(
                "{object}: a rule for all requests stands before others, which never act.",
                object=describe(virtual_service),
            )
            if first.catches_all
            else Text(
                "{object}: an earlier rule takes the requests of a later one, which never acts.",
                object=describe(virtual_service),
            ),
            (
                show_field(virtual_service, f"spec.http[{first.index}]", show_match(first)),
                verbatim(f"spec.http[{', '.join(str(r.index) for r in hidden)}] not used"),
            ),
            suggest_rule_fix(virtual_service, user),
            frozenset(
                {f"VirtualService/{get_name(virtual_service)}", *(f"Service/{s}" for s in named)}
            ),
        )


def find_catching(rules: Sequence[HttpRule]) -> tuple[HttpRule, list[HttpRule]] | None:
    """Return a rule for all requests before others, and these; None when there is none.

    A last rule for what a prefix leaves over is a habit, not a slip.
    """
    first = next((n for n, rule in enumerate(rules[:-1]) if rule.catches_all), None)
    if first is None:
        return None
    rest = list(rules[first + 1 :])
    spare = all(rule.catches_all for rule in rest) and show_match(rules[first]) != UNCONDITIONAL
    return None if spare else (rules[first], rest)


def find_taken(
    state: NamespaceState, rules: Sequence[HttpRule], services: Sequence[str]
) -> tuple[HttpRule, list[HttpRule]] | None:
    """Return a rule that takes all requests of a later one, and that one; None without such.

    Only requests that Bookinfo is known to send are compared.
    """
    users = sorted({user for rule in rules for user in rule.users})
    for number, rule in enumerate(rules):
        asked = [a for s in services for a in list_taken(state, rule, list_asked(s, users))]
        # Who else fits a beginning or an expression is not known.
        if rule.catches_all or rule.patterns or not asked:
            continue
        before = [[r for r in rules[:number] if takes(state, r, each)] for each in asked]
        if all(before):
            return before[0][0], [rule]
    return None


def find_without_default(state: NamespaceState) -> Iterator[Finding]:
    """Yield rules that are for some requests alone, so that nobody takes the rest."""
    for service in ONE_PATH:
        rules = list_rules_in_force(state, service) if is_in_mesh(state) else []
        asked = Asked(service, PATHS[service][0])
        if not rules or not all(is_left_out(state, rule, asked) for rule in rules):
            continue
        users = sorted({user for rule in rules for user in rule.users})
        yield Finding(
            Text(
                "{object} has no rule for those whom no match fits: their requests to {service} "
                "get 404.",
                object=describe(rules[0].owner),
                service=service,
            ),
            (
                Text("every rule asks for a header; users: {users}", users=list_words(users))
                if users
                else show_field(rules[0].owner, "match", show_match(rules[0])),
                show_field(rules[0].owner, "rules", len(rules)),
            ),
            suggest_rule_fix(rules[0].owner, users[0] if users else ""),
            frozenset({f"Service/{service}", f"app/{service}"}),
        )
    yield from find_page_conditional(state)


def is_left_out(state: NamespaceState, rule: HttpRule, asked: Asked) -> bool:
    """Tell whether a rule surely leaves a request to others.

    A proxy that none of a VirtualService's rules is for, by its labels or the port, does as if
    there were no VirtualService (Istio 1.23 and 1.30); so these say nothing.
    """
    matches = list_matches(rule)
    place = ("sourceLabels", "sourceNamespace", "port", "gateways")
    if any(match.get(field) for match in matches for field in place):
        return False
    header = bool(matches) and all(match.get("headers") for match in matches)
    return header or takes(state, rule, asked) is False


def find_never_matching(state: NamespaceState) -> Iterator[Finding]:
    """Yield rules in force whose match none of Bookinfo's requests fits."""
    for service in APPS:
        rules = list_rules_in_force(state, service) if is_obeyed(state, service) else []
        for rule in rules:
            # A fault for a header that nobody sends is told by its own cause.
            if not is_never_met(state, rule, service) or (rule.fault and rule.other_headers):
                continue
            if is_for_more(state, rule, service):
                continue
            match = list_matches(rule)[0]
            yield Finding(
                Text(
                    "{rule} asks for {condition}, which no request to {service} has: that rule "
                    "never acts.",
                    rule=describe(rule.owner),
                    condition=show_condition_of(match),
                    service=service,
                ),
                (
                    show_field(rule.owner, f"rule {rule.index}: match", show_condition_of(match)),
                    Text(
                        "requests to {service} are for {path}, and the page sends the header "
                        "{header} for who is logged in",
                        service=service,
                        path=PATHS[service][0],
                        header=USER_HEADER,
                    ),
                ),
                suggest_rule_fix(rule.owner, ""),
                frozenset({f"Service/{service}"}),
            )
    yield from find_path_mistyped(state)


def is_for_more(state: NamespaceState, rule: HttpRule, service: str) -> bool:
    """Tell whether a rule is for other Services too, whose requests may fit it."""
    return any(
        rule.owner in [each.owner for each in list_rules_in_force(state, other)]
        and not (other in APPS and is_never_met(state, rule, other))
        for other in state.services
        if other != service
    )


def is_never_met(state: NamespaceState, rule: HttpRule, service: str) -> bool:
    """Tell whether none of the requests that a Service gets fits a rule, whoever sends them."""
    matches = list_matches(rule)
    if not matches or rule.catches_all or rule.patterns:
        return False
    # At a waypoint the labels of callers count otherwise, by the release.
    if is_bound(state, service) and any(match.get("sourceLabels") for match in matches):
        return False
    asked = list_asked(service, rule.users)
    return all(takes(state, rule, each) is False for each in asked)


CAUSES = (
    Cause(
        "rule-without-default",
        Subject.RULES,
        "Every rule for a Service is for some requests alone: the others get 404.",
        "The rules in force, none of which takes the rest.",
        "A last rule without a match",
        find_without_default,
        ("route", "fault"),
        ("rule-never-matches",),
        gravity=2,
        by_object=True,
        source="Istio 1.23 and 1.30: without a route Envoy answers 404",
    ),
    Cause(
        "rule-shadowed",
        Subject.RULES,
        "A rule for all requests, or for the same ones, stands before the match.",
        "The order in `spec.http`.",
        "Swap them: `/mesh route USER`",
        find_shadowed,
        ("route",),
        ("fault-user-mismatch", "user-never-reaches-ratings", "fault-in-force"),
        gravity=4,
        source="IST0130",
        by_object=True,
    ),
    Cause(
        "rule-never-matches",
        Subject.RULES,
        "A rule matches a header, path, method, port or caller that no request of Bookinfo's has.",
        "The match, beside what Bookinfo's parts ask each other.",
        "Write the match as the requests are",
        find_never_matching,
        ("route", "shift", "fault"),
        ("fault-in-force", "fault-user-mismatch", "user-never-reaches-ratings"),
        gravity=4,
        by_object=True,
        source="Bookinfo 1.20: its paths, and the headers that productpage passes on",
    ),
)
