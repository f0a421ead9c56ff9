"""Causes in rules for HTTP: hosts that do not exist, rules that collide or are not obeyed."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

from bot.diagnosis.cause import Cause, Finding, Fix, Subject
from bot.diagnosis.delegates import expand_delegates, find_delegate, is_shown, is_usable
from bot.diagnosis.facts import describe, list_words, show_field
from bot.diagnosis.mesh_rules import (
    get_cluster_domain,
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
from bot.diagnosis.mesh_state import APPS, NamespaceState
from bot.diagnosis.rule_words import suggest_rule_fix
from bot.kinds import GATEWAY, ISTIO_GATEWAY, SERVICE, SERVICE_ENTRY, VIRTUAL_SERVICE, Object
from bot.knowledge.objects.workloads import get_name
from bot.text import Text, verbatim

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
    domain = get_cluster_domain(state)
    spec = expand_delegates(state.cluster, virtual_service, domain)["spec"]
    routes = [
        str((route.get("destination") or {}).get("host", ""))
        for rule in spec.get("http") or []
        for route in rule.get("route") or []
    ]
    copies = [str(each.get("host", "")) for each in list_copied_hosts(spec)]
    leads_here = any(is_known(state, host, home) for host in routes)
    found = []
    for host in spec.get("hosts") or [] if reaches_mesh(virtual_service) else []:
        if is_known(state, str(host), home) or "*" in str(host):
            continue
        if leads_here or is_like_service(state, str(host)):
            found.append(str(host))
    attached = found or any(is_known(state, str(h), home) for h in spec.get("hosts") or [])
    exposed = not reaches_mesh(virtual_service)
    for host in (*routes, *copies):
        if (attached or exposed) and not is_known(state, host, home) and host not in found:
            found.append(host)
    return found


def list_copied_hosts(spec: Object) -> Iterator[Object]:
    """Yield the destinations to which a VirtualService's rules send copies of requests."""
    for rule in spec.get("http") or []:
        if rule.get("mirror"):
            yield rule["mirror"]
        yield from (each.get("destination") or {} for each in rule.get("mirrors") or [])


def find_delegate_missing(state: NamespaceState) -> Iterator[Finding]:
    """Yield VirtualServices whose rules are left to another one that is not there."""
    for root in state.list_own(VIRTUAL_SERVICE):
        for number, rule in enumerate(root["spec"].get("http") or []):
            told = rule.get("delegate") or {}
            found = find_delegate(state.cluster, root, told)
            if not told or is_usable(root, found):
                continue
            name = f"{told.get('namespace') or state.namespace}/{told.get('name')}"
            services = [s for s in state.services if names_service(state, root, s)]
            yield Finding(
                describe_left_out(root, found, name),
                (show_field(root, f"spec.http[{number}].delegate", name),),
                suggest_rule_fix(root, ""),
                frozenset(
                    {f"VirtualService/{get_name(root)}", *(f"Service/{s}" for s in services)}
                ),
            )


def describe_left_out(root: Object, delegate: Object | None, name: str) -> Text:
    """Return why a rule is left out that is a delegate's."""
    if delegate is None:
        return Text(
            "{rule} leaves requests to VirtualService {delegate}, which is not there: that rule is "
            "left out.",
            rule=describe(root),
            delegate=name,
        )
    if not is_shown(root, delegate):
        return Text(
            "{rule} leaves requests to VirtualService {delegate}, which is not exported to its "
            "namespace: that rule is left out.",
            rule=describe(root),
            delegate=name,
        )
    # One with hosts of its own is no delegate, and istiod leaves it out.
    return Text(
        "{rule} leaves requests to VirtualService {delegate}, which has hosts of its own and is no "
        "delegate: that rule is left out.",
        rule=describe(root),
        delegate=name,
    )


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


def find_not_for_mesh(state: NamespaceState) -> Iterator[Finding]:
    """Yield VirtualServices for a Service here that callers never see."""
    yield from find_gateway_unknown(state)
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


def find_gateway_unknown(state: NamespaceState) -> Iterator[Finding]:
    """Yield VirtualServices for gateways alone, none of which is there."""
    known, others = (
        {f"{each['metadata'].get('namespace')}/{get_name(each)}" for each in found}
        for found in map(state.cluster.list_all, (ISTIO_GATEWAY, GATEWAY))
    )
    own = [] if state.cluster.is_unread(ISTIO_GATEWAY) else state.list_own(VIRTUAL_SERVICE)
    for virtual_service in own:
        told = [str(each) for each in virtual_service["spec"].get("gateways") or ["mesh"]]
        wanted = [name if "/" in name else f"{state.namespace}/{name}" for name in told]
        named = any(names_service(state, virtual_service, s) for s in state.services)
        # One that is called like a Gateway of the other API is left over: the page gets in there.
        found = set(wanted) & (known | others)
        if "mesh" in told or named or found or not sends_here(state, virtual_service):
            continue
        yield Finding(
            Text(
                "{object} is bound to Gateway {gateways}, which is not there: nobody obeys it.",
                object=describe(virtual_service),
                gateways=list_words(wanted),
            ),
            (
                show_field(virtual_service, "spec.gateways", ", ".join(told)),
                Text("Gateways of networking.istio.io: {names}", names=list_words(sorted(known))),
            ),
            suggest_rule_fix(virtual_service, ""),
            frozenset({f"VirtualService/{get_name(virtual_service)}"}),
        )


def sends_here(state: NamespaceState, virtual_service: Object) -> bool:
    """Tell whether a VirtualService sends requests to a Service of the namespace."""
    return any(
        destination.service in state.services and destination.namespace == state.namespace
        for rule in list_rules(state, virtual_service)
        for destination in rule.destinations
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
        "virtualservice-delegate-missing",
        Subject.RULES,
        "A VirtualService leaves its rules to another one (`delegate`) that is not there.",
        "`spec.http[].delegate`, and no VirtualService without hosts of that name.",
        "The right name",
        find_delegate_missing,
        ("route",),
        gravity=3,
        by_object=True,
        source="Istio 1.23 and 1.30: a rule without its delegate is left out",
    ),
    Cause(
        "rule-not-for-mesh",
        Subject.RULES,
        "`gateways:` does not list `mesh`, or no Gateway that is there, so that callers never see "
        "the rule.",
        "`spec.gateways` without `mesh`, or with names of no Gateway.",
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
