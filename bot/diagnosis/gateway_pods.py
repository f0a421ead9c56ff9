"""The pods behind Gateways and waypoints, which istiod makes and which its status forgets."""

from __future__ import annotations

from bot.diagnosis.cause import Finding, Fix
from bot.diagnosis.facts import show_condition, show_field
from bot.diagnosis.mesh_state import GATEWAY_NAME, NamespaceState
from bot.diagnosis.object_facts import count_available, is_waypoint
from bot.kinds import DEPLOYMENT, Object
from bot.knowledge.objects.workloads import get_labels, get_name
from bot.text import Text


def list_edge_gateways(state: NamespaceState) -> list[Object]:
    """Return the namespace's Gateways that Istio serves with pods of its own, no waypoints."""
    return [
        g
        for g in state.gateways
        if g["spec"].get("gatewayClassName") == "istio" and not g["spec"].get("addresses")
    ]


def find_deployment(state: NamespaceState, gateway: Object) -> Object | None:
    """Return the Deployment that istiod made for a Gateway, by its label."""
    name = get_name(gateway)
    for deployment in state.list_own(DEPLOYMENT):
        if get_labels(deployment).get(GATEWAY_NAME) == name:
            return deployment
    return None


def build_unready_finding(
    state: NamespaceState, gateway: Object, deployment: Object | None
) -> Finding:
    """Return the finding of a Gateway or a waypoint without a ready pod."""
    name = get_name(deployment) if deployment else ""
    waypoint = is_waypoint(gateway)
    zero = deployment is not None and deployment["spec"].get("replicas", 1) == 0
    if deployment is None:
        shown = Text(
            "no Deployment with the label {label}", label=f"{GATEWAY_NAME}={get_name(gateway)}"
        )
    else:
        shown = show_field(
            deployment,
            "spec.replicas",
            f"{deployment['spec'].get('replicas', 1)}, available {count_available(deployment)}",
        )
    fix = Fix(command="waypoint" if waypoint else "expose")
    if zero:
        fix = Fix(line=f"kubectl scale deployment {name} -n {state.namespace} --replicas=1")
    return Finding(
        Text(
            "Waypoint {gateway} has no ready pod: everything behind it fails.",
            gateway=get_name(gateway),
        )
        if waypoint
        else Text("Gateway {gateway} has no ready pod: nobody gets in.", gateway=get_name(gateway)),
        (shown, show_condition(gateway, "Programmed")),
        fix,
        frozenset({f"Gateway/{get_name(gateway)}", f"Deployment/{name}"}),
    )
