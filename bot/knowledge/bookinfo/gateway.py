"""The application's Gateway and its route: from the release's sample, as ClusterIP from
the start, and their status.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bot.kinds import DEPLOYMENT, GATEWAY, HTTP_ROUTE, Object
from bot.knowledge.objects.apply import load_sample
from bot.knowledge.objects.waiting import wait_for_change
from bot.knowledge.objects.workloads import (
    FOLLOWED,
    build_parts,
    get_condition,
    get_labels,
    get_name,
)
from bot.ports import Part, WatchCache
from bot.steps import Context

SAMPLE = "bookinfo/gateway-api/bookinfo-gateway.yaml"
NAME, ROUTE = "bookinfo-gateway", "bookinfo"
SERVICE = f"{NAME}-istio"
"""What istiod calls the Deployment and the Service of a Gateway: `NAME-CLASS` (Istio 1.23 and
1.30)."""
TYPE = "networking.istio.io/service-type"
"""The annotation that the Gateway's Service takes its type from. Set later, it replaces the
gateway's pod."""
PATIENCE = 90.0
"""Seconds in which istiod deploys a Gateway: after a restart of istiod the leader's lease alone may
take 45."""


async def load_gateway_objects(context: Context) -> list[Object]:
    """Return the sample's Gateway and HTTPRoute in the workshop's namespace; the Gateway asks
    for a ClusterIP.
    """
    found = await load_sample(context, SAMPLE, context.workshop.app_namespace)
    for obj in found:
        if obj["kind"] == "Gateway":
            obj["metadata"] = {**obj["metadata"], "annotations": {TYPE: "ClusterIP"}}
    return found


@dataclass(frozen=True)
class GatewayStatus:
    """Status of the Gateway: described in `lines`; `causes` is what is missing, `lagging` the
    pods not ready.
    """

    lines: tuple[str, ...]
    causes: tuple[str, ...]
    lagging: tuple[Part, ...] = ()


async def wait_until_programmed(context: Context) -> GatewayStatus:
    """Wait until the Gateway is programmed, its route is attached and its pod is ready.

    Returns the last status, with causes when it took too long.
    """
    namespace = context.workshop.app_namespace
    patience = min(PATIENCE, context.workshop.readiness_timeout)
    async with context.cluster.follow(namespace, GATEWAY, HTTP_ROUTE, *FOLLOWED) as view:
        try:
            async with asyncio.timeout(patience):
                while (gate := show_gateway_progress(context, view)).causes:
                    await wait_for_change(context, view)
        except TimeoutError:
            return gate
    return gate


def show_gateway_progress(context: Context, view: WatchCache) -> GatewayStatus:
    """Show the gateway's pods, and return the status of the Gateway."""
    pods = build_parts(view, lambda workload: get_name(workload) == SERVICE)
    for part in pods:
        context.progress.part(part)
    return judge_gateway(view.objects(GATEWAY), view.objects(HTTP_ROUTE), pods)


def judge_gateway(
    gateways: Sequence[Object], routes: Sequence[Object], pods: Sequence[Part]
) -> GatewayStatus:
    """Return the Gateway's status by the objects' own conditions."""
    gateway = next((g for g in gateways if get_name(g) == NAME), {})
    route = next((r for r in routes if get_name(r) == ROUTE), {})
    ready = get_condition(gateway, "Programmed") if gateway else {}
    attached = sum(
        one.get("attachedRoutes", 0) for one in (gateway.get("status") or {}).get("listeners") or []
    )
    parents = [
        c
        for p in (route.get("status") or {}).get("parents") or []
        for c in p.get("conditions") or []
    ]
    refused = [c for c in parents if c.get("status") == "False"]
    causes = (
        []
        if ready.get("status") == "True"
        else [f"the Gateway is not programmed: {describe_condition_reason(ready)}"]
    )
    causes += [f"the route is refused: {c.get('reason')}: {c.get('message')}" for c in refused]
    causes += [] if attached else ["no route is attached to the Gateway"]
    slow = tuple(part for part in pods if not part.done)
    causes += [
        f"{part.name} has {part.ready} of {part.wanted} pods: {part.note or 'starting'}"
        for part in slow
    ]
    lines = (f"Gateway {NAME} is programmed: {ready.get('message')}", f"{attached} route attached")
    return GatewayStatus(lines if not causes else (), tuple(causes), slow)


def describe_condition_reason(ready: Object) -> str:
    """Describe a condition's reason.

    "Waiting for controller" means that nobody has looked at the Gateway yet.
    """
    if not ready or ready.get("reason") == "Pending":
        return "istiod has not taken it up (is istiod running, and GatewayClass istio there?)"
    return f"{ready.get('reason')}: {ready.get('message')}"


async def wait_until_gone(context: Context) -> bool:
    """Wait until the Gateway, its route and istiod's Deployment for it are gone; return False
    after PATIENCE seconds.
    """
    namespace = context.workshop.app_namespace
    async with context.cluster.follow(namespace, GATEWAY, HTTP_ROUTE, DEPLOYMENT) as view:
        try:
            async with asyncio.timeout(PATIENCE):
                while has_remnants(view):
                    await wait_for_change(context, view)
        except TimeoutError:
            return False
    return True


def has_remnants(view: WatchCache) -> bool:
    """Tell whether the Gateway, its route or its Deployment still exists."""
    gateways, routes = view.objects(GATEWAY), view.objects(HTTP_ROUTE)
    made = [
        w
        for w in view.objects(DEPLOYMENT)
        if get_labels(w).get("gateway.networking.k8s.io/gateway-name") == NAME
    ]
    return (
        bool(made)
        or any(get_name(g) == NAME for g in gateways)
        or any(get_name(r) == ROUTE for r in routes)
    )


async def is_absent(context: Context) -> bool:
    """Tell whether neither the Gateway nor its route exists."""
    namespace = context.workshop.app_namespace
    gateway = await context.cluster.get(GATEWAY, NAME, namespace)
    return gateway is None and await context.cluster.get(HTTP_ROUTE, ROUTE, namespace) is None
