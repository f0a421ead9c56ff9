"""Causes in rules for HTTP: hosts that do not exist, rules that collide or are not obeyed."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

from bot.diagnosis.cause import Cause, Finding, Fix, Subject
from bot.diagnosis.facts import describe, list_words, show_field
from bot.diagnosis.mesh_rules import (
    ONE_PATH,
    HttpRule,
    is_registered,
    is_visible,
    list_routes_between,
    list_rules,
    list_rules_in_force,
    list_virtual_services,
    names_service,
    reaches_mesh,
    resolve_host,
    service_exists,
)
from bot.diagnosis.mesh_state import APPS, NamespaceState, is_in_mesh
from bot.kinds import SERVICE, SERVICE_ENTRY, VIRTUAL_SERVICE, Object
from bot.knowledge.objects.workloads import get_name
from bot.text import Text, verbatim

UNCONDITIONAL = "has no match"
LIKE = 0.7
"""Likeness from which a host is taken for a misspelt Service (difflib's ratio)."""


def find_host_unknown(state: NamespaceState) -> Iterator[Finding]:
    """Yield VirtualServices whose host, or destination, is no Service.

    The namespace's own, and those of others that decide over its Services.
    """
    foreign = {
        describe(rule.owner): rule.owner
        for service in state.services
        for rule in list_rules_in_force(state, service)
        if rule.owner.get("kind") != "HTTPRoute"
        and rule.owner["metadata"].get("namespace") != state.namespace
    }
    for virtual_service in [*state.list_own(VIRTUAL_SERVICE), *foreign.values()]:
        unknown = list_unknown_hosts(state, virtual_service)
        if unknown:
            yield Finding(
                Text(
                    "{object} names host {host}, and there is no such Service.",
                    object=describe(virtual_service),
                    host=unknown[0],
                ),
                (
                    show_field(virtual_service, "host", ", ".join(unknown)),
                    Text(
                        "Services of {namespace}: {services}",
                        namespace=state.namespace,
                        services=list_words(sorted(state.services)),
                    ),
                ),
                suggest_rule_fix(virtual_service, ""),
                frozenset(
                    {f"VirtualService/{get_name(virtual_service)}"}
                    | {f"Service/{host.partition('.')[0]}" for host in unknown}
                ),
            )


def list_unknown_hosts(state: NamespaceState, virtual_service: Object) -> list[str]:
    """Return the hosts and destinations of a VirtualService that are no Service.

    A host of the outside world, for which it is nobody's business here, is not among them: only
    one that is like a Service of the namespace, or whose rules lead to one.
    """
    home = virtual_service["metadata"].get("namespace", "")
    spec = virtual_service["spec"]
    routes = [
        str((route.get("destination") or {}).get("host", ""))
        for rule in spec.get("http") or []
        for route in rule.get("route") or []
    ]
    leads_here = any(is_known(state, host, home) for host in routes)
    found = []
    for host in spec.get("hosts") or [] if reaches_mesh(virtual_service) else []:
        if is_known(state, str(host), home) or "*" in str(host):
            continue
        if leads_here or is_like_service(state, str(host)):
            found.append(str(host))
    attached = found or any(is_known(state, str(h), home) for h in spec.get("hosts") or [])
    exposed = not reaches_mesh(virtual_service)
    for host in routes:
        if (attached or exposed) and not is_known(state, host, home) and host not in found:
            found.append(host)
    return found


def is_known(state: NamespaceState, host: str, home: str) -> bool:
    """Tell whether a host is a Service or registered by a ServiceEntry."""
    target = resolve_host(state, host, home)
    if target is None:
        return is_registered(state, host)
    return service_exists(state, *target)


def is_like_service(state: NamespaceState, host: str) -> bool:
    """Tell whether a host's first part is, or is like, the name of a Service of the namespace."""
    name = host.partition(".")[0]
    return any(
        SequenceMatcher(None, name, service).ratio() >= LIKE for service in {*state.services, *APPS}
    )


def find_collisions(state: NamespaceState) -> Iterator[Finding]:
    """Yield Services with several VirtualServices: only the oldest is obeyed."""
    for service in state.services:
        found = list_virtual_services(state, service)
        if len(found) > 1:
            winner, other = found[0], choose_foreign(service, found[0], found[1])
            yield Finding(
                Text(
                    "{objects} are for the same host {service}: only the oldest, {winner}, is "
                    "obeyed.",
                    objects=list_words([describe(vs) for vs in found]),
                    service=service,
                    winner=get_name(winner),
                ),
                tuple(
                    show_field(
                        vs,
                        "hosts",
                        ", ".join(vs["spec"].get("hosts") or [])
                        + f", made {vs['metadata'].get('creationTimestamp', '')}",
                    )
                    for vs in found[:3]
                ),
                Fix(
                    line=f"kubectl delete virtualservice {get_name(other)} "
                    f"-n {other['metadata']['namespace']}"
                ),
                frozenset({f"Service/{service}"}),
            )


def choose_foreign(service: str, winner: Object, loser: Object) -> Object:
    """Return the one of two VirtualServices that is not called like the Service, as steps do."""
    return winner if get_name(loser) == service else loser


def find_shadowed(state: NamespaceState) -> Iterator[Finding]:
    """Yield VirtualServices in which a rule for all requests stands before others."""
    for virtual_service in state.list_own(VIRTUAL_SERVICE):
        if not any(names_service(state, virtual_service, service) for service in state.services):
            continue
        rules = list_rules(state, virtual_service)
        first = next((n for n, rule in enumerate(rules[:-1]) if rule.catches_all), None)
        # A last rule for what a prefix leaves over is a habit, not a slip.
        spare = first is not None and all(rule.catches_all for rule in rules[first + 1 :])
        if first is not None and not (spare and show_match(rules[first]) != UNCONDITIONAL):
            hidden = [str(rule.index) for rule in rules[first + 1 :]]
            user = next((u for rule in rules[first + 1 :] for u in rule.users), "")
            yield Finding(
                Text(
                    "{object}: a rule for all requests stands before others, which never act.",
                    object=describe(virtual_service),
                ),
                (
                    show_field(virtual_service, f"spec.http[{first}]", show_match(rules[first])),
                    verbatim(f"spec.http[{', '.join(hidden)}] not used"),
                ),
                suggest_rule_fix(virtual_service, user),
                frozenset({f"VirtualService/{get_name(virtual_service)}"}),
            )


def find_without_default(state: NamespaceState) -> Iterator[Finding]:
    """Yield rules that are for some requests alone, by a header, so that nobody takes the rest."""
    for service in ONE_PATH:
        rules = list_rules_in_force(state, service) if is_in_mesh(state) else []
        if not rules or not all(asks_for_header(rule) for rule in rules):
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
                Text("every rule asks for a header; users: {users}", users=list_words(users)),
                show_field(rules[0].owner, "rules", len(rules)),
            ),
            suggest_rule_fix(rules[0].owner, users[0] if users else ""),
            frozenset({f"Service/{service}", f"app/{service}"}),
        )


