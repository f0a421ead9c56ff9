"""`/mesh graph`: Kiali's graph as a picture and as text, with a link to that moment; when it is
empty, why."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from bot.knowledge import snapshot
from bot.knowledge.graph import empty_reasons, report
from bot.knowledge.graph import picture as charts
from bot.knowledge.objects.durations import parse_duration
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.observe.graph import describe_graph
from bot.knowledge.observe.prometheus import SCRAPE
from bot.steps import Context, Role, Shared, State, Step, StepKind, Verdict


class GraphOptions(Shared):
    """Options of `graph`."""

    last: Annotated[
        float,
        BeforeValidator(parse_duration),
        Field(default=60.0, ge=30, le=3600, description="how far back, e.g. 5m"),
    ]


async def run(context: Context, options: GraphOptions) -> Verdict:
    """Show who calls whom, with rate, errors, protocol and mTLS; when the graph is empty,
    explain why.
    """
    now, span = await snapshot.take_snapshot(context), int(options.last)
    graph, notes = await report.read_graph_with_fallback(context, now, span)
    links, typed = await report.link_to_graph(context, graph)
    if not graph.calls:
        reason = await empty_reasons.explain_empty_graph(context, now, span)
        words = "the graph is empty."
        return Verdict(reason.state, words, reason.because, (), links, reason.next, typed)
    fresh = empty_reasons.measure_last_traffic_age(now)
    late = ", without the newest requests yet" if fresh is not None and fresh < SCRAPE else ""
    return Verdict(
        State.DONE,
        f"{context.workshop.app_namespace} in the last {graph.seconds} s, by {graph.source}{late}.",
        evidence=describe_graph(graph),
        links=links,
        next=suggest_commands(context, "traces", "traffic start"),
        lines=typed,
        notes=(
            *notes,
            *report.explain_graph(graph, now),
            *await report.list_kiali_findings(context, graph),
        ),
        picture=charts.build_graph_picture(graph, now, context.workshop.app_namespace),
    )


STEP = Step(
    id="graph",
    title="Graph",
    summary="Kiali's graph, drawn and as text: who calls whom, rate, errors, protocol, mTLS",
    run=run,
    options=GraphOptions,
    role=Role.ATTENDEE,
    shape=StepKind.ANSWER,
    positional=("last",),
    examples=("graph", "graph 5m", "graph share"),
)
