"""Rules for sidecars that make room when the application becomes ambient, and those that stay.

A VirtualService that sidecars obey acts again through a waypoint, and beside an HTTPRoute the two
are undefined (Istio 1.23 and 1.30). One that is bound to gateways alone has nothing to do with
sidecars, and what a DestinationRule says of connections is not about versions.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.kinds import DESTINATION_RULE, Object
from bot.knowledge.objects.conflicts import list_setters
from bot.knowledge.objects.diff import describe_object
from bot.knowledge.objects.ownership import is_own, list_foreign_owners
from bot.knowledge.routing.manifests import get_host_name
from bot.knowledge.snapshot import Snapshot
from bot.text import Listed, Text


@dataclass(frozen=True)
class RuleChanges:
    """The rules that are `removed`, what routes first, and those that are `kept`."""

    removed: tuple[Object, ...] = ()
    kept: tuple[Object, ...] = ()


def sort_rules(now: Snapshot, *, keep: bool) -> RuleChanges:
    """Return which of the namespace's rules make room; with `keep` none does."""
    services = [*now.virtual_services.values()]
    versions = [*now.destination_rules.values()]
    gone = [] if keep else [rule for rule in services if is_for_mesh_alone(rule)]
    kept = [rule for rule in services if rule not in gone]
    named = {host for rule in gone for host in list_hosts(rule, now.app_namespace)}
    needed = {host for rule in kept for host in list_hosts(rule, now.app_namespace)}
    for rule in versions:
        host = normalize_host(str(rule["spec"].get("host", "")), now.app_namespace)
        unused = host not in needed and (host in named or is_own(rule))
        displaced = not keep and unused and holds_versions_alone(rule)
        (gone if displaced else kept).append(rule)
    return RuleChanges(tuple(gone), tuple(kept))


def is_for_mesh_alone(service: Object) -> bool:
    """Tell whether a VirtualService is obeyed inside the mesh and by no gateway."""
    return set(service["spec"].get("gateways") or ["mesh"]) == {"mesh"}


def holds_versions_alone(rule: Object) -> bool:
    """Tell whether a DestinationRule defines versions and says nothing of connections."""
    spec = rule["spec"]
    subsets = spec.get("subsets") or []
    return (
        bool(subsets)
        and not spec.get("trafficPolicy")
        and not any(subset.get("trafficPolicy") for subset in subsets)
    )


def list_hosts(service: Object, namespace: str) -> set[str]:
    """Return the hosts to whose versions a VirtualService sends requests, in full."""
    spec = service["spec"]
    routes = [*(spec.get("http") or []), *(spec.get("tcp") or []), *(spec.get("tls") or [])]
    destinations = [
        each.get("destination") or {} for route in routes for each in route.get("route") or []
    ]
    mirrors = [route["mirror"] for route in routes if route.get("mirror")]
    return {
        normalize_host(str(each["host"]), namespace)
        for each in [*destinations, *mirrors]
        if each.get("host") and each.get("subset")
    }


def normalize_host(host: str, namespace: str) -> str:
    """Return a host in full: a short one is a Service of the rule's namespace."""
    return host if "." in host else get_host_name(host, namespace)


def describe_removal(rule: Object) -> Text:
    """Return that a rule goes and why, and who set it, where that was not the bot."""
    name = describe_object(rule)
    by = list_setters(rule) if list_foreign_owners(rule) or not is_own(rule) else Listed([])
    if rule["kind"] == DESTINATION_RULE.kind:
        if by:
            return Text(
                "{name} removed (set by {by}): only removed rules name its versions",
                name=name,
                by=by,
            )
        return Text("{name} removed: only removed rules name its versions", name=name)
    if by:
        return Text(
            "{name} removed (set by {by}): it is for sidecars, and ztunnel does not understand "
            "HTTP",
            name=name,
            by=by,
        )
    return Text(
        "{name} removed: it is for sidecars, and ztunnel does not understand HTTP", name=name
    )


def describe_kept(rule: Object) -> Text:
    """Return that a rule stays, and who obeys it from now on."""
    name = describe_object(rule)
    if rule["kind"] == DESTINATION_RULE.kind:
        return Text("{name} stays; ztunnel does not obey it, a waypoint would.", name=name)
    gateways = [each for each in rule["spec"].get("gateways") or [] if each != "mesh"]
    if gateways:
        return Text(
            "{name} stays: it is bound to {gateways}.", name=name, gateways=Listed(gateways)
        )
    return Text("{name} stays; nothing obeys it until there is a waypoint.", name=name)
