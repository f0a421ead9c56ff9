"""Rules as Istio reads them: by host and reach, never by an object's name.

Short hosts belong to the rule's own namespace, a host with a dot is taken as it is (Istio 1.23 and
1.30), `gateways` says whether callers inside see a VirtualService, `exportTo` who sees it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.diagnosis.delegates import expand_delegates
from bot.diagnosis.mesh_state import CALLS, CLUSTER_DOMAIN, NamespaceState
from bot.diagnosis.object_facts import matches_labels
from bot.diagnosis.rule_fields import is_open_match, keep_striking
from bot.diagnosis.service_ports import list_selected_pods
from bot.kinds import (
    DESTINATION_RULE,
    HTTP_ROUTE,
    SERVICE,
    SERVICE_ENTRY,
    VIRTUAL_SERVICE,
    Object,
)
from bot.knowledge.objects.workloads import get_labels, get_name
from bot.knowledge.routing.manifests import has_no_weight, takes_all

USER_HEADER = "end-user"
"""The header that productpage sends for a user who is logged in (Bookinfo 1.20)."""


@dataclass(frozen=True)
class Destination:
    """Where a rule sends requests: the host as written, what it resolves to, and the subset."""

    host: str
    service: str
    namespace: str
    subset: str = ""
    weight: int | None = None
    port: int | None = None


@dataclass(frozen=True)
class HttpRule:
    """One rule of a VirtualService or an HTTPRoute, in order.

    `users` are the exact values of the header end-user that it matches, () when it asks for none;
    `patterns` the beginnings and expressions that it asks for instead. `catches_all`: nothing is
    left for the rules after it. `fault` is what of a VirtualService's fault strikes;
    for an HTTPRoute, whose backends all weigh nothing, an abort with 500.
    """

    owner: Object
    index: int
    users: tuple[str, ...]
    other_headers: tuple[str, ...]
    catches_all: bool
    destinations: tuple[Destination, ...]
    fault: Object
    patterns: tuple[str, ...] = ()


def get_cluster_domain(state: NamespaceState) -> str:
    """Return the cluster's domain, from istiod's argument `--domain`."""
    for istiod in state.shared.istiods:
        for container in istiod["spec"]["template"]["spec"].get("containers") or []:
            arguments = [str(a) for a in container.get("args") or []]
            for before, after in zip(arguments, [*arguments[1:], ""], strict=True):
                if before == "--domain" and after:
                    return after
                if before.startswith("--domain="):
                    return before.partition("=")[2]
    return CLUSTER_DOMAIN


def resolve_host(state: NamespaceState, host: str, namespace: str) -> tuple[str, str] | None:
    """Return the (Service, namespace) that a host in a rule names; None when it is none's name.

    Only a name without a dot is completed with the rule's namespace.
    """
    if "." not in host:
        return (host, namespace) if host and host != "*" else None
    domain = f".svc.{get_cluster_domain(state)}"
    if not host.endswith(domain):
        return None
    name, _, place = host.removesuffix(domain).partition(".")
    return (name, place) if name and place and name != "*" else None


def service_exists(state: NamespaceState, service: str, namespace: str) -> bool:
    """Tell whether a Service exists; those of namespaces that were not read count as existing."""
    if any(
        get_name(s) == service for s in state.cluster.by_namespace.get((SERVICE, namespace), [])
    ):
        return True
    read = {state.namespace, state.cluster.mesh_namespace}
    return namespace not in read and (namespace, service) not in state.cluster.missing_services


def is_registered(state: NamespaceState, host: str) -> bool:
    """Tell whether a ServiceEntry has this host, also by a wildcard."""
    hosts = {
        str(each)
        for entry in state.cluster.list_all(SERVICE_ENTRY)
        for each in entry["spec"].get("hosts") or []
    }
    return host in hosts or any(h.startswith("*") and host.endswith(h[1:]) for h in hosts)


def is_visible(state: NamespaceState, rule: Object) -> bool:
    """Tell whether a rule is exported to the namespace."""
    export, home = rule["spec"].get("exportTo") or ["*"], rule["metadata"].get("namespace", "")
    return "*" in export or state.namespace in export or ("." in export and home == state.namespace)


def reaches_mesh(service: Object) -> bool:
    """Tell whether callers inside the mesh see a VirtualService, by its gateways."""
    gateways = service["spec"].get("gateways") or ["mesh"]
    return "mesh" in gateways


def list_virtual_services(state: NamespaceState, service: str) -> list[Object]:
    """Return the VirtualServices for a Service of the namespace that its callers see.

    The oldest first, which is the one that sidecars obey. Those with a wildcard count where none
    names the Service, and of them those with the longest (Istio 1.23 and 1.30).
    """
    seen = [
        vs
        for vs in state.cluster.list_all(VIRTUAL_SERVICE)
        if reaches_mesh(vs) and is_visible(state, vs)
    ]
    found = [vs for vs in seen if names_service(state, vs, service)]
    if not found:
        widths = [measure_wildcard(state, vs, service) for vs in seen]
        best = max(widths, default=0)
        found = [vs for vs, width in zip(seen, widths, strict=True) if width and width == best]
    return sorted(found, key=order_by_age)


def measure_wildcard(state: NamespaceState, virtual_service: Object, service: str) -> int:
    """Return the length of the longest wildcard of a VirtualService that fits a Service, or 0.

    `*` alone is for gateways: istiod refuses it for the mesh.
    """
    full = f"{service}.{state.namespace}.svc.{get_cluster_domain(state)}"
    hosts = [str(host) for host in virtual_service["spec"].get("hosts") or []]
    fits = (h for h in hosts if len(h) > 1 and h.startswith("*") and full.endswith(h[1:]))
    return max((len(host) for host in fits), default=0)


def order_by_age(obj: Object) -> tuple[str, str, str]:
    """Return the key by which istiod sorts configuration: creation, then name, then namespace."""
    meta = obj["metadata"]
    return str(meta.get("creationTimestamp", "")), get_name(obj), str(meta.get("namespace", ""))


def names_service(state: NamespaceState, virtual_service: Object, service: str) -> bool:
    """Tell whether a host of a VirtualService is that Service of the namespace."""
    home = virtual_service["metadata"].get("namespace", "")
    target = (service, state.namespace)
    return any(
        resolve_host(state, str(host), home) == target
        for host in virtual_service["spec"].get("hosts") or []
    )


def list_routes_between(state: NamespaceState, service: str) -> list[Object]:
    """Return the HTTPRoutes of any name that are attached to a Service of the namespace."""
    return [
        route
        for route in state.cluster.list_all(HTTP_ROUTE)
        for parent in route["spec"].get("parentRefs") or []
        if parent.get("kind") == "Service"
        and parent.get("name") == service
        and (parent.get("namespace") or route["metadata"].get("namespace")) == state.namespace
    ]


def list_rules(state: NamespaceState, owner: Object) -> list[HttpRule]:
    """Return the HTTP rules of a VirtualService, with those of its delegates, or of an
    HTTPRoute."""
    if owner.get("kind") == "HTTPRoute":
        return [
            read_route_rule(owner, number, rule)
            for number, rule in enumerate(owner["spec"].get("rules") or [])
        ]
    owner = expand_delegates(state.cluster, owner, get_cluster_domain(state))
    return [
        read_virtual_rule(state, owner, number, rule)
        for number, rule in enumerate(owner["spec"].get("http") or [])
    ]


def read_virtual_rule(state: NamespaceState, owner: Object, number: int, rule: Object) -> HttpRule:
    """Return one rule of a VirtualService."""
    matches = rule.get("match") or []
    headers = [pair for match in matches for pair in (match.get("headers") or {}).items()]
    told = [condition or {} for name, condition in headers if name.lower() == USER_HEADER]
    users = [str(each["exact"]) for each in told if "exact" in each]
    patterns = [f"{way} {value}" for each in told for way, value in each.items() if way != "exact"]
    others = [name for name, _ in headers if name.lower() != USER_HEADER]
    home = owner["metadata"].get("namespace", "")
    destinations = tuple(read_destination(state, route, home) for route in rule.get("route") or [])
    hosts = [str(host).partition(".")[0] for host in owner["spec"].get("hosts") or []]
    all_of_it = not matches or any(is_open_match(match, hosts) for match in matches)
    fault = keep_striking(rule.get("fault") or {})
    return HttpRule(
        *(owner, number, tuple(users), tuple(others), all_of_it, destinations, fault),
        tuple(patterns),
    )


def list_copies(state: NamespaceState, rule: HttpRule) -> list[Destination]:
    """Return where a rule of a VirtualService sends copies of requests."""
    if rule.owner.get("kind") == "HTTPRoute":
        return []
    entry, home = rule.owner["spec"]["http"][rule.index], rule.owner["metadata"].get("namespace")
    told = [{"destination": entry["mirror"]}] if entry.get("mirror") else []
    return [read_destination(state, each, home) for each in (*told, *(entry.get("mirrors") or []))]


def read_destination(state: NamespaceState, route: Object, home: str) -> Destination:
    """Return one destination of a VirtualService's rule."""
    told = route.get("destination") or {}
    host = str(told.get("host", ""))
    service, namespace = resolve_host(state, host, home) or ("", "")
    return Destination(
        host,
        service,
        namespace,
        str(told.get("subset") or ""),
        route.get("weight"),
        (told.get("port") or {}).get("number"),
    )


