"""Routes, faults and weights for Bookinfo, as objects for one namespace; and the data path
that its traffic takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from bot.kinds import DESTINATION_RULE, HTTP_ROUTE, VIRTUAL_SERVICE, Kind, Object
from bot.knowledge.objects.mesh_pods import has_sidecar
from bot.knowledge.objects.workloads import get_labels
from bot.knowledge.snapshot import Snapshot

VERSIONS = ("v1", "v2", "v3")
"""The versions of reviews; only v2 and v3 ask ratings (Bookinfo 1.20)."""
PORT = 9080
OPEN: tuple[Object, ...] = (
    {},
    {"uri": {"prefix": "/"}},
    {"path": {"type": "PathPrefix", "value": "/"}},
)
"""Matches that take every request; the last is what an HTTPRoute without matches gets from the API
server."""


class DataPath(StrEnum):
    """Proxy that decides over a request between the application's services."""

    SIDECAR = "sidecar"
    WAYPOINT = "waypoint"
    L4 = "ztunnel"
    NONE = "none"


def find_data_path(now: Snapshot) -> DataPath:
    """Return where rules for the application's services take effect: ztunnel alone does not
    parse HTTP.
    """
    if "istio.io/use-waypoint" in now.app_labels and any(map(is_waypoint, now.gateways.values())):
        return DataPath.WAYPOINT
    callers = [pod for pod in now.app_pods if get_labels(pod).get("app") == "productpage"]
    if callers and all(map(has_sidecar, callers)):
        return DataPath.SIDECAR
    return (
        DataPath.L4 if now.app_labels.get("istio.io/dataplane-mode") == "ambient" else DataPath.NONE
    )


def is_waypoint(gateway: Object) -> bool:
    """Tell whether a Gateway is a waypoint's."""
    return bool(gateway["spec"].get("gatewayClassName") == "istio-waypoint")


def build_object(kind: Kind, name: str, namespace: str, spec: Object) -> Object:
    """Return an object of that kind with its name, namespace and spec."""
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, "spec": spec}


def get_host_name(service: str, namespace: str) -> str:
    """Return a service's full DNS name, so that a rule means the same in any namespace."""
    return f"{service}.{namespace}.svc.cluster.local"


def build_destination_rule(service: str, namespace: str, versions: Sequence[str]) -> Object:
    """Return a DestinationRule with a subset for each version label."""
    subsets = [{"name": v, "labels": {"version": v}} for v in versions]
    return build_object(
        DESTINATION_RULE,
        service,
        namespace,
        {"host": get_host_name(service, namespace), "subsets": subsets},
    )


def build_destination(service: str, namespace: str, subset: str, **more: object) -> Object:
    """Return a route's destination in a VirtualService."""
    return {"destination": {"host": get_host_name(service, namespace), "subset": subset}, **more}


def build_user_match(user: str) -> list[Object]:
    """Return a VirtualService's match on the header that productpage sends for a user who is
    logged in.
    """
    return [{"headers": {"end-user": {"exact": user}}}]


def build_virtual_service(service: str, namespace: str, http: Sequence[Object]) -> Object:
    """Return a VirtualService with HTTP rules for one service."""
    return build_object(
        VIRTUAL_SERVICE,
        service,
        namespace,
        {"hosts": [get_host_name(service, namespace)], "http": list(http)},
    )


def build_http_route(service: str, namespace: str, rules: Sequence[Object]) -> Object:
    """Return an HTTPRoute with rules for one service; version Services stand for subsets."""
    parent = {"group": "", "kind": "Service", "name": service, "port": PORT}
    return build_object(
        HTTP_ROUTE, service, namespace, {"parentRefs": [parent], "rules": list(rules)}
    )


def build_backend_ref(service: str, **more: object) -> Object:
    """Return a backend of an HTTPRoute."""
    return {"name": service, "port": PORT, **more}


def build_header_match(user: str) -> list[Object]:
    """Return an HTTPRoute's match on the user's header."""
    return [{"headers": [{"name": "end-user", "value": user}]}]


def build_user_route(path: DataPath, namespace: str, user: str, version: str) -> list[Object]:
    """Return the objects that send one user to a version of reviews, everybody else to v1, in
    order of application.
    """
    if path is DataPath.WAYPOINT:
        rules = [
            {
                "matches": build_header_match(user),
                "backendRefs": [build_backend_ref(f"reviews-{version}")],
            },
            {"backendRefs": [build_backend_ref("reviews-v1")]},
        ]
        return [build_http_route("reviews", namespace, rules)]
    http: list[Object] = [
        {
            "match": build_user_match(user),
            "route": [build_destination("reviews", namespace, version)],
        },
        {"route": [build_destination("reviews", namespace, "v1")]},
    ]
    return [
        build_destination_rule("reviews", namespace, VERSIONS),
        build_virtual_service("reviews", namespace, http),
    ]


