"""Causes in waypoints: who uses one, whether it is there, and what it obeys."""

from __future__ import annotations

from collections.abc import Iterator

from bot.diagnosis.cause import Cause, CauseKind, Finding, Fix, Subject
from bot.diagnosis.facts import describe, list_words, show_field, show_label
from bot.diagnosis.gateway_pods import build_unready_finding, find_deployment, list_edge_gateways
from bot.diagnosis.mesh_rules import list_routes_between, list_virtual_services
from bot.diagnosis.mesh_state import APPS, USE_WAYPOINT, NamespaceState, get_age
from bot.diagnosis.object_facts import count_available, is_waypoint
from bot.diagnosis.waypoint_binding import (
    FOR,
    admits_services,
    find_label_holder,
    find_traffic_holder,
    find_waypoint,
    find_waypoint_pod,
    get_waypoint_name,
    get_waypoint_place,
    is_bound,
    serves_services,
)
from bot.kinds import DEPLOYMENT, GATEWAY, Object
from bot.knowledge.objects.workloads import get_labels, get_name
from bot.text import Text, verbatim

HBONE = 15008
"""The port of its Service at which ztunnel asks a waypoint (Istio 1.23 and 1.30)."""


def find_missing(state: NamespaceState) -> Iterator[Finding]:
    """Yield labels that name a waypoint which is not there."""
    holders = [h for h in (state.object, *state.services.values()) if h is not None]
    for holder in holders:
        name = get_labels(holder).get(USE_WAYPOINT, "")
        if name in ("", "none") or find_waypoint(state, name, holder) is not None:
            continue
        place = get_waypoint_place(state, holder)
        other = find_gateway_named(state, name, place)
        shared = (state.labels.get(USE_WAYPOINT), get_waypoint_place(state, state.object))
        if holder.get("kind") == "Service" and (name, get_waypoint_place(state, holder)) == shared:
            continue
        if not state.is_ambient and not state.captured:
            continue
        yield Finding(
            Text(
                "{holder} names waypoint {name}, and there is no such Gateway.",
                holder=describe(holder),
                name=name if place == state.namespace else f"{place}/{name}",
            )
            if other is None
            else Text(
                "{holder} names waypoint {name}, which is a Gateway of class {class_name} and no "
                "waypoint.",
                holder=describe(holder),
                name=name,
                class_name=str(other["spec"].get("gatewayClassName")),
            ),
            (show_label(holder, USE_WAYPOINT), show_waypoints(state, place)),
            Fix(command="waypoint"),
            frozenset({f"Gateway/{name}"}),
        )


def find_gateway_named(state: NamespaceState, name: str, place: str) -> Object | None:
    """Return the Gateway of that name in a namespace, whatever its class, or None."""
    gateways = state.cluster.by_namespace.get((GATEWAY, place), [])
    return next((g for g in gateways if get_name(g) == name), None)


def show_waypoints(state: NamespaceState, place: str) -> Text:
    """Return which waypoints a namespace has."""
    gateways = state.cluster.by_namespace.get((GATEWAY, place), [])
    return Text(
        "waypoints of {namespace}: {names}",
        namespace=place,
        names=list_words([get_name(g) for g in gateways if is_waypoint(g)]),
    )


def find_not_admitted(state: NamespaceState) -> Iterator[Finding]:
    """Yield a waypoint in another namespace whose listener takes no Services of this one."""
    for service in (each for each in APPS if each in state.services):
        holder = find_label_holder(state, service)
        waypoint = find_waypoint(state, get_waypoint_name(state, service), holder)
        if waypoint is None or holder is None or admits_services(state, waypoint):
            continue
        name, home = get_name(waypoint), waypoint["metadata"]["namespace"]
        yield Finding(
            Text(
                "{holder} names waypoint {name}, which does not take Services of {namespace}.",
                holder=describe(holder),
                name=f"{home}/{name}",
                namespace=state.namespace,
            ),
            (
                show_label(holder, USE_WAYPOINT),
                Text(
                    "no listener of {gateway} has allowedRoutes.namespaces for {namespace}",
                    gateway=describe(waypoint),
                    namespace=state.namespace,
                ),
                *show_binding(state, service),
            ),
            Fix(line=f"kubectl edit gateways.gateway.networking.k8s.io {name} -n {home}"),
            frozenset({f"Service/{s}" for s in APPS}),
        )
        return


