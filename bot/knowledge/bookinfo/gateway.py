"""The application's Gateway and its route: from the release's sample, as ClusterIP from
the start, and their status.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bot.kinds import DEPLOYMENT, GATEWAY, HTTP_ROUTE, Object
from bot.knowledge.objects.apply import load_sample
from bot.knowledge.objects.pod_causes import describe_lagging_parts
from bot.knowledge.objects.waiting import wait_for_change
from bot.knowledge.objects.workloads import (
    FOLLOWED_KINDS,
    build_parts,
    get_condition,
    get_labels,
    get_name,
)
from bot.ports import Part, WatchCache
from bot.steps import Context
from bot.text import Text, counted

SAMPLE = "bookinfo/gateway-api/bookinfo-gateway.yaml"
NAME, ROUTE = "bookinfo-gateway", "bookinfo"
SERVICE = f"{NAME}-istio"
"""What istiod calls the Deployment and the Service of a Gateway: `NAME-CLASS` (Istio 1.23 and
1.30)."""
SERVICE_TYPE = "networking.istio.io/service-type"
"""The annotation that the Gateway's Service takes its type from. Set later, it replaces the
gateway's pod."""
DEPLOY_TIMEOUT = 90.0
"""Seconds in which istiod deploys a Gateway: after a restart of istiod the leader's lease alone may
take 45."""


async def load_gateway_objects(context: Context) -> list[Object]:
    """Return the sample's Gateway and HTTPRoute in the workshop's namespace; the Gateway asks
    for a ClusterIP.
    """
    found = await load_sample(context, SAMPLE, context.workshop.app_namespace)
    for obj in found:
        if obj["kind"] == "Gateway":
            obj["metadata"] = {**obj["metadata"], "annotations": {SERVICE_TYPE: "ClusterIP"}}
    return found


@dataclass(frozen=True)
class GatewayStatus:
    """Status of the Gateway: described in `lines`; `causes` is what is missing, `lagging` the
    pods not ready.
    """

    lines: tuple[Text, ...]
    causes: tuple[Text, ...]
    lagging: tuple[Part, ...] = ()
    empty: bool = False
    """Its Deployment wants no pods, and nothing is to be waited for."""


async def wait_until_programmed(context: Context) -> GatewayStatus:
    """Wait until the Gateway is programmed, its route is attached and its pod is ready.

    Returns the last status, with causes when it took too long.
    """
    namespace = context.workshop.app_namespace
    seconds = min(DEPLOY_TIMEOUT, context.workshop.readiness_timeout)
    async with context.cluster.follow(namespace, GATEWAY, HTTP_ROUTE, *FOLLOWED_KINDS) as view:
        try:
            async with asyncio.timeout(seconds):
                while (status := show_gateway_progress(context, view)).causes and not status.empty:
                    await wait_for_change(context, view)
        except TimeoutError:
            return status
    return status


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
    programmed = get_condition(gateway, "Programmed") if gateway else {}
    attached = count_attached_routes(gateway)
    lagging = tuple(part for part in pods if not part.done)
    # The Gateway stays programmed when its pods are gone.
    empty = [Text("{name} is scaled to 0 pods", name=part.name) for part in pods if not part.wanted]
    causes = (
        *([] if programmed.get("status") == "True" else [explain_not_programmed(programmed)]),
        *list_route_refusals(route),
        *([] if attached else [Text("no route is attached to the Gateway")]),
        *describe_lagging_parts(lagging),
        *empty,
    )
    if causes:
        return GatewayStatus((), causes, lagging, bool(empty))
    message = str(programmed.get("message"))
    lines = (
        Text("Gateway {name} is programmed: {message}", name=NAME, message=message),
        counted("{n} route attached", "{n} routes attached", n=attached),
    )
    return GatewayStatus(lines, ())


def count_attached_routes(gateway: Object) -> int:
    """Return how many routes the listeners of a Gateway have."""
    listeners = (gateway.get("status") or {}).get("listeners") or []
    return sum(int(listener.get("attachedRoutes", 0)) for listener in listeners)


def list_route_refusals(route: Object) -> list[Text]:
    """Return what the parents of a route refuse about it, in their own words."""
    return [
        Text(
            "the route is refused: {reason}: {message}",
            reason=str(condition.get("reason")),
            message=str(condition.get("message")),
        )
        for parent in (route.get("status") or {}).get("parents") or []
        for condition in parent.get("conditions") or []
        if condition.get("status") == "False"
    ]


def explain_not_programmed(programmed: Object) -> Text:
    """Return why a Gateway is not programmed, by its condition.

    "Waiting for controller" means that nobody has looked at the Gateway yet.
    """
    if not programmed or programmed.get("reason") == "Pending":
        return Text(
            "the Gateway is not programmed: istiod has not taken it up "
            "(is istiod running, and GatewayClass istio there?)"
        )
    return Text(
        "the Gateway is not programmed: {reason}: {message}",
        reason=str(programmed.get("reason")),
        message=str(programmed.get("message")),
    )


async def wait_until_gone(context: Context) -> bool:
    """Wait until the Gateway, its route and istiod's Deployment for it are gone; return False
    after DEPLOY_TIMEOUT seconds.
    """
    namespace = context.workshop.app_namespace
    async with context.cluster.follow(namespace, GATEWAY, HTTP_ROUTE, DEPLOYMENT) as view:
        try:
            async with asyncio.timeout(DEPLOY_TIMEOUT):
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
