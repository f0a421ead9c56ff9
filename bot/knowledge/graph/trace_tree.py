"""A trace as a tree of spans: in lines below each other, and as a picture."""

from __future__ import annotations

from collections.abc import Sequence

from bot.drawings import SpanBar, TracePicture
from bot.knowledge.observe.jaeger import Span, Trace
from bot.text import EMPTY, Listed, Moment, Text, counted

MOST_LINES, MOST_ROWS = 24, 30
"""Spans of a trace that are listed, and drawn."""


def choose_trace(traces: Sequence[Trace]) -> Trace:
    """Return the trace that is shown as a tree: the newest that is more than one span."""
    return next((trace for trace in traces if trace.spans > 1), traces[0])


def find_slowest(trace: Trace) -> Span | None:
    """Return the span that took most of the time by itself, not waiting for those below it.

    None for a trace of a single span, which is as slow as the trace.
    """
    return max(trace.tree, key=lambda span: span.own) if len(trace.tree) > 1 else None


def describe_tree(trace: Trace, namespace: str) -> list[Text]:
    """Return a line for each span, as deep as it lies; the slowest is marked."""
    slowest = find_slowest(trace)
    lines = [
        describe_span(span, namespace, is_slowest=span is slowest)
        for span in trace.tree[:MOST_LINES]
    ]
    if left := len(trace.tree[MOST_LINES:]):
        lines.append(counted("◦ and {n} more span", "◦ and {n} more spans", n=left))
    return lines


def describe_span(span: Span, namespace: str, *, is_slowest: bool) -> Text:
    """Return `◦◦ reviews → ratings: 12.3 ms, error 500, slowest: 12.1 ms by itself`."""
    status = Text("error {status}", status=span.status) if span.status else Text("error")
    facts = (
        Text("{ms:.1f} ms", ms=span.milliseconds),
        status if span.failed else EMPTY,
        Text("🐢 slowest: {own:.1f} ms by itself", own=span.own) if is_slowest else EMPTY,
    )
    return Text(
        "{depth} {name}: {facts}",
        depth="◦" * (span.depth + 1),
        name=name_span(span, namespace, "→"),
        facts=Listed(facts, "comma"),
    )


def name_span(span: Span, namespace: str, arrow: str) -> str:
    """Return whose span it is, and for a call that it made, of whom.

    Envoy names both ends of a call by the host that is called and its port.
    """
    service = span.service.removesuffix(f".{namespace}")
    host = span.operation.partition("/")[0].partition(":")[0]
    called = host.removesuffix(".svc.cluster.local").removesuffix(f".{namespace}")
    return service if called in (service, "") else f"{service} {arrow} {called}"


def build_trace_picture(trace: Trace, namespace: str) -> TracePicture:
    """Return a trace as a picture."""
    slowest = find_slowest(trace)
    return TracePicture(
        title=Text("Trace {id}", id=trace.id[:8]),
        caption=Text(
            "{namespace}, {milliseconds:.1f} ms from {time}",
            namespace=namespace,
            milliseconds=trace.milliseconds,
            time=Moment(trace.start, date="", time="seconds", named="plain"),
        ),
        spans=tuple(
            SpanBar(
                # The pictures' font has no arrows.
                name_span(span, namespace, ">"),
                span.depth,
                span.start,
                span.milliseconds,
                span.failed,
                span is slowest,
            )
            for span in trace.tree[:MOST_ROWS]
        ),
        words=Text("Trace. {lines}", lines=Listed(describe_tree(trace, namespace), "semicolon")),
        left_out=max(0, len(trace.tree) - MOST_ROWS),
    )
