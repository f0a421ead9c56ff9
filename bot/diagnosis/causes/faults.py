"""Causes about faults: whom they hit, and who never meets them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.diagnosis.cause import Cause, CauseKind, Finding, Fix, Subject
from bot.diagnosis.facts import describe, list_words, show_field
from bot.diagnosis.mesh_rules import (
    USER_HEADER,
    HttpRule,
    list_mesh_routes,
    list_rules_in_force,
    list_versions,
    list_virtual_services,
    reaches_mesh,
)
from bot.diagnosis.mesh_state import (
    CALLS,
    GATEWAY_NAME,
    NamespaceState,
    get_age,
    is_in_mesh,
    list_pods_of,
)
from bot.diagnosis.page_requests import PATHS, Asked, find_user_rule, read_entry, takes
from bot.diagnosis.peers import ASK_RATINGS
from bot.diagnosis.rule_words import suggest_rule_fix
from bot.diagnosis.sidecar_ports import OUTBOUND, passes_outbound, show_annotations
from bot.diagnosis.waypoint_binding import is_bound, is_obeyed
from bot.kinds import VIRTUAL_SERVICE, Object
from bot.knowledge.objects.mesh_pods import has_sidecar, is_captured
from bot.knowledge.objects.workloads import get_labels
from bot.text import Text, verbatim

YOUNG = 10.0
"""Seconds in which a new rule reaches the proxies, with room (usually less than two)."""


def list_faults(state: NamespaceState) -> list[tuple[str, HttpRule]]:
    """Return the faults that are in force, with the Service that they are for."""
    return [
        (service, rule)
        for service in state.services
        for rule in list_rules_in_force(state, service)
        if rule.fault
    ]


def list_routed_versions(state: NamespaceState, user: str) -> set[str]:
    """Return the versions of reviews that a user's requests reach, by the rules in force."""
    rule = find_user_rule(state, list_rules_in_force(state, "reviews"), "reviews", user)
    if rule is None or not rule.destinations:
        return {get_labels(pod).get("version", "") for pod in list_pods_of(state, "reviews")}
    total = sum(d.weight or 0 for d in rule.destinations)
    return {
        version
        for destination in rule.destinations
        if not (total and destination.weight == 0)
        for version in list_versions(state, destination)
    }


def list_routed_users(state: NamespaceState) -> set[str]:
    """Return the users that rules for reviews name."""
    return {user for rule in list_rules_in_force(state, "reviews") for user in rule.users}


def find_other_user(state: NamespaceState) -> Iterator[Finding]:
    """Yield faults that hit another user than the one who is routed or who sends requests."""
    for service, rule in list_faults(state):
        tries = sorted(list_tries(state))
        hit = {*rule.users, *rule.patterns}
        if rule.other_headers and not hit:
            yield build_header_finding(service, rule)
        elif hit and tries and not is_hit(state, rule, service, tries):
            if not is_missed(state, service, hit):
                continue
            yield Finding(
                Text(
                    "The fault on {service} hits {user} alone, and the one who tries is {others}.",
                    service=service,
                    user=list_words(sorted(hit)),
                    others=list_words(tries),
                ),
                (
                    show_field(rule.owner, f"match {USER_HEADER}", ", ".join(sorted(hit))),
                    *show_tries(state),
                ),
                Fix(command=f"fault {tries[0]}"),
                frozenset({f"Service/{service}"}),
            )


def is_hit(state: NamespaceState, rule: HttpRule, service: str, users: Sequence[str]) -> bool:
    """Tell whether a rule takes the requests of one of these users, as far as can be known."""
    if set(users) & set(rule.users) or (rule.patterns and service not in PATHS):
        return True
    asked = (Asked(service, path, user) for user in users for path in PATHS.get(service, ())[:1])
    return any(takes(state, rule, each) is not False for each in asked)


def list_tries(state: NamespaceState) -> set[str]:
    """Return the users who seem to try: those who are routed, and those who sent requests."""
    return list_routed_users(state) | {user for user in state.activity.users if user}


def is_missed(state: NamespaceState, service: str, users: set[str]) -> bool:
    """Tell whether these users are not known otherwise, or never reach a fault on ratings."""
    return (
        service != "ratings"
        or not any(list_routed_versions(state, user) & ASK_RATINGS for user in users)
        or not users & list_tries(state)
    )


