"""The pictures as values: which nodes a graph has, and what a burst's plot is made of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.drawings import GraphPicture, NodeKind
from bot.knowledge.graph import burst_plot
from bot.knowledge.graph import picture as charts
from bot.knowledge.observe.graph import Call, Graph
from bot.knowledge.snapshot import Snapshot
from bot.ports import Burst, LoadSpec, Outcome, Sample, TrafficReport
from bot.text import verbatim

GATEWAY = "bookinfo-gateway-istio"
INNER = (
    Call("productpage", "productpage-v1", "http", 3.0, secure=100.0),
    Call("reviews", "reviews-v1", "http", 2.0, secure=100.0),
    Call("reviews", "reviews-v2", "http", 1.0, 10.0, ("503 UH",), 100.0),
)
CALLS = (
    Call(GATEWAY, "productpage", "http", 3.0, secure=100.0),
    Call("productpage-v1", "reviews", "http", 3.0, 4.0, ("503 UH",), 100.0),
    Call("productpage-v1", "reviews", "tcp", 900.0, secure=100.0),
)


def deployment(name: str) -> dict[str, Any]:
    """One of Bookinfo's, by its name and version."""
    app, _, version = name.rpartition("-")
    return {"spec": {"template": {"metadata": {"labels": {"app": app, "version": version}}}}}


def gateway(kind: str) -> dict[str, Any]:
    """A Gateway of that class that serves."""
    return {
        "spec": {"gatewayClassName": kind},
        "status": {"conditions": [{"type": "Programmed", "status": "True"}]},
    }


def now(**gateways: str) -> Snapshot:
    """Bookinfo with these Gateways; a waypoint is used by the namespace."""
    namespace = {"metadata": {"labels": {"istio.io/use-waypoint": "waypoint"}}}
    workloads = {name: deployment(name) for name in ("productpage-v1", "reviews-v1", "reviews-v2")}
    found = {name.replace("_", "-"): gateway(kind) for name, kind in gateways.items()}
    return Snapshot({}, workloads, namespace, (), found, {}, {}, {}, {})


def picture(snapshot: Snapshot, *calls: Call) -> GraphPicture:
    """The picture of these calls, Bookinfo's unless told otherwise."""
    spread = {
        "productpage": {"productpage-v1": 3.0},
        "reviews": {"reviews-v1": 2.0, "reviews-v2": 1.0},
    }
    return charts.build_graph_picture(
        Graph(calls or CALLS, spread, 1_700_000_000.0, 60, inner=INNER), snapshot, "bookinfo"
    )


def test_a_service_is_one_with_its_only_workload() -> None:
    """productpage is one node with its version; reviews stands before its two, in one box."""
    nodes = {node.id: node for node in picture(now(bookinfo_gateway="istio")).nodes}
    assert set(nodes) == {
        f"workload/{GATEWAY}",
        "service/productpage",
        "service/reviews",
        "workload/reviews-v1",
        "workload/reviews-v2",
    }
    assert (nodes["service/productpage"].note, nodes[f"workload/{GATEWAY}"].shape) == (
        "v1",
        NodeKind.GATEWAY,
    )
    assert (
        {nodes[f"workload/reviews-v{n}"].group for n in (1, 2)}
        == {nodes["service/reviews"].group}
        == {"reviews"}
    )


def test_edges_carry_what_was_seen_and_are_there_once() -> None:
    """The TCP beside an HTTP call is left out; the version that fails is marked with its reason."""
    edges = {
        (edge.source, edge.target): edge for edge in picture(now(bookinfo_gateway="istio")).edges
    }
    assert len(edges) == 4
    assert edges["service/productpage", "service/reviews"].protocol == "http"
    failing = edges["service/reviews", "workload/reviews-v2"]
    assert (failing.failed, failing.why, failing.secure) == (10.0, "503 UH", 100.0)


def test_only_requests_inside_pass_the_waypoint() -> None:
    """A gateway's calls do not, connections do not, and without a waypoint none does."""
    with_one = picture(now(bookinfo_gateway="istio", waypoint="istio-waypoint"), *CALLS[:2])
    assert [edge.target for edge in with_one.edges if edge.waypoint] == ["service/reviews"]
    tcp = picture(now(waypoint="istio-waypoint"), CALLS[2])
    assert not any(edge.waypoint for edge in tcp.edges)
    assert not any(edge.waypoint for edge in picture(now(bookinfo_gateway="istio")).edges)


