"""The graph as text: who calls whom, and what is said of it."""

from __future__ import annotations

from typing import Any

import pytest

from bot.knowledge.observe import kiali_graph, prometheus_graph
from bot.knowledge.observe.graph import (
    Call,
    Graph,
    describe_graph,
    describe_most_telling_calls,
    drop_waypoints,
    has_duplicate_calls,
)
from bot.knowledge.observe.prometheus import Series

SERVICES = ("productpage", "reviews", "ratings")


def tell(graph: Graph) -> tuple[str, ...]:
    """The graph's lines in English."""
    return tuple(map(str, describe_graph(graph)))


def kiali_says(*edges: tuple[str, str, dict[str, Any]]) -> Graph:
    """Kiali's JSON for edges between names; those of SERVICES are Services, and every application
    has a box."""
    names = {name for source, target, _ in edges for name in (source, target)}
    nodes = [
        {"id": n, "nodeType": "service", "service": n}
        if n in SERVICES
        else {"id": n, "nodeType": "app", "workload": n}
        for n in names
    ]
    boxes = [{"id": "box", "nodeType": "box", "isBox": "app", "app": "reviews"}]
    listed = [{"data": {"id": "e", "source": a, "target": b} | data} for a, b, data in edges]
    elements = {"nodes": [{"data": node} for node in [*nodes, *boxes]], "edges": listed}
    return kiali_graph.parse_graph({"timestamp": 1700000000, "duration": 60, "elements": elements})


def http(
    rate: str, failed: str = "", result: tuple[str, str] = ("200", "-"), tls: str = ""
) -> dict[str, Any]:
    """An edge's traffic as Kiali writes it: all numbers are strings."""
    rates = {"http": rate} | ({"httpPercentErr": failed} if failed else {})
    traffic = {
        "protocol": "http",
        "rates": rates,
        "responses": {result[0]: {"flags": {result[1]: "100.0"}}},
    }
    return {"traffic": traffic} | ({"isMTLS": tls} if tls else {})


def tcp(rate: str, tls: str = "100") -> dict[str, Any]:
    """A TCP edge."""
    return {"traffic": {"protocol": "tcp", "rates": {"tcp": rate}}, "isMTLS": tls}


def test_a_split_is_told_at_its_service() -> None:
    """The hop through the Service is one line, with the versions that answered."""
    seen = kiali_says(
        ("productpage-v1", "reviews", http("3.00", tls="100")),
        ("reviews", "reviews-v1", http("2.00", tls="100")),
        ("reviews", "reviews-v2", http("1.00", tls="100")),
    )
    assert tell(seen) == (
        "productpage-v1 → reviews: 3.00/s http, no errors, mTLS; v1 67 %, v2 33 %",
    )


def test_the_order_is_that_of_a_requests_way() -> None:
    """From the gateway inwards, whatever the order of the answer."""
    seen = kiali_says(
        ("reviews-v2", "ratings", http("1.00")),
        ("productpage-v1", "reviews", http("1.00")),
        ("gateway", "productpage", http("1.00")),
    )
    assert [line.split(":")[0] for line in tell(seen)] == [
        "gateway → productpage",
        "productpage-v1 → reviews",
        "reviews-v2 → ratings",
    ]


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (("500", "FI"), "500 FI (fault injected)"),
        (("503", "NC"), "503 NC (the route names a subset that no DestinationRule defines)"),
        (("503", "UH"), "503 UH (no healthy pod behind the route)"),
        (("404", "-"), "404"),
    ],
)
def test_errors_are_explained(result: tuple[str, str], words: str) -> None:
    """The flag of what never arrived, in words; nothing is said of its security, which nobody
    knows."""
    seen = kiali_says(("reviews-v2", "ratings", http("1.00", "100.0", result)))
    assert tell(seen) == (f"reviews-v2 → ratings: 1.00/s http, 100 % errors: {words}",)


