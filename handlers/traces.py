"""`/mesh traces`: which services have sent spans to Jaeger, and the newest traces; when there are
none, why."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.errors import ClusterError
from bot.knowledge import snapshot
from bot.knowledge.graph import empty_reasons, report
from bot.knowledge.mesh_config import describe_tracing
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.workloads import is_ready
from bot.steps import Context, Role, Shared, State, Step, StepKind, Verdict


class TracesOptions(Shared):
    """Options of `traces`."""

    count: Annotated[int, Field(default=5, ge=1, le=15, description="how many of the newest")]


async def run(context: Context, options: TracesOptions) -> Verdict:
    """Ask Jaeger for services and newest traces; when there are none, explain why."""
    now = await snapshot.take_snapshot(context)
    jaeger = now.mesh.get("jaeger")
    if jaeger is None or not is_ready(jaeger):
        because = "Jaeger is not ready yet." if jaeger else "Jaeger is not installed."
        return Verdict(
            State.NOT_YET,
            "there are no traces.",
            because,
            next=suggest_commands(context, "addons", "status"),
        )
    try:
        found = await report.find_traces(context, options.count)
    except ClusterError as problem:
        because = f"Jaeger is installed and does not answer: {problem}"
        return Verdict(
            State.NOT_YET,
            "the traces cannot be seen.",
            because,
            next=suggest_commands(context, "addons", "status"),
        )
    links, typed = await report.link_to_traces(context, found)
    settings = describe_tracing(now.config)
    if not found.traces:
        reason = await empty_reasons.explain_missing_traces(context, now)
        return Verdict(
            reason.state,
            "there are no traces.",
            reason.because,
            (settings,),
            links,
            reason.next,
            typed,
        )
    namespace = context.workshop.app_namespace
    return Verdict(
        State.DONE,
        f"{len(found.services)} services of {namespace} send spans; these are the newest traces.",
        evidence=(
            *(report.describe_trace(trace, namespace) for trace in found.traces),
            f"services: {', '.join(service.removesuffix(f'.{namespace}') for service in found.services)}",
            settings,
        ),
        links=links,
        next=suggest_commands(context, "graph"),
        lines=typed,
        notes=empty_reasons.warn_about_stale_traces(context, now),
    )


STEP = Step(
    id="traces",
    title="Traces",
    summary="services and newest traces in Jaeger, with links; if none, why",
    run=run,
    options=TracesOptions,
    role=Role.ATTENDEE,
    shape=StepKind.ANSWER,
    positional=("count",),
    aliases=("trace", "tracing"),
    examples=("traces", "traces 10", "traces share"),
)
