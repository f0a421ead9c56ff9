"""Rules of the application's namespace for the same requests as rules that are to come: beside them
the new ones would not be obeyed, or nobody says which are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.kinds import DESTINATION_RULE, HTTP_ROUTE, VIRTUAL_SERVICE, Kind, Object
from bot.knowledge.objects.conflicts import judge_deletion
from bot.knowledge.objects.diff import describe_object
from bot.knowledge.objects.ownership import is_own
from bot.knowledge.objects.workloads import get_name
from bot.knowledge.routing.hosts import is_rule_for
from bot.knowledge.routing.manifests import DataPath
from bot.knowledge.routing.route_settings import POLICY
from bot.knowledge.snapshot import Snapshot
from bot.text import Text


def select_rules(now: Snapshot, service: str, *kinds: Kind) -> list[Object]:
    """Return the rules of these kinds that steps make for a service, in that order.

    They are called like it; one of that name that others made for something else is not among them.
    """
    named = (get_rules(now, kind).get(service) for kind in kinds)
    return [
        rule
        for rule in named
        if rule and (is_rule_for(rule, service, now.app_namespace) or is_own(rule))
    ]


def get_rules(now: Snapshot, kind: Kind) -> Mapping[str, Object]:
    """Return the namespace's rules of a kind, by name."""
    return {
        VIRTUAL_SERVICE: now.virtual_services,
        HTTP_ROUTE: now.routes,
        DESTINATION_RULE: now.destination_rules,
    }[kind]


def find_obeyed_rule(now: Snapshot, path: DataPath, service: str) -> Object | None:
    """Return the rule for a service that its callers, or its waypoint, obey first, whatever it is
    called: the oldest of the kind that rules for this data path have.
    """
    kind = HTTP_ROUTE if path is DataPath.WAYPOINT else VIRTUAL_SERVICE
    found = [r for r in get_rules(now, kind).values() if is_rule_for(r, service, now.app_namespace)]
    return min(found, key=get_age, default=None)


def get_age(rule: Object) -> tuple[str, str]:
    """Return what sorts the oldest rule first, as istiod does: the creation time, then the name."""
    return str(rule["metadata"].get("creationTimestamp", "")), get_name(rule)


def select_conflicting_rules(
    now: Snapshot, path: DataPath, service: str, wanted: Sequence[Object]
) -> list[Object]:
    """Return the rules that must go so that the `wanted` ones for a service are obeyed.

    VirtualServices and HTTPRoutes for one Service are undefined together. Of several
    VirtualServices the oldest alone is obeyed; several HTTPRoutes are merged (Istio 1.23 and 1.30).
    A DestinationRule is not undefined beside an HTTPRoute; it goes with its VirtualService when all
    of it is the bot's.
    """
    if path is not DataPath.WAYPOINT:
        return [
            *select_rules(now, service, HTTP_ROUTE),
            *list_others(now, service, HTTP_ROUTE, wanted),
            *list_older(now, service, wanted),
        ]
    rules = select_rules(now, service, DESTINATION_RULE)
    # Limits of connections hold at a waypoint too.
    idle = [rule for rule in rules if not rule["spec"].get(POLICY)]
    return [
        *select_rules(now, service, VIRTUAL_SERVICE),
        *list_others(now, service, VIRTUAL_SERVICE, wanted),
        *list_others(now, service, HTTP_ROUTE, wanted),
        *(rule for rule in idle if judge_deletion(rule) is None),
    ]


def list_others(now: Snapshot, service: str, kind: Kind, wanted: Sequence[Object]) -> list[Object]:
    """Return the rules of a kind for a service that are not called like it, nor wanted."""
    names = {service, *(get_name(obj) for obj in wanted if obj["kind"] == kind.kind)}
    return [
        rule
        for name, rule in get_rules(now, kind).items()
        if name not in names and is_rule_for(rule, service, now.app_namespace)
    ]


def list_older(now: Snapshot, service: str, wanted: Sequence[Object]) -> list[Object]:
    """Return the VirtualServices of another name that are older than the wanted one, or there
    before it.
    """
    others = list_others(now, service, VIRTUAL_SERVICE, wanted)
    name = next((get_name(obj) for obj in wanted if obj["kind"] == VIRTUAL_SERVICE.kind), service)
    own = now.virtual_services.get(name)
    if own is None or not is_rule_for(own, service, now.app_namespace):
        return others
    return [rule for rule in others if get_age(rule) < get_age(own)]


def explain_conflicts(
    conflicting: Sequence[Object], service: str, wanted: Sequence[Object]
) -> list[Text]:
    """Return why each rule of others that has another name than the service must go."""
    kinds = {obj["kind"] for obj in wanted}
    return [
        explain_conflict(rule, service, mixed=rule["kind"] not in kinds)
        for rule in conflicting
        if get_name(rule) != service and rule["kind"] != DESTINATION_RULE.kind
    ]


def explain_conflict(rule: Object, service: str, *, mixed: bool) -> Text:
    """Return why a rule must go: it is `mixed` when the new rules are of another kind."""
    name = describe_object(rule)
    if mixed:
        return Text(
            "`cause: rules-mixed` {rule} is for requests to {service} too: a VirtualService and an "
            "HTTPRoute for one Service are not supported together.",
            rule=name,
            service=service,
        )
    if rule["kind"] == HTTP_ROUTE.kind:
        return Text(
            "{rule} is for requests to {service} too, and some would go by it.",
            rule=name,
            service=service,
        )
    return Text(
        "`cause: virtualservices-collide` {rule} is for requests to {service} too, and older: "
        "beside it a new one is not obeyed.",
        rule=name,
        service=service,
    )
