"""`/mesh traces`: which services have sent spans to Jaeger, and the newest traces; when there are
none, why."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.errors import ClusterError
from bot.knowledge import snapshot
from bot.knowledge.graph import graph_report, trace_reasons, trace_tree
from bot.knowledge.mesh_config import describe_tracing
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.workloads import is_ready
from bot.steps import Context, Role, Shared, State, Step, StepKind, Verdict
from bot.text import Listed, Text, counted


class TracesOptions(Shared):
    """Options of `traces`."""

    count: Annotated[int, Field(default=5, ge=1, le=15), Text("how many of the newest")]


async def run(context: Context, options: TracesOptions) -> Verdict:
    """Ask Jaeger for services and newest traces; when there are none, explain why."""
    now = await snapshot.take_snapshot(context)
    jaeger = now.mesh.get("jaeger")
    if jaeger is None or not is_ready(jaeger):
        return Verdict(
            State.NOT_YET,
            Text("there are no traces."),
            Text("Jaeger is not ready yet.") if jaeger else Text("Jaeger is not installed."),
            next=suggest_commands(context, "addons", "status"),
        )
    try:
        found = await graph_report.find_traces(context, options.count)
    except ClusterError as problem:
        return Verdict(
            State.NOT_YET,
            Text("the traces cannot be seen."),
            Text("Jaeger is installed and gives no traces: {why}", why=problem.message),
            next=suggest_commands(context, "addons", "status"),
        )
    return await build_verdict(context, now, found)


async def build_verdict(
    context: Context, now: snapshot.Snapshot, found: graph_report.FoundTraces
) -> Verdict:
    """Return the verdict of what Jaeger has; without traces, why."""
    links, lines = await graph_report.link_to_traces(context, found)
    settings = describe_tracing(now.config, now.telemetries)
    if not found.traces:
        reason = await trace_reasons.explain_missing_traces(context, now)
        return Verdict(
            reason.state,
            Text("there are no traces."),
            reason.because,
            (settings,),
            links,
            reason.next,
            lines,
        )
    namespace = context.workshop.app_namespace
    services = [service.removesuffix(f".{namespace}") for service in found.services]
    return Verdict(
        State.DONE,
        counted(
            "{n} service of {namespace} sends spans; these are the newest traces.",
            "{n} services of {namespace} send spans; these are the newest traces.",
            n=len(services),
            namespace=namespace,
        ),
        evidence=(
            *graph_report.describe_traces(found.traces, namespace),
            Text("services: {names}", names=Listed(services, "comma")),
            settings,
        ),
        links=links,
        next=suggest_commands(context, "graph"),
        lines=lines,
        notes=trace_reasons.warn_about_stale_traces(context, now),
        picture=trace_tree.build_trace_picture(trace_tree.choose_trace(found.traces), namespace),
    )


STEP = Step(
    id="traces",
    title=Text("Traces"),
    summary=Text("services and newest traces in Jaeger, with links; if none, why"),
    run=run,
    options=TracesOptions,
    role=Role.ATTENDEE,
    shape=StepKind.ANSWER,
    positional=("count",),
    aliases=("trace", "tracing"),
    examples=("traces", "traces 10", "traces share"),
)
