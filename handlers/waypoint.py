"""`/mesh waypoint`: an L7 proxy for the namespace, so that rules and metrics for HTTP
requests work in the ambient mesh.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.knowledge.ambient import verify_waypoint, waypoints
from bot.knowledge.graph.before_after import compare_traffic
from bot.knowledge.istio import gateway_api_crds
from bot.knowledge.objects.apply import build_missing_verdict
from bot.knowledge.objects.mesh_pods import is_captured
from bot.knowledge.objects.namespace_labels import relabel_namespace
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.snapshot import Snapshot, take_snapshot
from bot.steps import Context, Options, Plan, Role, Scope, State, Step, Verdict
from bot.text import Text


class WaypointOptions(Options):
    """Options of `waypoint`."""

    off: Annotated[bool, Field(default=False), Text("take the waypoint and its label away")]


async def plan(context: Context, options: WaypointOptions) -> Plan | None:
    """Return what others lose by the waypoint and its label, or by their end; else None."""
    now = await take_snapshot(context)
    if options.off:
        return await waypoints.plan_removal(context, now)
    if await check_prerequisites(context, now) is not None:
        return None
    return await waypoints.plan_waypoint(context)


@compare_traffic(Text("Before and after the waypoint"))
async def run(context: Context, options: WaypointOptions) -> Verdict:
    """Apply the Gateway, then set the label, then verify by metrics."""
    now = await take_snapshot(context)
    if options.off:
        return await remove_waypoint(context, now)
    if (verdict := await check_prerequisites(context, now)) is not None:
        return verdict
    done = await waypoints.apply_waypoint(context, now)
    if missing := await waypoints.wait_until_programmed(context):
        words = Text("the waypoint is applied, but nothing can pass it yet.")
        return Verdict(
            State.NOT_YET,
            words,
            Text("{missing}.", missing=missing),
            tuple(done),
            next=suggest_commands(context, "waypoint", "status"),
        )
    # Last: a label that names a waypoint without a proxy would lead requests nowhere.
    done += await relabel_namespace(context, {waypoints.LABEL: waypoints.NAME}, asked=True)
    return await verify_waypoint.verify_and_report(context, done)


async def check_prerequisites(context: Context, now: Snapshot) -> Verdict | None:
    """Return a verdict when the application or the GatewayClass is not ready for a waypoint,
    else None.
    """
    if not now.app_pods or not all(map(is_captured, now.app_pods)):
        return build_missing_verdict(
            context,
            Text("the application is not in the ambient mesh, so nothing would lead to a waypoint"),
            "ambient",
        )
    if not await gateway_api_crds.wait_for_gateway_class(context, waypoints.CLASS):
        return build_missing_verdict(
            context,
            Text("istiod has not accepted GatewayClass {name}", name=waypoints.CLASS),
            "ambient",
        )
    return None


async def remove_waypoint(context: Context, now: Snapshot) -> Verdict:
    """Remove the label, then the waypoint, so that nothing is sent to a proxy that is gone."""
    done = await waypoints.remove_waypoints(context, now)
    following = suggest_commands(context, "waypoint", "ambient off", "status")
    if not (done or context.resumed):
        return Verdict(
            State.DONE, Text("there was no waypoint; nothing was changed."), next=following
        )
    words = Text("the waypoint is gone: ztunnel alone carries the traffic.")
    return Verdict(
        State.DONE,
        words,
        evidence=tuple(done),
        next=following,
        notes=waypoints.warn_about_idle_routes(now),
    )


STEP = Step(
    id="waypoint",
    title=Text("Waypoint"),
    summary=Text(
        "a proxy for the namespace that knows HTTP, in the ambient mesh; `off` takes it away"
    ),
    run=run,
    plan=plan,
    options=WaypointOptions,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    examples=("waypoint", "waypoint off"),
)
