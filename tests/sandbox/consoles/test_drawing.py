"""Graphs, charts and waterfalls: where things stand, and what is said where colour says it too."""

from __future__ import annotations

import re
from typing import Any

from sandbox.consoles.charts import Series, render_chart
from sandbox.consoles.graph_layout import place_nodes, rank_nodes
from sandbox.consoles.graph_svg import render_graph
from sandbox.consoles.mesh_graph import MeshEdge, MeshGraph, MeshNode, parse_graph
from sandbox.consoles.waterfall import parse_trace_answer, render_waterfall


def graph_of(*edges: tuple[str, str]) -> MeshGraph:
    """A graph of applications that call each other."""
    names = {end for edge in edges for end in edge}
    return MeshGraph(
        {name: MeshNode(name, "app", name, "v1", "bookinfo") for name in names},
        tuple(MeshEdge(*edge, "http", 1.0) for edge in edges),
    )


BOOKINFO = graph_of(
    ("gateway", "productpage"),
    ("productpage", "details"),
    ("productpage", "reviews"),
    ("reviews", "ratings"),
)


def test_requests_go_one_way() -> None:
    """Each node stands one further than the last of its callers, also where a call leads back."""
    looped = graph_of(*[(e.source, e.target) for e in BOOKINFO.edges], ("ratings", "productpage"))
    for graph in (BOOKINFO, looped):
        ranks = rank_nodes(graph)
        assert [ranks[n] for n in ("gateway", "productpage", "reviews", "ratings")] == [0, 1, 2, 3]
        assert ranks["details"] == ranks["reviews"]


def test_a_circle_has_a_beginning() -> None:
    """Where everything is called by something, drawing ends all the same."""
    assert set(rank_nodes(graph_of(("a", "b"), ("b", "a"), ("a", "a"))).values()) == {0, 1}


def test_no_two_nodes_lie_on_each_other() -> None:
    """Neither side by side nor below each other, and all of them are inside the picture."""
    for direction in ("right", "down"):
        layout = place_nodes(BOOKINFO, "right" if direction == "right" else "down")
        boxes = list(layout.boxes.values())
        for number, one in enumerate(boxes):
            assert 0 <= one.x
            assert one.x + one.width <= layout.width
            assert one.y + one.height <= layout.height
            for other in boxes[number + 1 :]:
                beside = one.x + one.width <= other.x or other.x + other.width <= one.x
                above = one.y + one.height <= other.y or other.y + other.height <= one.y
                assert beside or above


def test_a_service_stays_where_it_was() -> None:
    """The order in which Kiali names things changes nothing."""
    turned = MeshGraph(
        dict(reversed(list(BOOKINFO.nodes.items()))), tuple(reversed(BOOKINFO.edges))
    )
    assert place_nodes(BOOKINFO, "right").boxes == place_nodes(turned, "right").boxes


def node(id_: str, **data: Any) -> dict[str, Any]:
    """A node as Kiali gives it."""
    return {"data": {"id": id_, "namespace": "bookinfo", **data}}


def test_kialis_answer_is_read_and_drawn_in_words() -> None:
    """Failing edges say so, locks are there for mutual TLS, and names are escaped."""
    answer = {
        "elements": {
            "nodes": [
                node("box", nodeType="box", isBox="app", app="reviews"),
                node("a", nodeType="app", app="<b>", version="v2", parent="box"),
                node("b", nodeType="service", service="ratings", hasVS={"hostnames": []}),
            ],
            "edges": [
                {
                    "data": {
                        "source": "a",
                        "target": "b",
                        "isMTLS": "100",
                        "traffic": {
                            "protocol": "http",
                            "rates": {"http": "0.50", "httpPercentErr": "66.7"},
                        },
                    }
                },
                {"data": {"source": "a", "target": "elsewhere"}},
            ],
        }
    }
    graph = parse_graph(answer)
    drawn = render_graph(graph, fresh={"b"})
    assert sorted(graph.nodes) == ["a", "b"]
    assert 'aria-label="Traffic: &lt;b&gt; v2 to ratings: 0.5/s, 67 % fail, mutual TLS"' in drawn
    assert "✕ 0.5/s, 67 % fail" in drawn
    assert 'class="lock"' in drawn
    assert "<b>" not in drawn
    assert re.search(r'class="node service fresh"', drawn)


def test_a_chart_of_nothing_says_so() -> None:
    """Where there are points, the newest value of each line stands in words as well."""
    assert "No data in this time" in render_chart("Requests", "req/s", [], (0, 600))
    series = [Series("reviews", ((0.0, 1.0), (600.0, 3.5))), Series("idle", ())]
    drawn = render_chart("Requests", "req/s", series, (0, 600))
    assert 'aria-label="reviews 3.5 req/s"' in drawn
    assert "idle" not in drawn


def span(id_: str, parent: str, start: int, duration: int, **tags: str) -> dict[str, Any]:
    """A span as Jaeger gives it."""
    references = [{"refType": "CHILD_OF", "spanID": parent}] if parent else []
    return {
        "spanID": id_,
        "references": references,
        "startTime": start,
        "duration": duration,
        "processID": "p1",
        "operationName": "op",
        "tags": [{"key": k.replace("_", ".", 1), "value": v} for k, v in tags.items()],
    }


def test_a_trace_is_a_tree() -> None:
    """A span stands below the one that caused it, however they came; its error is marked."""
    spans = [
        span("c", "b", 2000, 500, http_status_code="500"),
        span("b", "a", 1500, 9000),
        span("a", "gone", 1000, 20_000),
    ]
    trace = parse_trace_answer(
        {"traceID": "t", "spans": spans, "processes": {"p1": {"serviceName": "reviews.bookinfo"}}}
    )
    assert [(row.depth, row.milliseconds) for row in trace.rows] == [(0, 20), (1, 9), (2, 0.5)]
    assert (trace.failed, trace.milliseconds, trace.start) == (1, 20, 0.001)
    drawn = render_waterfall(trace)
    assert "✕ 0.5 ms · 500" in drawn
    assert "The slowest span: <b>reviews.bookinfo</b>" in drawn
