"""Time limits, tries and limits of connections that stay when a service's rules are rewritten.

They concern every request to a Service, whatever the rules beside them send where. A step that
rewrites rules of the bot's own keeps them; those of others are not kept unasked, for their objects
are replaced as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bot.kinds import DESTINATION_RULE, HTTP_ROUTE, VIRTUAL_SERVICE, Object
from bot.knowledge.objects.conflicts import judge_deletion
from bot.knowledge.objects.workloads import get_name
from bot.knowledge.routing.manifests import (
    DataPath,
    build_backend_ref,
    build_http_route,
    build_object,
    build_virtual_service,
    get_host_name,
)
from bot.knowledge.snapshot import Snapshot

SETTINGS = {VIRTUAL_SERVICE.kind: ("timeout", "retries"), HTTP_ROUTE.kind: ("timeouts",)}
"""What a rule may say of all its requests, by the kind of its object."""
PLACES = {VIRTUAL_SERVICE.kind: "http", HTTP_ROUTE.kind: "rules"}
POLICY = "trafficPolicy"


def list_entries(obj: Object) -> list[Object]:
    """Return the HTTP rules of a VirtualService or an HTTPRoute."""
    return list(obj["spec"].get(PLACES[obj["kind"]]) or [])


def read_settings(obj: Object) -> Object:
    """Return what the first rule that says anything says of all its requests."""
    names = SETTINGS[obj["kind"]]
    for entry in list_entries(obj):
        if found := {name: entry[name] for name in names if entry.get(name)}:
            return found
    return {}


def change_settings(obj: Object, settings: Mapping[str, object]) -> Object:
    """Return a VirtualService or an HTTPRoute with these settings in every rule; a None removes
    one.
    """
    entries = [
        {key: value for key, value in (entry | dict(settings)).items() if value is not None}
        for entry in list_entries(obj)
    ]
    return obj | {"spec": obj["spec"] | {PLACES[obj["kind"]]: entries}}


def find_live(now: Snapshot, obj: Object) -> Object | None:
    """Return the object that stands in a rule's place, where all of it is the bot's."""
    by_kind = {
        VIRTUAL_SERVICE.kind: now.virtual_services,
        HTTP_ROUTE.kind: now.routes,
        DESTINATION_RULE.kind: now.destination_rules,
    }
    live = by_kind[obj["kind"]].get(get_name(obj))
    return live if live is not None and judge_deletion(live) is None else None


def keep_settings(now: Snapshot, objects: Iterable[Object]) -> list[Object]:
    """Return rules with the settings that the bot's own objects in their place have already."""
    return [keep_own_settings(now, obj) for obj in objects]


def keep_own_settings(now: Snapshot, obj: Object) -> Object:
    """Return one rule with the settings of the bot's own object in its place."""
    live = find_live(now, obj)
    if live is None:
        return obj
    if obj["kind"] == DESTINATION_RULE.kind:
        policy = live["spec"].get(POLICY)
        return obj | {"spec": obj["spec"] | {POLICY: policy}} if policy else obj
    return change_settings(obj, read_settings(live))


def build_plain_rule(path: DataPath, service: str, namespace: str) -> Object:
    """Return a rule for all requests to a Service that decides nothing yet."""
    if path is DataPath.WAYPOINT:
        return build_http_route(service, namespace, [{"backendRefs": [build_backend_ref(service)]}])
    route = [{"destination": {"host": get_host_name(service, namespace)}}]
    return build_virtual_service(service, namespace, [{"route": route}])


def is_plain(obj: Object) -> bool:
    """Tell whether a rule decides nothing: everybody gets any version, and no fault."""
    service = get_name(obj)
    for entry in list_entries(obj):
        if set(entry) - {"name", "matches", "route", "backendRefs", *SETTINGS[obj["kind"]]}:
            return False
        hosts = [to.get("destination") or {} for to in entry.get("route") or []]
        names = [ref.get("name") for ref in entry.get("backendRefs") or []]
        weights = [ref.get("weight", 1) for ref in entry.get("backendRefs") or []]
        if any("subset" in host for host in hosts) or 0 in weights:
            return False
        if any(name != service for name in names):
            return False
    return len(list_entries(obj)) < 2


def list_left_rules(now: Snapshot, removed: Sequence[Object]) -> list[Object]:
    """Return what is to stand in the place of rules that go: just their settings, where they are
    the bot's own.
    """
    left = []
    for obj in removed:
        live, service, namespace = find_live(now, obj), get_name(obj), now.app_namespace
        if live is None:
            continue
        if obj["kind"] == DESTINATION_RULE.kind:
            if policy := live["spec"].get(POLICY):
                spec = {"host": live["spec"]["host"], POLICY: policy}
                left.append(build_object(DESTINATION_RULE, service, namespace, spec))
        elif settings := read_settings(live):
            kind_path = DataPath.WAYPOINT if obj["kind"] == HTTP_ROUTE.kind else DataPath.SIDECAR
            plain = build_plain_rule(kind_path, service, namespace)
            left.append(change_settings(plain, settings))
    return left