def find_not_enrolled(state: NamespaceState) -> Iterator[Finding]:
    """Yield that a waypoint is there, and the namespace, or a Service of it, does not use it."""
    if state.is_ambient or state.captured:
        yield from find_not_admitted(state)
    if not state.waypoints or state.object is None or not (state.is_ambient or state.captured):
        return
    name = state.labels.get(USE_WAYPOINT, "")
    outside = [s for s in APPS if s in state.services and not get_waypoint_name(state, s)]
    if not outside:
        return
    whole = name in ("", "none")
    holder = state.object if whole else state.services[outside[0]]
    yield Finding(
        Text(
            "Waypoint {name} is there, and {namespace} does not use it.",
            name=get_name(state.waypoints[0]),
            namespace=state.namespace,
        )
        if whole
        else Text(
            "Service {services} does not use the waypoint: its own label takes it out.",
            services=list_words(outside),
        ),
        (
            show_label(holder, USE_WAYPOINT),
            verbatim(describe(state.waypoints[0])),
            *show_binding(state, outside[0]),
        ),
        Fix(command="waypoint")
        if whole
        else Fix(line=f"kubectl label service {outside[0]} -n {state.namespace} {USE_WAYPOINT}-"),
        frozenset({f"Service/{s}" for s in outside}),
    )


def show_binding(state: NamespaceState, service: str) -> list[Text]:
    """Return what istiod wrote about a Service's waypoint (Istio 1.30; 1.23 writes nothing)."""
    for condition in (state.services[service].get("status") or {}).get("conditions") or []:
        if condition.get("type") == "istio.io/WaypointBound":
            words = f"WaypointBound={condition.get('status')} {condition.get('reason', '')}"
            return [verbatim(f"Service {service}: {words.strip()}")]
    return []


def find_for_mismatch(state: NamespaceState) -> Iterator[Finding]:
    """Yield waypoints that are for other addresses than those that callers use."""
    for gateway in state.waypoints:
        holder = find_traffic_holder(state, gateway)
        if holder is None or serves_services(state, gateway):
            continue
        name, told = get_name(gateway), get_labels(holder)[FOR]
        what, place = (
            ("gateway", f" -n {state.namespace}") if holder is gateway else ("gatewayclass", "")
        )
        asked = [s for s in APPS if s in state.services and get_waypoint_name(state, s) == name]
        yield Finding(
            Text(
                "Waypoint {name} is for {address}, and callers ask Services: their requests pass "
                "it by.",
                name=name,
                address=told,
            ),
            (
                show_label(holder, FOR),
                *(line for s in asked[:1] for line in show_binding(state, s)),
            ),
            Fix(line=f"kubectl label {what} {get_name(holder)}{place} {FOR}-"),
            frozenset({f"Gateway/{name}"}),
        )


def find_unready(state: NamespaceState) -> Iterator[Finding]:
    """Yield waypoints without a ready pod, whatever their status says."""
    for gateway in state.waypoints:
        if "istio-waypoint" not in state.shared.gateway_classes:
            continue
        deployment = find_deployment(state, gateway)
        if deployment is None or not count_available(deployment):
            yield build_unready_finding(state, gateway, deployment)
        elif not any(listens_to_tunnel(each) for each in gateway["spec"].get("listeners") or []):
            yield build_deaf_finding(state, gateway)


def listens_to_tunnel(listener: Object) -> bool:
    """Tell whether a listener takes what ztunnel sends to a waypoint: port 15008 of its Service."""
    return bool(listener.get("port") == HBONE)


def build_deaf_finding(state: NamespaceState, gateway: Object) -> Finding:
    """Return the finding of a waypoint without the listener that ztunnel asks."""
    told = [f"{each.get('protocol')}:{each.get('port')}" for each in gateway["spec"]["listeners"]]
    return Finding(
        Text(
            "Waypoint {gateway} has no listener of protocol HBONE at port {port}, which ztunnel "
            "asks: everything behind it fails.",
            gateway=get_name(gateway),
            port=str(HBONE),
        ),
        (
            show_field(gateway, "listeners", ", ".join(told)),
            show_field(gateway, "gatewayClassName", gateway["spec"].get("gatewayClassName")),
        ),
        Fix(
            line=f"kubectl delete gateways.gateway.networking.k8s.io {get_name(gateway)} "
            f"-n {state.namespace}"
        ),
        frozenset({f"Gateway/{get_name(gateway)}"}),
    )


def find_old_rules(state: NamespaceState) -> Iterator[Finding]:
    """Yield VirtualServices of the sidecar days that act again through the waypoint."""
    for gateway in state.waypoints[:1]:
        old = {
            describe(vs): (vs, service)
            for service in state.services
            for vs in list_virtual_services(state, service)
            if is_bound(state, service) and get_age(state, vs) > get_age(state, gateway)
        }
        for name, (vs, service) in old.items():
            yield Finding(
                Text(
                    "{rule} is older than the waypoint and acts again through it on {service}.",
                    rule=name,
                    service=service,
                ),
                (
                    show_field(vs, "creationTimestamp", vs["metadata"]["creationTimestamp"]),
                    show_field(
                        gateway, "creationTimestamp", gateway["metadata"]["creationTimestamp"]
                    ),
                ),
                Fix(
                    line=f"kubectl delete virtualservice {get_name(vs)} "
                    f"-n {vs['metadata']['namespace']}"
                ),
                frozenset({f"Service/{service}"}),
            )