def asks_for_header(rule: HttpRule) -> bool:
    """Tell whether every match of a rule asks for a header, so that it cannot fit everybody."""
    spec = rule.owner["spec"]
    written = (spec.get("rules") or spec.get("http"))[rule.index]
    matches = written.get("matches") or written.get("match") or []
    return bool(matches) and all(match.get("headers") for match in matches)


def show_match(rule: HttpRule) -> str:
    """Return what a rule that catches all matches, as it is written."""
    matches = rule.owner["spec"]["http"][rule.index].get("match") or []
    prefix = next((m["uri"]["prefix"] for m in matches if (m.get("uri") or {}).get("prefix")), "")
    return f"match uri prefix {prefix}" if prefix else UNCONDITIONAL


def suggest_rule_fix(virtual_service: Object, user: str) -> Fix:
    """Return the step that writes a Service's rules anew, else the line to edit them."""
    name = get_name(virtual_service)
    if name == "reviews" and user:
        return Fix(command=f"route {user}")
    place = virtual_service["metadata"].get("namespace", "")
    return Fix(line=f"kubectl edit virtualservice {name} -n {place}")


def find_not_for_mesh(state: NamespaceState) -> Iterator[Finding]:
    """Yield VirtualServices for a Service here that callers inside the mesh never see."""
    for virtual_service in state.list_own(VIRTUAL_SERVICE):
        named = [s for s in state.services if names_service(state, virtual_service, s)]
        if named and reaches_mesh(virtual_service) and not is_visible(state, virtual_service):
            yield build_hidden_finding(state, virtual_service, named[0])
        if named and not reaches_mesh(virtual_service):
            gateways = virtual_service["spec"].get("gateways") or []
            name = get_name(virtual_service)
            yield Finding(
                Text(
                    "{object} is bound to gateways and not to the mesh: callers of {service} "
                    "inside never see it.",
                    object=describe(virtual_service),
                    service=named[0],
                ),
                (show_field(virtual_service, "spec.gateways", ", ".join(map(str, gateways))),),
                Fix(
                    line=f"kubectl patch virtualservice {name} -n {state.namespace} --type=json "
                    """-p '[{"op":"remove","path":"/spec/gateways"}]'"""
                ),
                frozenset({f"VirtualService/{name}", f"Service/{named[0]}"}),
            )