def read_route_rule(owner: Object, number: int, rule: Object) -> HttpRule:
    """Return one rule of an HTTPRoute."""
    matches, home = rule.get("matches") or [], owner["metadata"].get("namespace", "")
    headers = [h for match in matches for h in match.get("headers") or []]
    told = [h for h in headers if str(h.get("name")).lower() == USER_HEADER]
    users = [str(h.get("value")) for h in told if h.get("type") != "RegularExpression"]
    patterns = [f"regex {h.get('value')}" for h in told if h.get("type") == "RegularExpression"]
    others = [str(h.get("name")) for h in headers if str(h.get("name")).lower() != USER_HEADER]
    destinations = tuple(
        Destination(
            str(ref.get("name")),
            str(ref.get("name")),
            str(ref.get("namespace") or home),
            weight=ref.get("weight"),
            port=ref.get("port"),
        )
        for ref in rule.get("backendRefs") or []
        if ref.get("kind", "Service") == "Service"
    )
    fault = {"abort": {"httpStatus": 500}} if has_no_weight(rule) else {}
    # The order of an HTTPRoute's rules does not matter: the most specific match goes first.
    # To a rule without matches the API server gives the one for every path.
    return HttpRule(
        *(owner, number, tuple(users), tuple(others), takes_all(matches), destinations, fault),
        tuple(patterns),
    )


