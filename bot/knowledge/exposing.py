"""The application's Gateway and its route: from the release's sample, as ClusterIP from the start, and its proof."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bot.kinds import DEPLOYMENT, GATEWAY, HTTP_ROUTE, Object
from bot.knowledge.deploying import sample
from bot.knowledge.waiting import change
from bot.knowledge.workloads import FOLLOWED, condition, labels, name, parts
from bot.ports import Part, View
from bot.steps import Context

SAMPLE = "bookinfo/gateway-api/bookinfo-gateway.yaml"
NAME, ROUTE = "bookinfo-gateway", "bookinfo"
SERVICE = f"{NAME}-istio"
"""What istiod calls the Deployment and the Service of a Gateway: `NAME-CLASS` (Istio 1.23 and 1.30)."""
TYPE = "networking.istio.io/service-type"
"""The annotation that the Gateway's Service takes its type from. Set later, it replaces the gateway's pod."""
PATIENCE = 90.0
"""Seconds in which istiod deploys a Gateway: after a restart of istiod the leader's lease alone may take 45."""


async def objects(context: Context) -> list[Object]:
    """The sample's Gateway and HTTPRoute in the workshop's namespace; the Gateway asks for a ClusterIP."""
    found = await sample(context, SAMPLE, context.workshop.app_namespace)
    for obj in found:
        if obj["kind"] == "Gateway":
            obj["metadata"] = {**obj["metadata"], "annotations": {TYPE: "ClusterIP"}}
    return found


@dataclass(frozen=True)
class Gate:
    """How the Gateway stands, `lines` in words; `causes` is what is missing."""

    lines: tuple[str, ...]
    causes: tuple[str, ...]
    lagging: tuple[Part, ...] = ()


async def programmed(context: Context) -> Gate:
    """Waits until the Gateway is programmed, its route is attached, and its pod is ready; or what is missing."""
    namespace = context.workshop.app_namespace
    patience = min(PATIENCE, context.workshop.readiness_timeout)
    async with context.cluster.follow(namespace, GATEWAY, HTTP_ROUTE, *FOLLOWED) as view:
        try:
            async with asyncio.timeout(patience):
                while (gate := show(context, view)).causes:
                    await change(context, view)
        except TimeoutError:
            return gate
    return gate


def show(context: Context, view: View) -> Gate:
    """Looks, and shows the gateway's pod."""
    pods = parts(view, lambda workload: name(workload) == SERVICE)
    for part in pods:
        context.progress.part(part)
    return judged(view.objects(GATEWAY), view.objects(HTTP_ROUTE), pods)


def judged(gateways: Sequence[Object], routes: Sequence[Object], pods: Sequence[Part]) -> Gate:
    """What the objects' own conditions say."""
    gateway = next((g for g in gateways if name(g) == NAME), {})
    route = next((r for r in routes if name(r) == ROUTE), {})
    ready = condition(gateway, "Programmed") if gateway else {}
    attached = sum(one.get("attachedRoutes", 0) for one in (gateway.get("status") or {}).get("listeners") or [])
    parents = [c for p in (route.get("status") or {}).get("parents") or [] for c in p.get("conditions") or []]
    refused = [c for c in parents if c.get("status") == "False"]
    causes = [] if ready.get("status") == "True" else [f"the Gateway is not programmed: {reason(ready)}"]
    causes += [f"the route is refused: {c.get('reason')}: {c.get('message')}" for c in refused]
    causes += [] if attached else ["no route is attached to the Gateway"]
    slow = tuple(part for part in pods if not part.done)
    causes += [f"{part.name} has {part.ready} of {part.wanted} pods: {part.note or 'starting'}" for part in slow]
    lines = (f"Gateway {NAME} is programmed: {ready.get('message')}", f"{attached} route attached")
    return Gate(lines if not causes else (), tuple(causes), slow)


def reason(ready: Object) -> str:
    """A condition's reason in words; "Waiting for controller" means that nobody has looked at the Gateway yet."""
    if not ready or ready.get("reason") == "Pending":
        return "istiod has not taken it up (is istiod running, and GatewayClass istio there?)"
    return f"{ready.get('reason')}: {ready.get('message')}"


async def gone(context: Context) -> bool:
    """Waits until the Gateway, its route and what istiod ran for it are gone; False when they are not in time."""
    namespace = context.workshop.app_namespace
    async with context.cluster.follow(namespace, GATEWAY, HTTP_ROUTE, DEPLOYMENT) as view:
        try:
            async with asyncio.timeout(PATIENCE):
                while standing(view):
                    await change(context, view)
        except TimeoutError:
            return False
    return True


def standing(view: View) -> bool:
    """True while something of it is there."""
    gateways, routes = view.objects(GATEWAY), view.objects(HTTP_ROUTE)
    made = [w for w in view.objects(DEPLOYMENT) if labels(w).get("gateway.networking.k8s.io/gateway-name") == NAME]
    return bool(made) or any(name(g) == NAME for g in gateways) or any(name(r) == ROUTE for r in routes)


async def absent(context: Context) -> bool:
    """True when neither the Gateway nor its route is there."""
    namespace = context.workshop.app_namespace
    gateway = await context.cluster.get(GATEWAY, NAME, namespace)
    return gateway is None and await context.cluster.get(HTTP_ROUTE, ROUTE, namespace) is None