def show_tries(state: NamespaceState) -> Iterator[Text]:
    """Yield who is routed and who sent requests, as evidence."""
    for rule in list_rules_in_force(state, "reviews"):
        if rule.users:
            yield show_field(rule.owner, f"match {USER_HEADER}", ", ".join(rule.users))
    if users := sorted(user for user in state.activity.users if user):
        yield Text("requests were sent as {users}", users=list_words(users))


def build_header_finding(service: str, rule: HttpRule) -> Finding:
    """Return the finding of a fault that asks for a header which the application never sends."""
    return Finding(
        Text(
            "The fault on {service} asks for the header {header}; the page sends {known}.",
            service=service,
            header=rule.other_headers[0],
            known=USER_HEADER,
        ),
        (show_field(rule.owner, "match headers", ", ".join(rule.other_headers)),),
        Fix(command="fault"),
        frozenset({f"Service/{service}"}),
    )


def find_never_reaches(state: NamespaceState) -> Iterator[Finding]:
    """Yield faults on ratings whose user is routed to a version of reviews that never asks it."""
    for service, rule in list_faults(state):
        if service != "ratings" or rule.patterns or (rule.other_headers and not rule.users):
            continue
        for user in rule.users or ("",):
            versions = list_routed_versions(state, user)
            if not versions or versions & ASK_RATINGS or not list_rules_in_force(state, "reviews"):
                continue
            route = find_user_rule(state, list_rules_in_force(state, "reviews"), "reviews", user)
            if route and route.fault:
                continue  # that fault is met first, and is seen
            shown = [verbatim(describe(route.owner))] if route else []
            words = ", ".join(sorted(versions))
            yield Finding(
                Text(
                    "The fault on ratings is for {user}, who gets reviews {versions}, which never "
                    "asks ratings.",
                    user=user,
                    versions=words,
                )
                if user
                else Text(
                    "The fault on ratings meets nobody: all get reviews {versions}, which never "
                    "asks ratings.",
                    versions=words,
                ),
                (verbatim(describe(rule.owner)), *shown),
                Fix(command=f"route {user} v2" if user else "route off"),
                frozenset({"Service/ratings"}),
            )


def find_in_force(state: NamespaceState) -> Iterator[Finding]:
    """Yield faults that are in force and can hit somebody: that is what is seen."""
    for service, rule in list_faults(state):
        users = [*rule.users, *rule.patterns]
        flags = [
            verbatim(f"{flag} {name}: {rate:.2g}/s")
            for (name, flag), rate in (state.numbers.flags if state.numbers else {}).items()
            if name == service and flag in ("FI", "DI")
        ]
        yield Finding(
            Text(
                "A fault on {service} is in force for {users}: errors of it are meant.",
                service=service,
                users=list_words(users),
            )
            if users
            else Text(
                "A fault on {service} is in force for everybody: errors of it are meant.",
                service=service,
            ),
            (show_field(rule.owner, "fault", ", ".join(rule.fault)), *flags),
            Fix(command="fault off"),
            frozenset({f"Service/{service}"}),
        )


def find_without_percentage(state: NamespaceState) -> Iterator[Finding]:
    """Yield faults in rules in force without a percentage, which strike nobody."""
    for service in (each for each in state.services if is_obeyed(state, each)):
        for rule in list_rules_in_force(state, service):
            if rule.owner.get("kind") != VIRTUAL_SERVICE.kind:
                continue
            written = read_entry(rule).get("fault") or {}
            for name, part in written.items():
                if part.get("percentage") is not None or part.get("percent") is not None:
                    continue
                yield Finding(
                    Text(
                        "The fault on {service} has no percentage, which is 0: it strikes nobody.",
                        service=service,
                    ),
                    (show_field(rule.owner, f"spec.http[{rule.index}].fault.{name}", part),),
                    suggest_rule_fix(rule.owner, ""),
                    frozenset({f"Service/{service}"}),
                )


def find_caller_outside(state: NamespaceState) -> Iterator[Finding]:
    """Yield rules that nobody enforces, because the caller has no proxy."""
    for service, callers in list_callers(state).items():
        if is_bound(state, service):
            continue
        owners = list_enforced_owners(state, service)
        address = str((state.services.get(service) or {}).get("spec", {}).get("clusterIP", ""))
        past = [p for p in callers if passes_outbound(p, address)]
        outside = past + [p for p in callers if not has_sidecar(p) and not is_captured(p)]
        if not owners or not outside or not is_in_mesh(state):
            continue
        names = sorted({get_labels(p).get("app", "") for p in outside})
        yield Finding(
            Text(
                "{rule} is enforced in the caller's proxy, and {callers} sends past it.",
                rule=describe(owners[0]),
                callers=list_words(names),
            )
            if past
            else Text(
                "{rule} is enforced in the caller's proxy, and {callers} has none.",
                rule=describe(owners[0]),
                callers=list_words(names),
            ),
            (
                verbatim(describe(owners[0])),
                *(
                    show_annotations(p, OUTBOUND)
                    if p in past
                    else verbatim(f"{describe(p)}: no sidecar.istio.io/status")
                    for p in outside[:2]
                ),
            ),
            Fix(advice=Text("Take the annotation out of the template."))
            if past
            else Fix(command="inject"),
            frozenset({f"app/{name}" for name in names} | {f"Service/{service}"}),
        )


