"""Pictures to draw: Bookinfo's graph, and bursts whose requests follow a pattern."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bot.drawings import (
    ComparisonPicture,
    Edge,
    EdgeChange,
    GraphPicture,
    Node,
    NodeKind,
    PlotPicture,
)
from bot.ports import Outcome, Sample
from bot.text import EMPTY, Text, verbatim

GATEWAY, PAGE, REVIEWS = "workload/bookinfo-gateway-istio", "service/productpage", "service/reviews"
V1, V2, V3 = (f"workload/reviews-v{n}" for n in (1, 2, 3))
DETAILS, RATINGS = "service/details", "service/ratings"
NODES = (
    Node(GATEWAY, "bookinfo-gateway-istio", NodeKind.GATEWAY, column=0),
    Node(PAGE, "productpage", NodeKind.SERVICE, "v1", "productpage", 1),
    Node(REVIEWS, "reviews", NodeKind.SPLIT, "", "reviews", 2),
    Node(V1, "reviews-v1", NodeKind.WORKLOAD, "v1", "reviews", 2),
    Node(V2, "reviews-v2", NodeKind.WORKLOAD, "v2", "reviews", 2),
)
BOOKINFO = (
    *NODES,
    Node(V3, "reviews-v3", NodeKind.WORKLOAD, "v3", "reviews", 2),
    Node(DETAILS, "details", NodeKind.SERVICE, "v1", "details", 2),
    Node(RATINGS, "ratings", NodeKind.SERVICE, "v1", "ratings", 4),
)
EDGES = (
    Edge(GATEWAY, PAGE, "http", 3.0, secure=100.0),
    Edge(PAGE, REVIEWS, "http", 3.0, secure=100.0),
    Edge(REVIEWS, V1, "http", 2.0, secure=100.0, share=67.0),
    Edge(REVIEWS, V2, "http", 1.0, failed=25.0, why="500 FI", secure=100.0, share=33.0),
)


def graph(*edges: Edge, nodes: tuple[Node, ...] = NODES) -> GraphPicture:
    """A graph; a part of Bookinfo's unless told otherwise."""
    return GraphPicture(
        Text("Traffic in {namespace}", namespace="bookinfo"),
        Text("Kiali, 60 s until 12:00"),
        nodes,
        edges or EDGES,
        Text("in words"),
    )


def comparison() -> ComparisonPicture:
    """Bookinfo before and after jason's fault: a version gets all, and ratings fail."""
    before = (
        Edge(GATEWAY, PAGE, "http", 3.0, secure=100.0),
        Edge(PAGE, DETAILS, "http", 3.0, secure=100.0),
        Edge(PAGE, REVIEWS, "http", 3.0, secure=100.0),
        *(Edge(REVIEWS, v, "http", 1.0, secure=100.0, share=33.0) for v in (V1, V2, V3)),
        Edge(V2, RATINGS, "http", 1.0, secure=100.0),
        Edge(V3, RATINGS, "http", 1.0, secure=100.0),
    )
    after = (
        *before[:3],
        Edge(REVIEWS, V2, "http", 3.0, secure=100.0, share=100.0),
        Edge(V2, RATINGS, "http", 3.0, failed=100.0, why="500 FI"),
    )
    gone = ((REVIEWS, V1), (REVIEWS, V3), (V3, RATINGS))
    return ComparisonPicture(
        Text("Before and after the fault"),
        Text("Traffic in {namespace}", namespace="bookinfo"),
        replace(graph(*before, nodes=BOOKINFO), caption=verbatim("Before")),
        replace(graph(*after, nodes=BOOKINFO), caption=verbatim("After")),
        (
            EdgeChange(REVIEWS, V2, verbatim("was 33 %")),
            EdgeChange(V2, RATINGS, EMPTY),
            *(EdgeChange(source, target, verbatim("gone")) for source, target in gone),
        ),
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
