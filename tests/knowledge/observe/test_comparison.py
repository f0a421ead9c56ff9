"""Traffic before and after a change: what is told, and what may be mere chance."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.drawings import Comparison, Edge, GraphPicture
from bot.knowledge.graph.comparison import Observed, compare_graphs
from bot.knowledge.observe.graph import Graph
from bot.text import Text
from tests.pictures.examples import BOOKINFO, GATEWAY, PAGE, RATINGS, REVIEWS, V1, V2, V3, graph

TITLE = Text("Before and after the route")
WAY = (
    Edge(GATEWAY, PAGE, "http", 3.0, secure=100.0),
    Edge(PAGE, REVIEWS, "http", 3.0, secure=100.0),
)
THIRDS = tuple(Edge(REVIEWS, v, "http", 1.0, secure=100.0, share=33.3) for v in (V1, V2, V3))


def observe(*edges: Edge, seconds: int = 40) -> Observed:
    """These calls, seen for so long until the same moment."""
    picture: GraphPicture = graph(*edges, nodes=BOOKINFO)
    return Observed(Graph((), at=1_700_000_000.0, seconds=seconds), picture)


def compare(before: Observed, after: Observed) -> Comparison | None:
    """The comparison."""
    return compare_graphs(before, after, TITLE)


def tell(before: Observed, after: Observed) -> list[str]:
    """The lines of a comparison, the first of which tells of the times."""
    found = compare(before, after)
    return [str(line) for line in found.lines] if found else []


def test_what_one_version_gets_and_others_lose_is_told() -> None:
    """In lines, beside the edges, and for those who do not see the picture."""
    after = observe(*WAY, Edge(REVIEWS, V2, "http", 3.0, secure=100.0, share=100.0))
    found = compare(observe(*WAY, *THIRDS), after)
    assert found is not None
    assert [str(line) for line in found.lines] == [
        "traffic by Kiali, 40 s before and 40 s after:",
        "◦ reviews → reviews-v1: no calls any more",
        "◦ reviews → reviews-v2: was 33 %; now 100 %",
        "◦ reviews → reviews-v3: no calls any more",
    ]
    notes = {(each.source, each.target): str(each.note) for each in found.picture.changes}
    assert notes == {(REVIEWS, V1): "gone", (REVIEWS, V2): "was 33 %", (REVIEWS, V3): "gone"}
    assert "reviews-v2: was 33 %; now 100 %" in str(found.picture.words)
    assert str(found.picture.before.caption) == "Before: 40 s until 2023-11-14 22:13:20 UTC"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ({}, {"failed": 50.0, "why": "500 FI"}, "was no errors; now 50 % errors (500 FI)"),
        ({"failed": 50.0, "why": "500 FI"}, {}, "was 50 % errors (500 FI); now no errors"),
        ({"protocol": "tcp"}, {}, "was TCP; now no errors, HTTP"),
        ({"secure": 0.0}, {"secure": 100.0}, "was no mTLS; now mTLS"),
        ({}, {"waypoint": True}, "was ; now by the waypoint"),
    ],
)
def test_each_kind_of_change_is_told(
    old: dict[str, object], new: dict[str, object], line: str
) -> None:
    """Errors, protocol, mutual TLS and the waypoint; nothing is said of what stayed."""
    edge = Edge(V2, RATINGS, "http", 3.0, secure=100.0)
    before, after = (replace(edge, **values) for values in (old, new))  # type: ignore[arg-type]
    told = tell(observe(*WAY, before), observe(*WAY, after))
    assert told[1:] == [f"◦ reviews-v2 → ratings: {line.replace('was ; now', 'now')}"]


def test_chance_is_no_change() -> None:
    """Not another rate, not a share of few requests, not the absence of what was rare, and not the
    bot's own requests from outside."""
    other = (
        Edge(REVIEWS, V1, "http", 0.3, secure=100.0, share=50.0),
        Edge(REVIEWS, V2, "http", 0.3, secure=100.0, share=50.0),
    )
    few = [replace(edge, rate=edge.rate / 10) for edge in (*WAY, *THIRDS)]
    outside = Edge("workload/unknown", PAGE, "http", 2.0)
    rarely = [*(replace(edge, rate=0.3) for edge in WAY), *other]
    assert compare(observe(*few, seconds=20), observe(*rarely, seconds=20)) is None
    assert compare(observe(*WAY, outside), observe(*(replace(e, rate=9.0) for e in WAY))) is None
    many = [replace(edge, rate=9.0, share=50.0) for edge in other]
    assert compare(observe(*WAY, *THIRDS), observe(*WAY, *many)) is not None
