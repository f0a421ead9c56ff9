"""Routes, faults and weights for Bookinfo, as objects for one namespace; and through what its traffic goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from bot.kinds import DESTINATION_RULE, HTTP_ROUTE, VIRTUAL_SERVICE, Kind, Object
from bot.knowledge.snapshot import Snapshot
from bot.knowledge.workloads import labels

VERSIONS = ("v1", "v2", "v3")
"""The versions of reviews; only v2 and v3 ask ratings (Bookinfo 1.20)."""
PORT = 9080


class Path(StrEnum):
    """What decides over a request between the application's services."""

    SIDECAR = "sidecars"
    WAYPOINT = "the waypoint"
    L4 = "ztunnel"
    NONE = "nothing of the mesh"


def path_of(now: Snapshot) -> Path:
    """Where rules for the application's services take effect: ztunnel alone knows nothing of HTTP."""
    if "istio.io/use-waypoint" in now.app_labels and any(map(is_waypoint, now.gateways.values())):
        return Path.WAYPOINT
    callers = [pod for pod in now.app_pods if labels(pod).get("app") == "productpage"]
    if callers and all("sidecar.istio.io/status" in (p["metadata"].get("annotations") or {}) for p in callers):
        return Path.SIDECAR
    return Path.L4 if now.app_labels.get("istio.io/dataplane-mode") == "ambient" else Path.NONE


def is_waypoint(gateway: Object) -> bool:
    """True for a waypoint's Gateway."""
    return bool(gateway["spec"].get("gatewayClassName") == "istio-waypoint")


def named(kind: Kind, name: str, namespace: str, spec: Object) -> Object:
    """An object of the workshop's."""
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, "spec": spec}


def host(service: str, namespace: str) -> str:
    """A service's full name, so that a rule means the same wherever it lies."""
    return f"{service}.{namespace}.svc.cluster.local"


def destination_rule(service: str, namespace: str, versions: Sequence[str]) -> Object:
    """Subsets by version label."""
    subsets = [{"name": v, "labels": {"version": v}} for v in versions]
    return named(DESTINATION_RULE, service, namespace, {"host": host(service, namespace), "subsets": subsets})


def to_subset(service: str, namespace: str, subset: str, **more: object) -> Object:
    """A route's destination in a VirtualService."""
    return {"destination": {"host": host(service, namespace), "subset": subset}, **more}


def matches(user: str) -> list[Object]:
    """A VirtualService's match on the header that productpage sends for a user who is logged in."""
    return [{"headers": {"end-user": {"exact": user}}}]


def virtual_service(service: str, namespace: str, http: Sequence[Object]) -> Object:
    """Rules for one service."""
    return named(VIRTUAL_SERVICE, service, namespace, {"hosts": [host(service, namespace)], "http": list(http)})


def http_route(service: str, namespace: str, rules: Sequence[Object]) -> Object:
    """Rules for one service as Gateway API says them; version Services stand for subsets."""
    parent = {"group": "", "kind": "Service", "name": service, "port": PORT}
    return named(HTTP_ROUTE, service, namespace, {"parentRefs": [parent], "rules": list(rules)})


def backend(service: str, **more: object) -> Object:
    """A backend of an HTTPRoute."""
    return {"name": service, "port": PORT, **more}


def header(user: str) -> list[Object]:
    """An HTTPRoute's match on the user's header."""
    return [{"headers": [{"name": "end-user", "value": user}]}]


def route_for(path: Path, namespace: str, user: str, version: str) -> list[Object]:
    """One user to a version of reviews, everybody else to v1; what must be there first comes first."""
    if path is Path.WAYPOINT:
        rules = [
            {"matches": header(user), "backendRefs": [backend(f"reviews-{version}")]},
            {"backendRefs": [backend("reviews-v1")]},
        ]
        return [http_route("reviews", namespace, rules)]
    http: list[Object] = [
        {"match": matches(user), "route": [to_subset("reviews", namespace, version)]},
        {"route": [to_subset("reviews", namespace, "v1")]},
    ]
    return [destination_rule("reviews", namespace, VERSIONS), virtual_service("reviews", namespace, http)]


def weights_for(path: Path, namespace: str, weights: Mapping[str, int]) -> list[Object]:
    """Shares of all requests to reviews, by version."""
    if path is Path.WAYPOINT:
        refs = [backend(f"reviews-{version}", weight=weight) for version, weight in weights.items()]
        return [http_route("reviews", namespace, [{"backendRefs": refs}])]
    route = [to_subset("reviews", namespace, version, weight=weight) for version, weight in weights.items()]
    rule = destination_rule("reviews", namespace, VERSIONS)
    return [rule, virtual_service("reviews", namespace, [{"route": route}])]


def fault_for(path: Path, namespace: str, user: str, fault: Object) -> list[Object]:
    """A fault for one user's requests to ratings. Through a waypoint: an abort with 500, by a backend of weight 0.

    Gateway API has no fault; a rule whose backends all weigh nothing answers 500 (Istio 1.23.2 and 1.30.3).
    """
    if path is Path.WAYPOINT:
        rules = [
            {"matches": header(user), "backendRefs": [backend("ratings", weight=0)]},
            {"backendRefs": [backend("ratings-v1")]},
        ]
        return [http_route("ratings", namespace, rules)]
    plain: list[Object] = [to_subset("ratings", namespace, "v1")]
    http: list[Object] = [{"match": matches(user), "fault": fault, "route": plain}, {"route": plain}]
    return [destination_rule("ratings", namespace, ("v1",)), virtual_service("ratings", namespace, http)]


def faulted(now: Snapshot) -> str:
    """The user whom a fault on ratings names, or ""."""
    found = [
        match.get("headers", {}).get("end-user", {}).get("exact", "")
        for rule in (now.virtual_services.get("ratings") or {"spec": {}})["spec"].get("http") or []
        for match in rule.get("match") or []
        if rule.get("fault")
    ]
    return str(found[0]) if found else ""


def reviews_of(now: Snapshot, user: str) -> str:
    """The version of reviews that the rules in force send a user to; "" when they do not say."""
    service = now.virtual_services.get("reviews")
    for rule in service["spec"].get("http") or [] if service else []:
        users = [m.get("headers", {}).get("end-user", {}).get("exact") for m in rule.get("match") or []]
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