def list_rules_in_force(state: NamespaceState, service: str) -> list[HttpRule]:
    """Return the rules that decide over requests to a Service of the namespace, the first first.

    HTTPRoutes go before VirtualServices, whichever is older (measured, Istio 1.23.2 and 1.30.3);
    of several VirtualServices the oldest counts, and of several HTTPRoutes with the same match the
    oldest too (Gateway API). A rule behind one that catches all never acts.
    """
    if routes := list_routes_between(state, service):
        oldest = sorted(routes, key=order_by_age)
        rules = [rule for route in oldest for rule in list_rules(state, route)]
        return sorted(rules, key=lambda rule: rule.catches_all)
    for virtual_service in list_virtual_services(state, service)[:1]:
        return cut_after_catch_all(list_rules(state, virtual_service))
    return []


def cut_after_catch_all(rules: Sequence[HttpRule]) -> list[HttpRule]:
    """Return the rules up to the first that leaves nothing for others."""
    found = []
    for rule in rules:
        found.append(rule)
        if rule.catches_all:
            break
    return found


def list_subsets(state: NamespaceState, service: str, namespace: str) -> dict[str, dict[str, str]]:
    """Return the subsets that DestinationRules define for a Service, with their labels."""
    return {
        str(subset.get("name")): subset.get("labels") or {}
        for rule in list_destination_rules(state, service, namespace)
        for subset in rule["spec"].get("subsets") or []
    }


