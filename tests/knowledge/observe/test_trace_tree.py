"""Traces as trees: which span caused which, and which was slow by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.knowledge.graph import graph_report, trace_tree
from bot.knowledge.observe.jaeger import Trace, parse_trace
from bot.language import ENGLISH
from bot.text import Text
from bot.view.blocks import format_bullets

HOST = "{}.bookinfo.svc.cluster.local:9080/*"


def span(id_: str, parent: str, way: str, start: int, took: int, status: str = "200") -> Any:
    """One span of Jaeger's JSON, `service` or `service>called`; times in milliseconds."""
    service, _, called = way.partition(">")
    return {
        "spanID": id_,
        "references": [{"refType": "CHILD_OF", "spanID": parent}] if parent else [],
        "startTime": start * 1000,
        "duration": took * 1000,
        "operationName": HOST.format(called or service),
        "processID": service,
        "tags": [{"key": "http.status_code", "value": status}],
    }


def trace(*spans: Any) -> Trace:
    """A trace of these spans."""
    names = {one["processID"] for one in spans}
    processes = {name: {"serviceName": f"{name}.bookinfo"} for name in names}
    return parse_trace({"traceID": "0123456789abcdef", "spans": spans, "processes": processes})


WHOLE = trace(
    span("e", "d", "ratings", 30, 2, "500"),
    span("b", "a", "productpage>details", 2, 5),
    span("a", "", "productpage", 0, 100),
    span("c", "a", "productpage>reviews", 10, 85),
    span("d", "c", "reviews", 11, 80),
)


def test_each_span_stands_below_the_one_that_caused_it() -> None:
    """By their references, whatever their order was; the slowest by itself is marked."""
    assert list(map(str, trace_tree.describe_tree(WHOLE, "bookinfo"))) == [
        "◦ productpage: 100.0 ms",
        "◦◦ productpage → details: 5.0 ms",
        "◦◦ productpage → reviews: 85.0 ms",
        "◦◦◦ reviews: 80.0 ms, 🐢 slowest: 78.0 ms by itself",
        "◦◦◦◦ ratings: 2.0 ms, error 500",
    ]


def test_deeper_lines_stand_further_to_the_right() -> None:
    """In the message each level has more room before it."""
    shown = format_bullets(ENGLISH, [Text("a"), *trace_tree.describe_tree(WHOLE, "bookinfo")])
    room = [len(line) - len(line.lstrip()) for line in shown.splitlines()]
    assert room == [0, 6, 10, 10, 14, 18]
    assert "◦◦" not in shown


def test_time_that_spans_below_share_is_counted_once() -> None:
    """Calls at the same time do not make their caller quicker than nothing."""
    both = trace(
        span("a", "", "productpage", 0, 100),
        span("b", "a", "productpage>details", 10, 60),
        span("c", "a", "productpage>reviews", 10, 60),
        span("d", "a", "productpage>late", 90, 60),
    )
    assert [one.own for one in both.tree] == [30.0, 60.0, 60.0, 60.0]


@pytest.mark.parametrize("parents", [("gone", "a"), ("b", "a"), ("a", "b")])
def test_no_span_is_lost(parents: tuple[str, str]) -> None:
    """Not one whose parent has not come, nor those that name each other."""
    odd = trace(span("a", parents[0], "reviews", 0, 5), span("b", parents[1], "ratings", 1, 3))
    assert sorted(one.service for one in odd.tree) == ["ratings.bookinfo", "reviews.bookinfo"]


def test_one_trace_is_shown_whole() -> None:
    """The newest that is more than one span; of the others the slowest span is told."""
    single = trace(span("a", "", "waypoint", 0, 5))
    found = [single, WHOLE, replace(WHOLE, id="another")]
    lines = list(map(str, graph_report.describe_traces(found, "bookinfo")))
    assert lines[0].endswith("1 span, 5 ms: waypoint")
    assert lines[1].endswith(
        "5 spans (1 with an error), 100 ms; slowest by itself: reviews, 78.0 ms"
    )
    assert lines[2].startswith("◦ ")
    assert len(lines) == 3 + len(WHOLE.tree)


def test_the_picture_has_the_same_tree() -> None:
    """With the marks, and the same in words."""
    picture = trace_tree.build_trace_picture(WHOLE, "bookinfo")
    assert [(bar.label, bar.depth) for bar in picture.spans][2] == ("productpage > reviews", 1)
    assert [bar.slowest for bar in picture.spans] == [False, False, False, True, False]
    assert [bar.failed for bar in picture.spans] == [False, False, False, False, True]
    assert "slowest: 78.0 ms by itself" in str(picture.words)