def build_hidden_finding(state: NamespaceState, virtual_service: Object, service: str) -> Finding:
    """Return the finding that a rule is exported to other namespaces than its callers'."""
    name, export = get_name(virtual_service), virtual_service["spec"].get("exportTo") or []
    return Finding(
        Text(
            "{object} is exported to {namespaces} alone: callers of {service} here never see it.",
            object=describe(virtual_service),
            namespaces=list_words([str(each) for each in export]),
            service=service,
        ),
        (show_field(virtual_service, "spec.exportTo", ", ".join(map(str, export))),),
        Fix(
            line=f"kubectl patch virtualservice {name} -n {state.namespace} --type=json "
            """-p '[{"op":"remove","path":"/spec/exportTo"}]'"""
        ),
        frozenset({f"VirtualService/{name}", f"Service/{service}"}),
    )


def find_mixed(state: NamespaceState) -> Iterator[Finding]:
    """Yield Services with both a VirtualService and an HTTPRoute: undefined."""
    for service in state.services:
        routes = list_routes_between(state, service)
        found = list_virtual_services(state, service)
        if routes and found:
            yield Finding(
                Text(
                    "Service {service} has both {route} and {rule}: Istio does not define which "
                    "counts.",
                    service=service,
                    route=describe(routes[0]),
                    rule=describe(found[0]),
                ),
                (verbatim(describe(routes[0])), verbatim(describe(found[0]))),
                Fix(command="route off"),
                frozenset({f"Service/{service}"}),
            )


CAUSES = (
    Cause(
        "virtualservice-host-unknown",
        Subject.RULES,
        "A VirtualService is for a host, or sends to one, that is no Service.",
        "No such Service in the namespace that the host names.",
        "The right host",
        find_host_unknown,
        ("route", "fault"),
        ("fault-in-force", "subset-without-destinationrule"),
        gravity=3,
        source="IST0101, KIA1101",
        by_object=True,
        needs=(
            SERVICE,
            SERVICE_ENTRY,
        ),
    ),
    Cause(
        "virtualservices-collide",
        Subject.RULES,
        "Two VirtualServices are for one host (short and full name are one host): one is not "
        "obeyed.",
        "The same full name, both for the mesh.",
        "Delete one",
        find_collisions,
        ("route", "shift", "fault", "timeout", "retry", "mirror"),
        ("fault-user-mismatch", "user-never-reaches-ratings"),
        gravity=3,
        source="KIA1106, IST0109; sidecars obey the oldest",
        by_object=True,
    ),
    Cause(
        "rule-without-default",
        Subject.RULES,
        "Every rule for a Service asks for a header: who does not send it gets 404.",
        "The rules in force, none of which takes the rest.",
        "A last rule without a match",
        find_without_default,
        ("route", "fault"),
        gravity=2,
        by_object=True,
        source="Istio 1.23 and 1.30: without a route Envoy answers 404",
    ),
    Cause(
        "rule-shadowed",
        Subject.RULES,
        "A rule for all requests stands before the match.",
        "The order in `spec.http`.",
        "Swap them: `/mesh route USER`",
        find_shadowed,
        ("route",),
        ("fault-user-mismatch", "user-never-reaches-ratings"),
        gravity=4,
        source="IST0130",
        by_object=True,
    ),
    Cause(
        "rule-not-for-mesh",
        Subject.RULES,
        "`gateways:` does not list `mesh`, so that callers inside never see the rule.",
        "`spec.gateways` without `mesh`.",
        "Take `gateways` out",
        find_not_for_mesh,
        ("route", "fault"),
        gravity=3,
        source="Istio's reference of VirtualService; KIA1102",
        by_object=True,
    ),
    Cause(
        "rules-mixed",
        Subject.RULES,
        "A VirtualService and an HTTPRoute for one Service: which one counts is not defined.",
        "Both, for the same Service.",
        "Keep one: `/mesh route off`, then the route again",
        find_mixed,
        ("route", "shift", "fault", "waypoint"),
        ("old-rules-in-ambient", "virtualservices-collide"),
        gravity=3,
        source="Istio's documentation of ambient; measured, both releases obey the HTTPRoute",
        by_object=True,
    ),
)