def build_weighted_route(
    path: DataPath, namespace: str, weights: Mapping[str, int], before: Sequence[Object] = ()
) -> list[Object]:
    """Return the objects that split requests to reviews by version: all of them, or those that the
    rules `before` leave.
    """
    if path is DataPath.WAYPOINT:
        refs = [
            build_backend_ref(f"reviews-{version}", weight=weight)
            for version, weight in weights.items()
        ]
        return [build_http_route("reviews", namespace, [*before, {"backendRefs": refs}])]
    route = [
        build_destination("reviews", namespace, version, weight=weight)
        for version, weight in weights.items()
    ]
    http = [*before, {"route": route}]
    rule = build_destination_rule("reviews", namespace, VERSIONS)
    return [rule, build_virtual_service("reviews", namespace, http)]


def build_user_fault(path: DataPath, namespace: str, user: str, fault: Object) -> list[Object]:
    """Return the objects of a fault for one user's requests to ratings.

    Through a waypoint it is an abort with 500, by a backend of weight 0: Gateway API has no
    fault; a rule whose backends all weigh nothing answers 500 (Istio 1.23.2 and 1.30.3).
    """
    if path is DataPath.WAYPOINT:
        rules = [
            {
                "matches": build_header_match(user),
                "backendRefs": [build_backend_ref("ratings", weight=0)],
            },
            {"backendRefs": [build_backend_ref("ratings-v1")]},
        ]
        return [build_http_route("ratings", namespace, rules)]
    plain: list[Object] = [build_destination("ratings", namespace, "v1")]
    http: list[Object] = [
        {"match": build_user_match(user), "fault": fault, "route": plain},
        {"route": plain},
    ]
    return [
        build_destination_rule("ratings", namespace, ("v1",)),
        build_virtual_service("ratings", namespace, http),
    ]


def find_faulted_user(now: Snapshot) -> str:
    """Return the user whom a fault on ratings names, or ""."""
    found = [
        match.get("headers", {}).get("end-user", {}).get("exact", "")
        for rule in (now.virtual_services.get("ratings") or {"spec": {}})["spec"].get("http") or []
        for match in rule.get("match") or []
        if rule.get("fault")
    ]
    return str(found[0]) if found else ""


def find_routed_user(now: Snapshot) -> str:
    """Return the user whom the rules for reviews name first, or ""."""
    service = now.virtual_services.get("reviews") or {"spec": {}}
    route = now.routes.get("reviews") or {"spec": {}}
    users = [
        match.get("headers", {}).get("end-user", {}).get("exact")
        for rule in iterate_http_rules(service)
        for match in rule.get("match") or []
    ]
    users += [
        header.get("value")
        for rule in route["spec"].get("rules") or []
        for match in rule.get("matches") or []
        for header in match.get("headers") or []
    ]
    return str(next(filter(None, users), ""))


def find_reviews_version(now: Snapshot, user: str) -> str:
    """Return the version of reviews that the rules in force send a user to; "" when they do
    not say.
    """
    service = now.virtual_services.get("reviews")
    for rule in service["spec"].get("http") or [] if service else []:
        users = [
            m.get("headers", {}).get("end-user", {}).get("exact") for m in rule.get("match") or []
        ]
        if not users or user in users:
            subsets = {r["destination"].get("subset", "") for r in rule.get("route") or []}
            return str(subsets.pop()) if len(subsets) == 1 else ""
    route = now.routes.get("reviews")
    for rule in route["spec"].get("rules") or [] if route else []:
        values = [h.get("value") for m in rule.get("matches") or [] for h in m.get("headers") or []]
        if not values or user in values:
            names = {b["name"] for b in rule.get("backendRefs") or []}
            return str(names.pop()).removeprefix("reviews-") if len(names) == 1 else ""
    return ""


def iterate_http_rules(service: Object) -> Iterator[Any]:
    """Yield the HTTP routes of a VirtualService."""
    yield from service["spec"].get("http") or []


def takes_all(matches: Iterable[Mapping[str, Any]] | None) -> bool:
    """Tell whether a rule with these matches leaves nothing to those after it."""
    if not matches:
        return True
    return any({k: v for k, v in match.items() if k != "name" and v} in OPEN for match in matches)


def has_fault(rule: Object) -> bool:
    """Tell whether a VirtualService or an HTTPRoute lets some requests fail or wait."""
    spec = rule["spec"]
    return any(each.get("fault") for each in spec.get("http") or []) or any(
        has_no_weight(each) for each in spec.get("rules") or []
    )


def has_no_weight(rule: Object) -> bool:
    """Tell whether an HTTPRoute's rule answers 500, because no backend has any weight."""
    backends = rule.get("backendRefs") or []
    return bool(backends) and all(backend.get("weight", 1) == 0 for backend in backends)
