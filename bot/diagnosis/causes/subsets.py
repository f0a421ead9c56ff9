"""Causes in versions: subsets that no DestinationRule defines, or that select no pod."""

from __future__ import annotations

from collections.abc import Iterator

from bot.diagnosis.cause import Cause, Finding, Fix, Subject
from bot.diagnosis.facts import describe, join_labels, list_words, show_field
from bot.diagnosis.mesh_rules import (
    Destination,
    HttpRule,
    is_for_callers,
    is_visible,
    list_copies,
    list_rules_in_force,
    list_subsets,
    list_used_destinations,
    resolve_host,
    service_exists,
)
from bot.diagnosis.mesh_state import APPS, NamespaceState
from bot.diagnosis.object_facts import matches_labels
from bot.diagnosis.service_ports import list_selected_pods
from bot.kinds import DESTINATION_RULE, POD, SERVICE, Object
from bot.knowledge.objects.workloads import get_labels, get_name
from bot.text import Text


def list_missing_subsets(
    state: NamespaceState,
) -> dict[tuple[str, str], tuple[HttpRule, Destination]]:
    """Return the subsets that rules in force name and no DestinationRule defines, by (Service,
    subset).
    """
    found: dict[tuple[str, str], tuple[HttpRule, Destination]] = {}
    for rule, destination in list_used_destinations(state):
        if destination.subset and destination.service:
            defined = list_subsets(state, destination.service, destination.namespace)
            if destination.subset not in defined:
                found.setdefault((destination.service, destination.subset), (rule, destination))
    return found


def list_mismatched_rules(state: NamespaceState, service: str, subset: str) -> list[Object]:
    """Return the DestinationRules that define a subset of that name, but for another host.

    Those for another Service that exists are no slip: only a host that is the Service's in
    another namespace, one that is nobody's, or an object that is called like the Service.
    """
    found = []
    for rule in state.cluster.list_all(DESTINATION_RULE):
        names = {str(s.get("name")) for s in rule["spec"].get("subsets") or []}
        home, host = rule["metadata"].get("namespace", ""), str(rule["spec"].get("host", ""))
        if subset not in names or host.startswith("*"):
            continue
        target = resolve_host(state, host, home)
        if target == (service, state.namespace):
            if not is_visible(state, rule):
                found.append(rule)
            continue
        same_name = target is not None and target[0] == service
        nobody = target is None or not service_exists(state, *target)
        if home == state.namespace and (same_name or nobody or get_name(rule) == service):
            found.append(rule)
        elif same_name and home != state.namespace and not list_own_rules(state, service):
            found.append(rule)
    return found


def list_own_rules(state: NamespaceState, service: str) -> list[Object]:
    """Return the namespace's own DestinationRules that are meant for a Service by their name."""
    return [r for r in state.list_own(DESTINATION_RULE) if get_name(r) == service]


def find_subset_undefined(state: NamespaceState) -> Iterator[Finding]:
    """Yield subsets that rules in force name and no DestinationRule defines."""
    for service, group in group_missing(state).items():
        rule = group[0][0]
        names = [d.subset for _, d in group]
        if any(list_mismatched_rules(state, service, name) for name in names):
            continue
        yield Finding(
            Text(
                "{rule} routes to subsets of {service} that no DestinationRule defines "
                "({subsets}): callers get 503, flag NC.",
                rule=describe(rule.owner),
                service=service,
                subsets=list_words(sorted(set(names))),
            ),
            (
                show_field(rule.owner, "destination", f"{group[0][1].host}, subset {names[0]}"),
                Text(
                    "subsets that are defined for {service}: {subsets}",
                    service=service,
                    subsets=list_words(sorted(list_subsets(state, service, state.namespace))),
                ),
                *list_selective_rules(state, service),
            ),
            Fix(command="mend"),
            frozenset({f"Service/{service}"}),
        )
    yield from find_copies_lost(state)


def find_copies_lost(state: NamespaceState) -> Iterator[Finding]:
    """Yield rules in force that send copies to a subset which no DestinationRule defines."""
    for service in state.services:
        for rule in list_rules_in_force(state, service):
            for copy in list_copies(state, rule):
                if copy.subset not in ("", *list_subsets(state, copy.service, copy.namespace)):
                    yield Finding(
                        Text(
                            "{rule} copies requests to subset {subset} of {service}, which no "
                            "DestinationRule defines: the copies go nowhere.",
                            rule=describe(rule.owner),
                            subset=copy.subset,
                            service=copy.service,
                        ),
                        (show_field(rule.owner, "mirror", f"{copy.host}, subset {copy.subset}"),),
                        Fix(command="mend"),
                        frozenset({f"Service/{service}"}),
                    )


def list_selective_rules(state: NamespaceState, service: str) -> list[Text]:
    """Return the DestinationRules for a Service that are for other workloads than its callers."""
    return [
        show_field(rule, "spec.workloadSelector", join_labels(labels))
        for rule in state.list_own(DESTINATION_RULE)
        if (labels := (rule["spec"].get("workloadSelector") or {}).get("matchLabels"))
        and resolve_host(state, str(rule["spec"].get("host", "")), state.namespace)
        == (service, state.namespace)
        and not is_for_callers(state, rule, service)
    ]