def test_strangers_and_lost_calls_have_a_place() -> None:
    """`unknown` is outside; a Service that nothing answered for stands alone."""
    seen = picture(
        now(),
        Call("unknown", "productpage", "http", 1.0),
        Call("productpage-v1", "gone", "http", 1.0, 100.0),
    )
    nodes = {node.id: node for node in seen.nodes}
    assert nodes["workload/unknown"].shape is NodeKind.OUTSIDE
    assert (nodes["service/gone"].shape, nodes["service/gone"].group) == (NodeKind.SERVICE, "")


def test_words_and_caption_tell_the_same() -> None:
    """Of when it is, and each call in words."""
    seen = picture(now(bookinfo_gateway="istio"))
    assert str(seen.caption) == "Kiali, 60 s until 2023-11-14 22:13:20 UTC"
    assert "productpage-v1 → reviews: 3.00/s http, 4 % errors: 503 UH" in str(seen.words)


def test_a_burst_is_plotted_when_there_is_something_to_see() -> None:
    """In the order of the intended starts; a single request is no plot."""
    samples = (Sample(0.1, 30.0, Outcome.WHOLE), Sample(0.0, 90.0, Outcome.FAILED))
    seen = TrafficReport(
        2, 2, 0.2, {"200": 1, "0": 1}, p50=30.0, via=verbatim("productpage"), samples=samples
    )
    plot = burst_plot.build_burst_plot(
        seen, LoadSpec(2, 10.0, "jason"), "bookinfo", 1_700_000_000.0
    )
    assert plot is not None
    assert str(plot.title) == "2 requests at 10/s, as jason, logged in"
    assert [sample.at for sample in plot.samples] == [0.0, 0.1]
    assert (plot.asked, plot.achieved, "no answer × 1" in str(plot.words)) == (10.0, 10.0, True)
    assert (
        burst_plot.build_burst_plot(
            TrafficReport(1, 1, 1.0, samples=samples[:1]), LoadSpec(1), "bookinfo", 0.0
        )
        is None
    )


def test_what_is_there_and_not_called_keeps_its_place() -> None:
    """A version without calls is idle and in the picture, in the column of every picture; also
    when a single version gets all."""
    only = (Call("reviews", "reviews-v1", "http", 3.0, secure=100.0),)
    seen = charts.build_graph_picture(
        Graph((CALLS[1],), {"reviews": {"reviews-v1": 3.0}}, 0.0, 60, inner=only),
        now(bookinfo_gateway="istio"),
        "bookinfo",
    )
    nodes = {node.id: node for node in seen.nodes}
    idle = {f"workload/{GATEWAY}", "workload/reviews-v2"}
    assert {node.id for node in seen.nodes if node.idle} == idle
    assert nodes["service/reviews"].shape is NodeKind.SPLIT
    assert [nodes[id_].column for id_ in ("service/productpage", "service/reviews")] == [1, 2]
    (split,) = (edge for edge in seen.edges if edge.source == "service/reviews")
    assert split.share == 100.0


def test_a_service_that_nothing_answers_for_stays_where_its_workload_was() -> None:
    """As ratings do whose every request a fault ends."""
    lost = Call("productpage-v1", "reviews", "http", 3.0, 100.0, ("500 FI",))
    seen = charts.build_graph_picture(Graph((lost,)), now(), "bookinfo")
    shapes = {node.id: node.shape for node in seen.nodes}
    assert shapes["service/reviews"] is NodeKind.SPLIT
    assert "workload/reviews-v2" in shapes


def test_the_burst_before_is_told_too() -> None:
    """When it ended and what it met, also for those who do not see the picture."""
    samples = (Sample(0.0, 30.0, Outcome.WHOLE), Sample(0.1, 90.0, Outcome.FAILED))
    seen = TrafficReport(2, 2, 0.2, {"200": 2}, p50=30.0, samples=samples)
    before = Burst(1_700_000_000.0, LoadSpec(2, 5.0), replace(seen, codes={"503": 2}))
    plot = burst_plot.build_burst_plot(seen, LoadSpec(2, 10.0), "bookinfo", 1.0, before)
    assert plot is not None
    assert plot.before is not None
    assert str(plot.before.at) == "until 2023-11-14 22:13:20 UTC"
    assert str(plot.before.title) == "2 requests at 5/s, as nobody"
    assert "The burst before: 2 asked" in str(plot.words)
    assert "503 × 2" in str(plot.words)