def find_ingress_bypass(state: NamespaceState) -> Iterator[Finding]:
    """Yield that the gateway does not pass productpage's waypoint, which is so by default."""
    service = state.services.get("productpage")
    key = "istio.io/ingress-use-waypoint"
    told = "true" in (state.labels.get(key), get_labels(service).get(key) if service else None)
    bound = service is not None and is_bound(state, "productpage")
    if service and bound and list_edge_gateways(state) and not told:
        yield Finding(
            Text("Requests of the gateway do not pass the waypoint of productpage: so by default."),
            (show_label(service, key),),
            Fix(line=f"kubectl label namespace {state.namespace} {key}=true"),
        )


def find_double_edges(state: NamespaceState) -> Iterator[Finding]:
    """Yield that ztunnel and the waypoint both report the same call."""
    if any(find_waypoint_pod(state, service) for service in APPS) and state.captured:
        yield Finding(
            Text("Calls are drawn twice: ztunnel and the waypoint both report them."),
            (
                *(verbatim(describe(waypoint)) for waypoint in state.waypoints[:1]),
                Text(
                    "{count} of {pods} pods captured",
                    count=len(state.captured),
                    pods=len(state.pods),
                ),
            ),
            Fix(advice=Text("Choose Waypoint in Kiali's traffic menu.")),
        )


def list_bound_routes(state: NamespaceState) -> list[Object]:
    """Return the HTTPRoutes of Services that use a waypoint."""
    return [r for s in state.services if is_bound(state, s) for r in list_routes_between(state, s)]


CAUSES = (
    Cause(
        "waypoint-missing",
        Subject.AMBIENT,
        "The label names a waypoint that is not there.",
        "The label's value, and no such Gateway.",
        "`/mesh waypoint`",
        find_missing,
        ("waypoint",),
        ("l7-rule-without-waypoint", "waypoint-not-enrolled", "waypoint-not-ready"),
        gravity=1,
        source="KIA1313",
        needs=(GATEWAY,),
    ),
    Cause(
        "waypoint-not-enrolled",
        Subject.AMBIENT,
        "The waypoint is there, and the namespace or that very Service does not use it.",
        "`istio.io/use-waypoint` on the Service, then on the namespace; no `WaypointBound`.",
        "`/mesh waypoint`",
        find_not_enrolled,
        ("waypoint",),
        ("l7-rule-without-waypoint",),
        gravity=3,
        source="the label of the Service goes before that of the namespace",
    ),
    Cause(
        "waypoint-for-mismatch",
        Subject.AMBIENT,
        "`istio.io/waypoint-for` does not fit the address that callers use.",
        "The label on the Gateway; Services are not bound.",
        "Take the label off",
        find_for_mismatch,
        ("waypoint",),
        ("l7-rule-without-waypoint",),
        gravity=3,
    ),
    Cause(
        "waypoint-not-ready",
        Subject.AMBIENT,
        "The waypoint has no ready pod, or no listener for ztunnel: everything behind it fails.",
        "Its Deployment has no available pod, the Gateway may still be Programmed; or no listener "
        "at port 15008.",
        "`/mesh waypoint`",
        find_unready,
        ("waypoint",),
        ("fault-in-force", "old-rules-in-ambient"),
        gravity=1,
        source="measured: istiod keeps a waypoint bound while its Deployment has no pod",
        needs=(DEPLOYMENT,),
    ),
    Cause(
        "old-rules-in-ambient",
        Subject.AMBIENT,
        "VirtualServices of the sidecar days act again through the waypoint.",
        "A VirtualService that is older than the waypoint, and that nobody asked for since.",
        "`/mesh ambient` removes them, or delete them",
        find_old_rules,
        ("waypoint",),
        ("fault-in-force", "fault-user-mismatch", "user-never-reaches-ratings"),
        gravity=3,
        source="KIA1109",
    ),
    Cause(
        "ingress-bypasses-waypoint",
        Subject.AMBIENT,
        "The gateway does not use productpage's waypoint.",
        "A gateway as the source, and no series of the waypoint.",
        "The label `istio.io/ingress-use-waypoint`",
        find_ingress_bypass,
        kind=CauseKind.NORMAL,
        always=True,
        source="Istio 1.30; 1.23 has no such label",
    ),
    Cause(
        "double-edges",
        Subject.AMBIENT,
        "ztunnel and the waypoint both report a call.",
        "Both reporters in the metrics.",
        "Choose Waypoint in Kiali",
        find_double_edges,
        ("graph",),
        kind=CauseKind.NORMAL,
        always=True,
    ),
)
