"""Pictures to draw: Bookinfo's graph, and bursts whose requests follow a pattern."""

from __future__ import annotations

from collections.abc import Callable

from bot.drawings import Edge, GraphPicture, Node, NodeKind, PlotPicture
from bot.ports import Outcome, Sample
from bot.text import Text, verbatim

GATEWAY, PAGE, REVIEWS = "workload/bookinfo-gateway-istio", "service/productpage", "service/reviews"
V1, V2 = "workload/reviews-v1", "workload/reviews-v2"
NODES = (
    Node(GATEWAY, "bookinfo-gateway-istio", NodeKind.GATEWAY),
    Node(PAGE, "productpage", NodeKind.SERVICE, "v1", "productpage"),
    Node(REVIEWS, "reviews", NodeKind.SERVICE, "", "reviews"),
    Node(V1, "reviews-v1", NodeKind.WORKLOAD, "v1", "reviews"),
    Node(V2, "reviews-v2", NodeKind.WORKLOAD, "v2", "reviews"),
)
EDGES = (
    Edge(GATEWAY, PAGE, "http", 3.0, secure=100.0),
    Edge(PAGE, REVIEWS, "http", 3.0, secure=100.0),
    Edge(REVIEWS, V1, "http", 2.0, secure=100.0),
    Edge(REVIEWS, V2, "http", 1.0, failed=25.0, why="500 FI", secure=100.0),
)


def graph(*edges: Edge, nodes: tuple[Node, ...] = NODES) -> GraphPicture:
    """A graph; Bookinfo's unless told otherwise."""
    return GraphPicture(
        Text("Traffic in {namespace}", namespace="bookinfo"),
        Text("Kiali, 60 s until 12:00"),
        nodes,
        edges or EDGES,
        Text("in words"),
    )


def burst(
    count: int,
    outcome: Callable[[int], Outcome] = lambda n: Outcome.WHOLE,
    ms: Callable[[int], float] = lambda n: 40.0,
) -> PlotPicture:
    """Requests at 10 a second, each as these functions of its number say."""
    samples = tuple(Sample(n / 10, ms(n), outcome(n)) for n in range(count))
    return PlotPicture(
        Text("A burst"),
        verbatim("bookinfo"),
        samples,
        10.0,
        10.0,
        40.0,
        60.0,
        80.0,
        Text("in words"),
    )
