"""The GatewayClasses that istiod makes and answers for."""

from __future__ import annotations

from dataclasses import dataclass

from bot.sandbox.cluster.contract import Object, Ref
from bot.sandbox.istio.istiod_conditions import merged
from bot.sandbox.istio.istiod_mesh import Identity

GROUP = "gateway.networking.k8s.io"
CLASSES = Ref(GROUP, "gatewayclasses")
GATEWAY_CONTROLLER = "istio.io/gateway-controller"
MESH_CONTROLLER = "istio.io/mesh-controller"
UNMANAGED_CONTROLLER = "istio.io/unmanaged-gateway"


@dataclass(frozen=True)
class GatewayClass:
    """One class that istiod makes by itself."""

    name: str
    controller: str
    description: str
    ambient: bool = False


_BUILT_IN = (
    GatewayClass("istio", GATEWAY_CONTROLLER, "The default Istio GatewayClass"),
    GatewayClass(
        "istio-remote", UNMANAGED_CONTROLLER, "Remote to this cluster. Does not deploy or affect configuration."
    ),
    GatewayClass("istio-waypoint", MESH_CONTROLLER, "The default Istio waypoint GatewayClass", ambient=True),
)


def wanted_classes(me: Identity) -> dict[str, GatewayClass]:
    """The classes this istiod keeps, by name: the waypoints' only under ambient."""
    return {c.name: c for c in _BUILT_IN if me.ambient or not c.ambient}


def class_object(wanted: GatewayClass) -> Object:
    """The GatewayClass to create."""
    spec = {"controllerName": wanted.controller, "description": wanted.description}
    return {"apiVersion": f"{GROUP}/v1", "kind": "GatewayClass", "metadata": {"name": wanted.name}, "spec": spec}


def accepted(live: Object, stamp: str) -> Object:
    """The class's status once istiod has accepted it."""
    accepted = {"type": "Accepted", "status": "True", "reason": "Accepted", "message": "Handled by Istio controller"}
    status = live.get("status") or {}
    generation = live["metadata"].get("generation", 1)
    return {**status, "conditions": merged(status.get("conditions"), [accepted], generation, stamp)}


def controller_of(gateway: Object, classes: dict[tuple[str, str], Object], me: Identity) -> str:
    """The controller of a Gateway's class: "" when that class is not this istiod's."""
    name = gateway["spec"].get("gatewayClassName", "")
    live = classes.get(("", name))
    built_in = wanted_classes(me).get(name)
    controller = (live or {}).get("spec", {}).get("controllerName") or (built_in.controller if built_in else "")
    ours = {GATEWAY_CONTROLLER, UNMANAGED_CONTROLLER} | ({MESH_CONTROLLER} if me.ambient else set())
    revision = (gateway["metadata"].get("labels") or {}).get("istio.io/rev", me.revision)
    return str(controller) if controller in ours and revision == me.revision else ""
