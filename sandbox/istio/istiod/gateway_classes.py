"""The GatewayClasses that istiod creates and controls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.cluster.contract import Object, Ref
from sandbox.istio.istiod.conditions import merge_conditions
from sandbox.istio.istiod.mesh_configuration import IstiodIdentity

GROUP = "gateway.networking.k8s.io"
CLASSES = Ref(GROUP, "gatewayclasses")
GATEWAY_CONTROLLER = "istio.io/gateway-controller"
MESH_CONTROLLER = "istio.io/mesh-controller"
UNMANAGED_CONTROLLER = "istio.io/unmanaged-gateway"


@dataclass(frozen=True)
class GatewayClass:
    """One GatewayClass that istiod creates by itself."""

    name: str
    controller: str
    description: str
    ambient: bool = False


_BUILT_IN = (
    GatewayClass("istio", GATEWAY_CONTROLLER, "The default Istio GatewayClass"),
    GatewayClass(
        "istio-remote",
        UNMANAGED_CONTROLLER,
        "Remote to this cluster. Does not deploy or affect configuration.",
    ),
    GatewayClass(
        "istio-waypoint", MESH_CONTROLLER, "The default Istio waypoint GatewayClass", ambient=True
    ),
)


def get_wanted_classes(me: IstiodIdentity) -> dict[str, GatewayClass]:
    """Return the GatewayClasses that this istiod keeps, by name.

    The class of waypoints is among them under ambient only.
    """
    return {c.name: c for c in _BUILT_IN if me.ambient or not c.ambient}


def build_gateway_class(wanted: GatewayClass) -> Object:
    """Build the GatewayClass object to create."""
    spec = {"controllerName": wanted.controller, "description": wanted.description}
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "GatewayClass",
        "metadata": {"name": wanted.name},
        "spec": spec,
    }


def build_accepted_status(live: Object, stamp: str) -> Object:
    """Build the GatewayClass's status once istiod has accepted it."""
    accepted = {
        "type": "Accepted",
        "status": "True",
        "reason": "Accepted",
        "message": "Handled by Istio controller",
    }
    status = live.get("status") or {}
    generation = live["metadata"].get("generation", 1)
    return {
        **status,
        "conditions": merge_conditions(status.get("conditions"), [accepted], generation, stamp),
    }


def get_controller(
    gateway: Object, classes: Mapping[tuple[str, str], Object], me: IstiodIdentity
) -> str:
    """Return the controller of a Gateway's class, "" when that class is not this istiod's."""
    name = gateway["spec"].get("gatewayClassName", "")
    live = classes.get(("", name))
    # A Gateway may be there before istiod has created its class.
    built_in = get_wanted_classes(me).get(name)
    controller = (live or {}).get("spec", {}).get("controllerName") or (
        built_in.controller if built_in else ""
    )
    ours = {GATEWAY_CONTROLLER, UNMANAGED_CONTROLLER} | ({MESH_CONTROLLER} if me.ambient else set())
    revision = (gateway["metadata"].get("labels") or {}).get("istio.io/rev", me.revision)
    return str(controller) if controller in ours and revision == me.revision else ""
