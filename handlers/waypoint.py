"""`/mesh waypoint`: an L7 proxy for the namespace, so that rules and metrics for HTTP
requests work in the ambient mesh.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.knowledge.ambient import join, waypoints
from bot.knowledge.istio import gateway_api
from bot.knowledge.objects.apply import build_missing_verdict
from bot.knowledge.objects.mesh_pods import is_captured
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.observe import metric_proof, prometheus
from bot.knowledge.observe.probes import link_to_kiali
from bot.knowledge.snapshot import Snapshot, take_snapshot
from bot.steps import Context, Options, Role, Scope, State, Step, Verdict
from bot.text import EMPTY, Listed, Text


class WaypointOptions(Options):
    """Options of `waypoint`."""

    off: Annotated[
        bool,
        Field(
            default=False,
        ),
        Text("take the waypoint and its label away"),
    ]


async def run(context: Context, options: WaypointOptions) -> Verdict:
    """Apply the Gateway, then set the label, then verify by metrics."""
    now = await take_snapshot(context)
    if options.off:
        return await off(context, now)
    if (verdict := await check_prerequisites(context, now)) is not None:
        return verdict
    done = await waypoints.apply_waypoint(context, now)
    if waits := await waypoints.wait_until_programmed(context):
        words = Text("the waypoint is applied, but not programmed.")
        return Verdict(
            State.NOT_YET,
            words,
            Text("{waits}.", waits=waits),
            tuple(done),
            next=suggest_commands(context, "waypoint", "status"),
        )
    done += await join.relabel_namespace(context, {waypoints.LABEL: waypoints.NAME})
    return await verify_and_report(context, done)


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
    if not await gateway_api.wait_for_gateway_class(context, waypoints.CLASS):
        return build_missing_verdict(
            context,
            Text("istiod has not accepted GatewayClass {name}", name=waypoints.CLASS),
            "ambient",
        )
    return None


async def verify_and_report(context: Context, done: list[Text]) -> Verdict:
    """Check the Services bound to the waypoint and the requests it reports, and return the
    verdict.
    """
    namespace = context.workshop.app_namespace
    bound = (
        await waypoints.wait_for_bound_services(context)
        if waypoints.has_bound_condition(context)
        else ()
    )
    grown = await metric_proof.send_and_measure_growth(
        context,
        prometheus.build_waypoint_requests_query(namespace),
        lambda series: Text(
            "requests that the waypoint reports for {service}",
            service=series["destination_service_name"],
        ),
    )
    facts: list[Text] = [
        Text("Gateway {name} programmed", name=waypoints.NAME),
        Text("namespace {namespace} labelled {label}", namespace=namespace, label=waypoints.LABEL),
    ]
    facts += [Text("bound to it: {bound}", bound=Listed(bound, "comma"))] if bound else []
    links, lines = await link_to_kiali(
        context, Text("workloads"), lambda console: console.workloads_url(namespace)
    )
    found = (*facts, *done, *grown.lines)
    if grown.missing:
        words = Text("the waypoint is there, but that requests pass it was not seen.")
        following = suggest_commands(context, "addons", "waypoint", "status")
        return Verdict(
            State.NOT_YET,
            words,
            Text("{missing}.", missing=grown.missing),
            found,
            links,
            following,
            lines,
        )
    words = (
        Text("requests pass the waypoint.")
        if done
        else Text("the waypoint was already in place; nothing was changed.")
    )
    return Verdict(
        State.DONE,
        words,
        EMPTY,
        found,
        links,
        suggest_commands(context, "route jason", "graph", "waypoint off"),
        lines,
    )


async def off(context: Context, now: Snapshot) -> Verdict:
    """Remove the label, then the waypoint, so that nothing is sent to a proxy that is gone."""
    done = await waypoints.remove_waypoints(context, now)
    following = suggest_commands(context, "waypoint", "ambient off", "status")
    if not done:
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
    options=WaypointOptions,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    examples=("waypoint", "waypoint off"),
)
