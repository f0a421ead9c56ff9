"""Services under ambient: the condition that names their waypoint, in the reasons and words of
Istio's source (1.30; 1.23 writes none)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.cluster.contract import Object
from sandbox.cluster.machinery.selectors import matches_label_selector
from sandbox.istio.istiod.conditions import build_condition, find_condition

BOUND = "istio.io/WaypointBound"
MANAGER = "istio-ambient-service"
_USE = "istio.io/use-waypoint"
_FOR = "istio.io/waypoint-for"
_INGRESS = "istio.io/ingress-use-waypoint"


def find_waypoint(service: Object, namespace: Object | None) -> tuple[str, str] | None:
    """Return (namespace, name) of the waypoint that a Service is to use, or None.

    The Service's own label comes before that of its namespace.
    """
    meta = service["metadata"]
    labels = meta.get("labels") or {}
    if labels.get("gateway.istio.io/managed") == "istio.io-mesh-controller":
        return None
    source = (
        labels if _USE in labels else ((namespace or {}).get("metadata", {}).get("labels") or {})
    )
    name = source.get(_USE, "none")
    return (
        None if name in ("", "none") else (source.get(f"{_USE}-namespace", meta["namespace"]), name)
    )


def get_traffic_type(gateway: Object, classes: Mapping[tuple[str, str], Object]) -> str:
    """Return what a waypoint is for: its own label, else that of its class, else `service`."""
    named = classes.get(("", gateway["spec"].get("gatewayClassName", "")))
    for holder in (gateway, named):
        labels = ((holder or {}).get("metadata") or {}).get("labels") or {}
        if _FOR in labels:
            return str(labels[_FOR])
    return "service"


def build_bound_patch(service: Object, wanted: Object | None, stamp: str) -> Object | None:
    """Build what to apply to the Service's status, None when it is there already."""
    live = find_condition((service.get("status") or {}).get("conditions"), BOUND)
    if wanted is None and not live:
        return None
    if wanted is not None and all(live.get(k) == v for k, v in wanted.items()):
        return None
    meta = {k: service["metadata"][k] for k in ("name", "namespace")}
    patch: Object = {"apiVersion": "v1", "kind": "Service", "metadata": meta}
    # Applied without a condition, the one that was applied before goes.
    if wanted is not None:
        moment = live["lastTransitionTime"] if live.get("status") == wanted["status"] else stamp
        patch["status"] = {"conditions": [{**wanted, "lastTransitionTime": moment}]}
    return patch


@dataclass(frozen=True)
class WaypointSurroundings:
    """What decides whether a Service is bound to the waypoint that it names."""

    gateways: Mapping[tuple[str, str], Object]
    classes: Mapping[tuple[str, str], Object]
    namespaces: Mapping[tuple[str, str], Object]


def build_bound_condition(service: Object, around: WaypointSurroundings) -> Object | None:
    """Build the condition of a Service; None for one that names no waypoint.

    A waypoint counts once it has an address, which it never loses: also without any pod.
    """
    namespace = around.namespaces.get(("", service["metadata"]["namespace"]))
    place = find_waypoint(service, namespace)
    if place is None:
        return None
    name, gateway = "/".join(place), around.gateways.get(place)
    if gateway is None or not (gateway.get("status") or {}).get("addresses"):
        return _refuse("WaypointIsNotReady", f'waypoint "{name}" is not ready')
    if not _admits(gateway, namespace):
        words = f'we are not permitted to attach to waypoint "{name}" (missing allowedRoutes?)'
        return _refuse("AttachmentDenied", words)
    if get_traffic_type(gateway, around.classes) not in ("service", "all"):
        words = (
            f'attempting to bind to traffic type "service" which the waypoint "{name}" does not '
            f"support"
        )
        return _refuse("UnsupportedTrafficType", words)
    words = f"Successfully attached to waypoint {name}{_describe_ingress(service, namespace)}"
    return build_condition(BOUND, "WaypointAccepted", words)


def _refuse(reason: str, message: str) -> Object:
    return build_condition(BOUND, reason, message, holds=False)


def _admits(gateway: Object, namespace: Object | None) -> bool:
    """Tell whether the waypoint's HBONE listener takes what is in that namespace."""
    meta = (namespace or {}).get("metadata") or {}
    listener: Object = next(
        (
            one
            for one in gateway["spec"].get("listeners") or []
            if (one.get("protocol"), one.get("port")) == ("HBONE", 15008)
        ),
        {},
    )
    allowed = (listener.get("allowedRoutes") or {}).get("namespaces") or {}
    match allowed.get("from", "Same"):
        case "All":
            return True
        case "Selector":
            return matches_label_selector(allowed.get("selector") or {}, meta.get("labels") or {})
        case _:
            return bool(gateway["metadata"]["namespace"] == meta.get("name"))


def _describe_ingress(service: Object, namespace: Object | None) -> str:
    """Return what the condition adds where a label says whether gateways use the waypoint."""
    own = service["metadata"].get("labels") or {}
    above = ((namespace or {}).get("metadata") or {}).get("labels") or {}
    said = own.get(_INGRESS, above.get(_INGRESS))
    if said is None:
        return ""
    if said.lower() == "true":
        return ". Ingress traffic will traverse the waypoint"
    return (
        ". Ingress traffic is not using the waypoint, set the istio.io/ingress-use-waypoint label "
        "to true if desired."
    )
