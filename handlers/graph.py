"""`/mesh graph`: Kiali's graph as a picture and as text, with a link to that moment; when it is
empty, why."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, model_validator

from bot.knowledge import snapshot
from bot.knowledge.graph import empty_reasons, graph_report, picture
from bot.knowledge.objects.durations import parse_duration
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.observe.graph import (
    Graph,
    describe_graph,
    describe_most_telling_calls,
)
from bot.knowledge.observe.prometheus import SCRAPE
from bot.steps import Context, Role, Shared, State, Step, StepKind, Verdict
from bot.text import Text

YES_OR_NO = TypeAdapter(bool)


class GraphOptions(Shared):
    """Options of `graph`."""

    last: Annotated[
        float,
        BeforeValidator(parse_duration),
        Field(default=60.0, ge=30, le=3600),
        Text("how far back, e.g. 5m"),
    ]
    post: Annotated[bool, Field(default=False), Text("post it for the room, as `share` does")]

    @model_validator(mode="before")
    @classmethod
    def share_what_is_posted(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Return the options with `share` where `post` is asked for."""
        with suppress(ValidationError):  # of `post` itself, which is told where it is read
            if YES_OR_NO.validate_python(given.get("post", False)):
                return given | {"share": True}
        return given


async def run(context: Context, options: GraphOptions) -> Verdict:
    """Show who calls whom, with rate, errors, protocol and mTLS; when the graph is empty,
    explain why.
    """
    now, span = await snapshot.take_snapshot(context), int(options.last)
    namespace = context.workshop.app_namespace
    graph, notes = await graph_report.read_graph_with_fallback(context, now, span)
    links, lines = await graph_report.link_to_graph(context, graph)
    if not graph.calls:
        reason = await empty_reasons.explain_empty_graph(context, now, span)
        return Verdict(
            reason.state,
            Text("the graph is empty."),
            reason.because,
            links=links,
            next=reason.next,
            lines=lines,
        )
    age = empty_reasons.measure_last_traffic_age(now)
    past = await graph_report.tell_past_from_present(context, graph)
    return Verdict(
        State.DONE,
        summarize_graph(graph, namespace, is_late=age is not None and age < SCRAPE),
        evidence=describe_graph(graph),
        brief=describe_most_telling_calls(graph),
        links=links,
        next=suggest_commands(context, "traces", "traffic start"),
        lines=lines,
        notes=(
            *notes,
            *past,
            *graph_report.explain_graph(graph, now),
            *await graph_report.list_kiali_findings(context, graph),
        ),
        picture=picture.build_graph_picture(graph, now, namespace),
    )


def summarize_graph(graph: Graph, namespace: str, *, is_late: bool) -> Text:
    """Return which time and source a graph is of; `is_late`: newer requests are not in it."""
    if is_late:
        return Text(
            "{namespace} in the last {seconds} s, by {source}, without the newest requests yet.",
            namespace=namespace,
            seconds=graph.seconds,
            source=graph.source,
        )
    return Text(
        "{namespace} in the last {seconds} s, by {source}.",
        namespace=namespace,
        seconds=graph.seconds,
        source=graph.source,
    )


STEP = Step(
    id="graph",
    title=Text("Graph"),
    summary=Text("Kiali's graph, drawn and as text: who calls whom, rate, errors, protocol, mTLS"),
    run=run,
    options=GraphOptions,
    role=Role.ATTENDEE,
    shape=StepKind.ANSWER,
    positional=("last",),
    examples=("graph", "graph 5m", "graph post"),
)
