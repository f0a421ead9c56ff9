"""`/mesh graph`: Kiali's graph as a picture and as text, with a link to that moment; when it is empty, why."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from bot.knowledge import charts, picture, snapshot, unseen
from bot.knowledge.observe.graph import lines
from bot.knowledge.observe.prometheus import SCRAPE
from bot.knowledge.offers import offer
from bot.knowledge.typed import seconds
from bot.steps import Context, Role, Shape, Shared, State, Step, Verdict


class GraphOptions(Shared):
    """What can be chosen."""

    last: Annotated[
        float, BeforeValidator(seconds), Field(default=60.0, ge=30, le=3600, description="how far back, e.g. 5m")
    ]


async def run(context: Context, options: GraphOptions) -> Verdict:
    """Who calls whom, how often, with which errors, by which protocol, with mTLS or not."""
    now, span = await snapshot.take(context), int(options.last)
    graph, notes = await picture.graph(context, now, span)
    links, typed = await picture.graph_links(context, graph)
    if not graph.calls:
        reason = await unseen.graph(context, now, span)
        words = "the graph is empty."
        return Verdict(reason.state, words, reason.because, (), links, reason.next, typed)
    fresh = unseen.sent(now)
    late = ", without the newest requests yet" if fresh is not None and fresh < SCRAPE else ""
    return Verdict(
        State.DONE,
        f"{context.workshop.app_namespace} in the last {graph.seconds} s, by {graph.source}{late}.",
        evidence=lines(graph),
        links=links,
        next=offer(context, "traces", "traffic start"),
        lines=typed,
        notes=(*notes, *picture.remarks(graph, now), *await picture.findings(context, graph)),
        picture=charts.of_graph(graph, now, context.workshop.app_namespace),
    )


STEP = Step(
    id="graph",
    title="Graph",
    summary="Kiali's graph, drawn and as text: who calls whom, rate, errors, protocol, mTLS",
    run=run,
    options=GraphOptions,
    role=Role.ATTENDEE,
    shape=Shape.ANSWER,
    positional=("last",),
    examples=("graph", "graph 5m", "graph share"),
)