def list_destination_rules(state: NamespaceState, service: str, namespace: str) -> list[Object]:
    """Return the DestinationRules for a Service that callers of the namespace see.

    They are looked for in the caller's namespace, the Service's, and the mesh's.
    """
    full = f"{service}.{namespace}.svc.{get_cluster_domain(state)}"
    places = {state.namespace, namespace, state.cluster.mesh_namespace}
    found = []
    for rule in state.cluster.list_all(DESTINATION_RULE):
        host, home = str(rule["spec"].get("host", "")), rule["metadata"].get("namespace", "")
        fits = resolve_host(state, host, home) == (service, namespace) or (
            host.startswith("*") and full.endswith(host[1:])
        )
        seen = is_visible(state, rule) and is_for_callers(state, rule, service)
        if fits and home in places and seen:
            found.append(rule)
    return found


def is_for_callers(state: NamespaceState, rule: Object, service: str) -> bool:
    """Tell whether a DestinationRule is for a Service's callers, where it selects workloads."""
    labels = (rule["spec"].get("workloadSelector") or {}).get("matchLabels")
    callers = {caller for caller, callee in CALLS if callee == service}
    return (
        not labels
        or not callers
        or any(
            matches_labels(labels, get_labels(pod))
            for pod in state.pods
            if get_labels(pod).get("app") in callers
        )
    )


def list_obeyed_rules(state: NamespaceState, service: str) -> list[Object]:
    """Return the DestinationRules that callers of the namespace obey for one of its Services.

    Those of the first namespace that has any count, and of them those with the narrowest host
    (Istio 1.23 and 1.30): the caller's and the Service's is one here, then the mesh's.
    """
    found = list_destination_rules(state, service, state.namespace)
    for place in (state.namespace, state.cluster.mesh_namespace):
        if near := [r for r in found if r["metadata"].get("namespace") == place]:
            hosts = [str(r["spec"].get("host", "")) for r in near]
            # A name goes before a wildcard, and a longer wildcard before a shorter one.
            best = max(
                (not host.startswith("*"), host.startswith("*") and len(host)) for host in hosts
            )
            return [
                r
                for r, host in zip(near, hosts, strict=True)
                if (not host.startswith("*"), host.startswith("*") and len(host)) == best
            ]
    return []


def list_versions(state: NamespaceState, destination: Destination) -> set[str]:
    """Return the versions (label `version`) of the pods that a destination leads to."""
    service = state.services.get(destination.service)
    if service is None:
        return set()
    labels: dict[str, str] = {}
    if destination.subset:
        subsets = list_subsets(state, destination.service, destination.namespace)
        labels = subsets.get(destination.subset, {"version": destination.subset})
    return {
        get_labels(pod).get("version", "")
        for pod in list_selected_pods(state, service)
        if not labels or matches_labels(labels, get_labels(pod))
    }


def list_used_destinations(
    state: NamespaceState, *services: str
) -> Iterator[tuple[HttpRule, Destination]]:
    """Yield the destinations that requests to the namespace's Services, or to those named, are
    sent to by rules."""
    for service in services or state.services:
        for rule in list_rules_in_force(state, service):
            total = sum(d.weight or 0 for d in rule.destinations)
            for destination in rule.destinations:
                # A destination without weight gets nothing where the others have some.
                if not (total and destination.weight == 0):
                    yield rule, destination


def list_mesh_routes(state: NamespaceState) -> list[Object]:
    """Return the namespace's HTTPRoutes between services."""
    return [
        r
        for r in state.list_own(HTTP_ROUTE)
        if any(p.get("kind") == "Service" for p in r["spec"].get("parentRefs") or [])
    ]
