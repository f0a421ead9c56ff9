"""`/mesh waypoint`: a proxy for the namespace that knows HTTP, so that rules and metrics for requests work again."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.knowledge import ambient, evidence, gatewayapi, waypoints
from bot.knowledge.answering import at_kiali
from bot.knowledge.board import captured
from bot.knowledge.deploying import missing
from bot.knowledge.observe import prometheus
from bot.knowledge.offers import offer
from bot.knowledge.snapshot import Snapshot, take
from bot.steps import Context, Options, Role, Scope, State, Step, Verdict


class WaypointOptions(Options):
    """What can be chosen."""

    off: Annotated[bool, Field(default=False, description="take the waypoint and its label away")]


async def run(context: Context, options: WaypointOptions) -> Verdict:
    """Gateway, then label, then the proof by metrics."""
    now = await take(context)
    if options.off:
        return await off(context, now)
    if (verdict := await lacking(context, now)) is not None:
        return verdict
    done = await waypoints.put(context, now)
    if waits := await waypoints.programmed(context):
        words = "the waypoint is applied, but not programmed."
        return Verdict(State.NOT_YET, words, f"{waits}.", tuple(done), next=offer(context, "waypoint", "status"))
    done += await ambient.relabel(context, {waypoints.LABEL: waypoints.NAME})
    return await proven(context, done)


async def lacking(context: Context, now: Snapshot) -> Verdict | None:
    """The verdict when something must be there first."""
    if not now.app_pods or not all(map(captured, now.app_pods)):
        return missing(
            context, "the application is not in the ambient mesh, so nothing would lead to a waypoint", "ambient"
        )
    if not await gatewayapi.accepted(context, waypoints.CLASS):
        return missing(context, f"istiod has not accepted GatewayClass {waypoints.CLASS}", "ambient")
    return None


async def proven(context: Context, done: list[str]) -> Verdict:
    """Services bound to it, and requests that it reports itself."""
    namespace = context.workshop.app_namespace
    bound = await waypoints.bound(context) if waypoints.binds(context) else ()
    grown = await evidence.grows(
        context,
        prometheus.waypoint_requests(namespace),
        lambda series: f"requests that the waypoint reports for {series['destination_service_name']}",
    )
    facts = [f"Gateway {waypoints.NAME} programmed", f"namespace {namespace} labelled {waypoints.LABEL}"]
    facts += [f"bound to it: {', '.join(bound)}"] if bound else []
    links, lines = await at_kiali(context, "workloads", lambda console: console.workloads(namespace))
    found = (*facts, *done, *grown.lines)
    if grown.missing:
        words = "the waypoint is there, but that requests pass it was not seen."
        following = offer(context, "addons", "waypoint", "status")
        return Verdict(State.NOT_YET, words, f"{grown.missing}.", found, links, following, lines)
    words = "requests pass the waypoint." if done else "the waypoint was already in place; nothing was changed."
    return Verdict(State.DONE, words, "", found, links, offer(context, "route jason", "graph", "waypoint off"), lines)


async def off(context: Context, now: Snapshot) -> Verdict:
    """Label first, so that nothing is sent to a proxy that is gone."""
    done = await waypoints.remove(context, now)
    following = offer(context, "waypoint", "ambient off", "status")
    if not done:
        return Verdict(State.DONE, "there was no waypoint; nothing was changed.", next=following)
    words = "the waypoint is gone: ztunnel alone carries the traffic."
    return Verdict(State.DONE, words, evidence=tuple(done), next=following, notes=waypoints.idle(now))


STEP = Step(
    id="waypoint",
    title="Waypoint",
    summary="a proxy for the namespace that knows HTTP, in the ambient mesh; `off` takes it away",
    run=run,
    options=WaypointOptions,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    examples=("waypoint", "waypoint off"),
)
