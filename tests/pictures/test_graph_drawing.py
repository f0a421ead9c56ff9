"""A graph with its words said: what each kind of call looks like, and what the legend explains."""

from __future__ import annotations

import pytest

from bot.drawings import Edge, Node
from bot.language import ENGLISH
from bot.pictures.collapse import MOST, limit_nodes
from bot.pictures.graph_drawing import GraphDrawing, localize_comparison, localize_graph
from bot.pictures.style import DEGRADED, FAILURE, GONE, HTTP, LINES, TCP, make_legible
from tests.pictures.examples import (
    EDGES,
    GATEWAY,
    NODES,
    PAGE,
    RATINGS,
    REVIEWS,
    V1,
    V2,
    comparison,
    graph,
)


def legend(drawing: GraphDrawing) -> list[str]:
    """The samples that a picture explains."""
    return [name for name, _ in drawing.legend]


@pytest.mark.parametrize(
    ("edge", "line", "words"),
    [
        (Edge(GATEWAY, PAGE, "http", 3.02), HTTP, ("3.02/s",)),
        (Edge(GATEWAY, PAGE, "grpc", 3.02), HTTP, ("3.02/s grpc",)),
        (Edge(GATEWAY, PAGE, "tcp", 1536.0), TCP, ("1.5 kB/s",)),
        (
            Edge(GATEWAY, PAGE, "http", 3.0, failed=25.0, why="500 FI"),
            FAILURE,
            ("25 % errors", "500 FI", "3.00/s"),
        ),
        (Edge(GATEWAY, PAGE, "http", 3.0, failed=0.2), DEGRADED, ("1 % errors", "3.00/s")),
    ],
)
def test_kinds_of_calls_differ_in_more_than_colour(
    edge: Edge, line: object, words: tuple[str, ...]
) -> None:
    """Each has its line, errors a cross and words beside it."""
    (drawn,) = localize_graph(graph(edge), ENGLISH).panels[0].edges
    assert (drawn.line, drawn.words) == (getattr(line, "name", ""), words)
    assert ("cross" in drawn.signs) == bool(edge.failed)


def test_lines_are_kialis_colours_and_differ_in_their_dashes() -> None:
    """HTTP is green and TCP blue; errors are dashed, and no two lines have the same dashes."""
    assert len({line.dash for line in LINES}) == len(LINES)
    assert HTTP.dash == ()
    red, green, blue = (
        [int(line.color[at : at + 2], 16) for at in (1, 3, 5)] for line in (FAILURE, HTTP, TCP)
    )
    assert (red.index(max(red)), green.index(max(green)), blue.index(max(blue))) == (0, 1, 2)


@pytest.mark.parametrize(
    ("secure", "signs"),
    [(100.0, ("lock",)), (40.0, ("half",)), (0.0, ("open",)), (None, ())],
)
def test_locks_say_what_is_known_of_mutual_tls(
    secure: float | None, signs: tuple[str, ...]
) -> None:
    """Nothing where nobody could tell."""
    edge = Edge(GATEWAY, PAGE, "http", 1.0, secure=secure)
    assert localize_graph(graph(edge), ENGLISH).panels[0].edges[0].signs == signs


def test_the_legend_explains_what_is_there_and_nothing_else() -> None:
    """In Kiali's words: lines, signs, shapes."""
    drawing = localize_graph(graph(), ENGLISH)
    assert legend(drawing) == [
        "http",
        "failure",
        "cross",
        "lock",
        "split",
        "service",
        "workload",
        "gateway",
    ]
    assert ("http", "HTTP, healthy") in drawing.legend
    through = Edge(GATEWAY, PAGE, "http", 1.0, waypoint=True)
    assert "waypoint" in legend(localize_graph(graph(through), ENGLISH))


def test_a_comparison_marks_what_changed_after_it() -> None:
    """The version that gets all says what it got before, calls that ended are faint, failures
    speak for themselves; locks that nothing changed are left out."""
    drawing = localize_comparison(comparison(), ENGLISH)
    before, after = drawing.panels
    assert [node.id for node in before.nodes] == [node.id for node in after.nodes]
    assert not any(edge.changed for edge in before.edges)
    found = {edge[:2]: edge for edge in after.edges if edge.changed}
    assert found[REVIEWS, V2].words == ("100 %", "was 33 %")
    assert found[V2, RATINGS].words == ("100 % err.", "500 FI", "3.00/s")
    assert (found[REVIEWS, V1].line, found[REVIEWS, V1].words) == (GONE.name, ("gone",))
    assert not [edge for edge in (*before.edges, *after.edges) if "lock" in edge.signs]
    assert {"gone", "changed"} <= set(legend(drawing))


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("josé", "jose"),
        ("niño's", "nino's"),
        ("a→b🔒", "a?b?"),
        ("x" * 70, "x" * 59 + "…"),
        ("a\nb", "a?b"),
    ],
)
def test_only_letters_that_the_font_has_are_drawn(typed: str, shown: str) -> None:
    """Accents go, what has no letter becomes a question mark, and what is too long is cut."""
    assert make_legible(typed) == shown


def test_too_many_nodes_become_one_more() -> None:
    """The gateway, the failing one and the busiest stay; rates are added up, and no edge leads
    nowhere."""
    many = tuple(Node(f"service/s{n}", f"s{n}") for n in range(60))
    edges = [
        Edge(GATEWAY, node.id, "http", 100.0 - n, failed=9.0 if n == 59 else 0.0)
        for n, node in enumerate(many)
    ]
    (shown,) = limit_nodes([graph(*edges, nodes=(NODES[0], *many))], ENGLISH)
    names = {node.label for node in shown.nodes}
    assert len(shown.nodes) == MOST
    assert {"bookinfo-gateway-istio", "s59", "s0", f"{62 - MOST} more"} <= names
    assert {end for edge in shown.edges for end in (edge.source, edge.target)} <= {
        node.id for node in shown.nodes
    }
    assert sum(edge.rate for edge in shown.edges) == pytest.approx(sum(edge.rate for edge in edges))
    assert limit_nodes([graph(*EDGES)], ENGLISH) == [graph(*EDGES)]


def test_two_graphs_lose_the_same_nodes() -> None:
    """What stands for the rest stands for the same in both."""
    many = tuple(Node(f"service/s{n}", f"s{n}") for n in range(60))
    one, other = (
        graph(
            *(Edge(GATEWAY, node.id, "http", 1.0 + (n * way) % 60) for n, node in enumerate(many)),
            nodes=(NODES[0], *many),
        )
        for way in (1, 59)
    )
    first, second = limit_nodes([one, other], ENGLISH)
    assert [node.id for node in first.nodes] == [node.id for node in second.nodes]