def group_missing(state: NamespaceState) -> dict[str, list[tuple[HttpRule, Destination]]]:
    """Return the missing subsets by Service."""
    groups: dict[str, list[tuple[HttpRule, Destination]]] = {}
    for (service, _), found in list_missing_subsets(state).items():
        groups.setdefault(service, []).append(found)
    return groups


def find_destination_rule_mismatch(state: NamespaceState) -> Iterator[Finding]:
    """Yield DestinationRules whose subsets are wanted, and which are for another host."""
    seen: set[str] = set()
    for (service, subset), (rule, _) in list_missing_subsets(state).items():
        for other in list_mismatched_rules(state, service, subset)[:1]:
            if service in seen:
                continue
            seen.add(service)
            yield Finding(
                Text(
                    "{object} defines the subsets for host {host}, and {rule} needs them for "
                    "{service} in {namespace}.",
                    object=describe(other),
                    host=str(other["spec"].get("host")),
                    rule=describe(rule.owner),
                    service=service,
                    namespace=state.namespace,
                ),
                (
                    show_field(other, "spec.host", other["spec"].get("host")),
                    show_field(rule.owner, "destination", f"{service}, subset {subset}"),
                ),
                Fix(command="mend"),
                frozenset({f"Service/{service}"}),
            )


def find_subset_empty(state: NamespaceState) -> Iterator[Finding]:
    """Yield subsets that exist, are routed to, and select no pod."""
    seen: set[tuple[str, str]] = set()
    for rule, destination in list_used_destinations(state):
        service = state.services.get(destination.service)
        key = (destination.service, destination.subset)
        if service is None or destination.namespace != state.namespace or key in seen:
            continue
        pods = list_selected_pods(state, service)
        labels: dict[str, str] = {}
        if destination.subset:
            subsets = list_subsets(state, destination.service, destination.namespace)
            if destination.subset not in subsets or not pods:
                continue
            labels = subsets[destination.subset]
            if not labels or any(matches_labels(labels, get_labels(pod)) for pod in pods):
                continue
        elif pods or rule.owner.get("kind") != "HTTPRoute" or destination.service in APPS:
            continue
        seen.add(key)
        yield build_empty_finding(
            state, rule, destination, labels or service["spec"].get("selector")
        )


def build_empty_finding(
    state: NamespaceState, rule: HttpRule, destination: Destination, labels: dict[str, str] | None
) -> Finding:
    """Return the finding that a version which is routed to has no pods."""
    words = join_labels(labels or {})
    subset = destination.subset or destination.service
    owners = {
        f"Deployment/{get_name(d)}"
        for d in state.workloads
        if matches_labels(labels, (d["spec"]["template"].get("metadata") or {}).get("labels") or {})
    }
    return Finding(
        Text(
            "{rule} routes to {subset} of {service}, and no pod is of it: callers get 503, "
            "flag UH.",
            rule=describe(rule.owner),
            subset=subset,
            service=destination.service,
        ),
        (
            Text(
                "no pod of {namespace} has the labels {labels}",
                namespace=state.namespace,
                labels=words,
            ),
            show_field(rule.owner, "destination", f"{destination.host}, {subset}"),
        ),
        Fix(command="route off"),
        frozenset(owners | {f"Service/{destination.service}"}),
    )


CAUSES = (
    Cause(
        "subset-without-destinationrule",
        Subject.RULES,
        "A route names a subset that no DestinationRule for that host defines, whatever the "
        "objects are called.",
        "The rule in force names a subset that is not among those of the DestinationRules for its "
        "host; 503 `NC`.",
        "`/mesh mend` or `/mesh route …`",
        find_subset_undefined,
        ("route", "shift", "break"),
        ("subset-without-pods", "fault-in-force"),
        gravity=2,
        source="KIA1107, IST0101",
        by_object=True,
        needs=(DESTINATION_RULE,),
    ),
    Cause(
        "destinationrule-host-mismatch",
        Subject.RULES,
        "The DestinationRule that would do is for another host or namespace; the workshop's is "
        "pinned to `bookinfo`.",
        "Its host resolves to nothing or to another namespace, and its subsets are called as those "
        "that are wanted.",
        "`/mesh route USER` in the namespace",
        find_destination_rule_mismatch,
        ("route",),
        ("subset-without-destinationrule", "subset-without-pods"),
        gravity=2,
        source="KIA0202",
        by_object=True,
        needs=(SERVICE,),
    ),
    Cause(
        "subset-without-pods",
        Subject.RULES,
        "The subset exists and selects no pod, and a route uses it.",
        "Its labels match no pod; 503 `UH`.",
        "`/mesh route …`, or mend the labels",
        find_subset_empty,
        ("route", "shift"),
        gravity=3,
        source="KIA0203, IST0173",
        by_object=True,
        needs=(POD,),
    ),
)