def list_callers(state: NamespaceState) -> dict[str, list[Object]]:
    """Return the pods that call each Service of Bookinfo; gateways have a proxy always."""
    found: dict[str, list[Object]] = {}
    for caller, callee in CALLS:
        pods = [p for p in list_pods_of(state, caller) if GATEWAY_NAME not in get_labels(p)]
        # Of reviews only the versions that ask ratings call it.
        if caller == "reviews":
            pods = [p for p in pods if get_labels(p).get("version") in ASK_RATINGS]
        found.setdefault(callee, []).extend(pods)
    return found


def list_enforced_owners(state: NamespaceState, service: str) -> list[Object]:
    """Return the rules that callers of a Service should obey."""
    routes = [
        r
        for r in list_mesh_routes(state)
        if any(p.get("name") == service for p in r["spec"].get("parentRefs") or [])
    ]
    return [*list_virtual_services(state, service), *routes]


def find_propagating(state: NamespaceState) -> Iterator[Finding]:
    """Yield rules that are so young that proxies may not have them yet."""
    for rule in state.list_own(VIRTUAL_SERVICE):
        if reaches_mesh(rule) and 0 <= get_age(state, rule) < YOUNG:
            yield Finding(
                Text(
                    "{rule} is only seconds old: proxies get it one by one, and some requests may "
                    "fail until then.",
                    rule=describe(rule),
                ),
                (show_field(rule, "creationTimestamp", rule["metadata"]["creationTimestamp"]),),
            )


CAUSES = (
    Cause(
        "caller-outside-mesh",
        Subject.RULES,
        "A rule is enforced in the caller, and the caller has no proxy.",
        "A rule for reviews or ratings, and calling pods without a proxy.",
        "`/mesh inject`",
        find_caller_outside,
        ("route", "fault", "shift"),
        ("fault-in-force",),
        gravity=3,
        source="Istio 1.23 and 1.30: rules act in the client's proxy",
        by_object=True,
    ),
    Cause(
        "fault-user-mismatch",
        Subject.RULES,
        "The fault hits another user than the one who tries.",
        "The header's value in the rule differs from the users who are routed or seen lately.",
        "`/mesh fault USER`",
        find_other_user,
        ("fault",),
        ("user-never-reaches-ratings", "fault-in-force"),
        gravity=4,
        source="the workshop's file and its text name different users",
        by_object=True,
    ),
    Cause(
        "user-never-reaches-ratings",
        Subject.RULES,
        "That user is routed to reviews v1, which never asks ratings.",
        "A fault on ratings, and a route of that user to v1.",
        "`/mesh route USER v2`",
        find_never_reaches,
        ("fault",),
        ("fault-in-force",),
        gravity=4,
        source="Bookinfo 1.20: reviews v1 shows no ratings",
        by_object=True,
    ),
    Cause(
        "fault-without-percentage",
        Subject.RULES,
        "A fault has no percentage, which is 0: it strikes nobody.",
        "`fault.abort` or `fault.delay` without `percentage`.",
        "A percentage; `/mesh fault USER` writes one",
        find_without_percentage,
        ("fault",),
        gravity=4,
        by_object=True,
        source="Istio 1.23 and 1.30: without a percentage Envoy is given 0",
    ),
    Cause(
        "fault-in-force",
        Subject.RULES,
        "The fault works, and that is what is seen.",
        "A rule with a fault that can hit somebody; flags `FI` or `DI`.",
        "`/mesh fault off` ends it",
        find_in_force,
        ("fault", "traffic", "route", "shift", "timeout", "retry"),
        kind=CauseKind.NORMAL,
        by_object=True,
    ),
    Cause(
        "propagation-delay",
        Subject.RULES,
        "503 for some seconds after a rule, then fine.",
        "The rule was created within the last ten seconds.",
        "Wait",
        find_propagating,
        ("route",),
        kind=CauseKind.NORMAL,
        by_object=True,
    ),
)