def test_of_a_few_lines_those_tell_most_that_failed_or_went_to_several_versions() -> None:
    """A channel shows a few of them; the others stand behind Details, in the requests' order."""
    graph = kiali_says(
        ("unknown", "productpage", http("0.30")),
        ("productpage-v1", "details", http("3.00")),
        ("productpage-v1", "reviews", http("3.00")),
        ("reviews", "reviews-v1", http("1.00")),
        ("reviews", "reviews-v2", http("2.00")),
        ("reviews-v2", "ratings", http("2.00", "50.0", ("500", "FI"))),
    )
    told = list(map(str, describe_most_telling_calls(graph)))
    assert told[0].startswith("reviews-v2 → ratings: 2.00/s http, 50 % errors: 500 FI")
    assert told[1] == "productpage-v1 → reviews: 3.00/s http, no errors, no mTLS; v1 33 %, v2 67 %"
    assert sorted(told) == sorted(tell(graph))


def test_plaintext_is_told() -> None:
    """No lock in Kiali means that the calls arrived without mTLS."""
    assert "no mTLS" in str(describe_graph(kiali_says(("a", "reviews", http("1.00"))))[0])


def test_calls_are_not_told_twice() -> None:
    """With a waypoint, ztunnel's TCP is the same traffic as the requests."""
    seen = kiali_says(("a", "reviews", tcp("500.00")), ("a", "reviews", http("1.00", tls="100")))
    assert has_duplicate_calls(seen)
    assert tell(seen) == ("a → reviews: 1.00/s http, no errors, mTLS",)


def test_shares_are_of_requests_alone() -> None:
    """Bytes are no requests: they are not added up, and a version without requests has no share."""
    seen = kiali_says(
        ("productpage-v1", "reviews", http("3.33", tls="100")),
        ("reviews", "reviews-v1", tcp("284.16")),
        ("reviews", "reviews-v1", http("1.11", tls="100")),
        ("reviews", "reviews-v3", http("2.22", tls="100")),
        ("reviews", "reviews-v2", tcp("267.11")),
    )
    assert seen.spread == {"reviews": {"reviews-v1": 1.11, "reviews-v3": 2.22}}
    assert "; v1 33 %, v3 67 %" in tell(seen)[0]


def test_a_waypoint_is_no_version() -> None:
    """What passes it is told once, at the Service that was called."""
    seen = kiali_says(
        ("productpage-v1", "reviews", http("3.00", tls="100")),
        ("productpage-v1", "reviews", tcp("600.00")),
        ("reviews", "reviews-v1", http("3.00", tls="100")),
        ("reviews", "waypoint", tcp("600.00")),
        ("waypoint", "reviews", tcp("850.00")),
        ("ratings", "waypoint", tcp("500.00")),
    )
    plain = drop_waypoints(seen, {"waypoint"})
    assert tell(plain) == ("productpage-v1 → reviews: 3.00/s http, no errors, mTLS",)
    assert plain.spread == {"reviews": {"reviews-v1": 3.0}}
    assert [(call.source, call.target) for call in plain.inner] == [("reviews", "reviews-v1")]


def test_connections_alone() -> None:
    """Under ztunnel there are bytes and no requests."""
    seen = kiali_says(("a", "reviews", tcp("500.40")))
    assert (has_duplicate_calls(seen), tell(seen)) == (
        False,
        ("a → reviews: 500 B/s tcp, connections only, mTLS",),
    )


def test_callers_in_a_circle_end() -> None:
    """Two that call each other are still listed."""
    circle = Graph(
        (Call("reviews-v1", "ratings", "http", 1.0), Call("ratings-v1", "reviews", "http", 1.0))
    )
    assert len(describe_graph(circle)) == 2


def series(rate: float, **labels: str) -> Series:
    """One line of Prometheus."""
    return Series(labels, rate)


def test_prometheus_gives_the_same_picture() -> None:
    """Series of one caller and one service are one call, with its errors, versions and security."""
    to = {"source_workload": "productpage-v1", "destination_service_name": "reviews"}
    fine = {
        "response_code": "200",
        "response_flags": "-",
        "connection_security_policy": "mutual_tls",
    }
    seen = prometheus_graph.build_graph(
        [
            series(2.0, **to, **fine, destination_workload="reviews-v1"),
            series(1.0, **to, **fine, destination_workload="reviews-v2"),
            series(
                1.0, **to, response_code="503", response_flags="NC", destination_workload="unknown"
            ),
        ],
        [],
        60,
        1_700_000_000.0,
    )
    (line,) = tell(seen)
    assert line.startswith("productpage-v1 → reviews: 4.00/s http, 25 % errors: 503 NC (")
    assert line.endswith(", mTLS; v1 67 %, v2 33 %")
