"""Where things stand in a graph's picture: in order, always in the same place, never upon each
other, and large enough to be read."""

from __future__ import annotations

import io
import itertools
import random

import pytest

from bot.drawings import ComparisonPicture, Edge, GraphPicture, Node, NodeKind
from bot.language import ENGLISH
from bot.pictures.graph_drawing import GraphDrawing, localize_comparison, localize_graph
from bot.pictures.graph_places import place_nodes
from tests.pictures.examples import (
    BOOKINFO,
    DETAILS,
    GATEWAY,
    PAGE,
    RATINGS,
    REVIEWS,
    V1,
    V2,
    V3,
    comparison,
    graph,
)

pytest.importorskip("PIL", reason="the extra `graphs` is not installed")

from PIL import Image

from bot.pictures import graphs, plots, traces
from bot.pictures.canvas import Box, Canvas
from bot.pictures.graph_layout import Lettering, PanelLayout, do_touch
from bot.pictures.style import CHANGED, FAILURE, HTTP, LEAST_SHOWN, SHOWN_WIDTH, TCP, WIDTH

FOOT = 780.0
ALL = (
    Edge(GATEWAY, PAGE, "http", 3.0, secure=100.0),
    Edge(PAGE, DETAILS, "tcp", 300.0, secure=0.0),
    Edge(PAGE, REVIEWS, "http", 3.0, secure=100.0, waypoint=True),
    Edge(REVIEWS, V1, "http", 1.0, 4.0, "503 UH", 50.0, share=33.0),
    Edge(REVIEWS, V2, "http", 1.0, 100.0, "503 NC", share=33.0),
    Edge(REVIEWS, V3, "http", 1.0, secure=100.0, share=33.0),
    Edge(V2, RATINGS, "http", 1.0, 50.0, "500 FI", 100.0),
    Edge(V3, RATINGS, "http", 1.0, secure=100.0),
)


def localize(picture: GraphPicture | ComparisonPicture) -> GraphDrawing:
    """The drawing in English."""
    if isinstance(picture, ComparisonPicture):
        return localize_comparison(picture, ENGLISH)
    return localize_graph(picture, ENGLISH)


def lay_out(picture: GraphPicture | ComparisonPicture) -> list[PanelLayout]:
    """The layouts of a picture's panels."""
    letters = Lettering(graphs.SMALL, Canvas(WIDTH, 10).measure_text)
    return [layout for _, _, layout in graphs.lay_out_panels(localize(picture), FOOT, letters)]


def list_boxes(layout: PanelLayout) -> list[Box]:
    """The boxes of all shapes, names and labels."""
    nodes = [box for node in layout.nodes for box in (node.shape, node.words)]
    return [*nodes, *(path.box for path in layout.edges if path.box is not None)]


def scatter(seed: int) -> GraphPicture:
    """A graph of some twenty services that call each other at random."""
    chance = random.Random(seed)
    names = [f"service/{chance.choice('abcdefgh')}{n}-with-a-long-name" for n in range(20)]
    nodes = tuple(Node(name, name.partition("/")[2], NodeKind.SERVICE, "v1") for name in names)
    pairs = {tuple(chance.sample(names, 2)) for _ in range(26)}
    edges = (
        Edge(source, target, "http", chance.random() * 9, chance.choice((0.0, 0.0, 30.0)))
        for source, target in sorted(pairs)
    )
    return graph(*edges, nodes=nodes)


@pytest.mark.long
@pytest.mark.parametrize(
    "picture",
    [graph(), graph(*ALL, nodes=BOOKINFO), comparison(), *map(scatter, range(5))],
    ids=["small", "bookinfo", "comparison", *(f"scattered {n}" for n in range(5))],
)
def test_nothing_stands_upon_anything_else(picture: GraphPicture | ComparisonPicture) -> None:
    """Neither shapes nor names nor labels touch each other, and all are in the picture."""
    for layout in lay_out(picture):
        boxes = list_boxes(layout)
        touching = [
            (one, other)
            for one, other in itertools.combinations(boxes, 2)
            if do_touch(one, other, gap=0.0) and one[1] != other[3] and one[3] != other[1]
        ]
        assert touching == []
        assert all(0 <= box[0] and box[2] <= WIDTH and box[3] <= FOOT for box in boxes)


@pytest.mark.parametrize("picture", [graph(*ALL, nodes=BOOKINFO), comparison()])
def test_what_fails_and_what_changed_has_its_label(
    picture: GraphPicture | ComparisonPicture,
) -> None:
    """However little room there is."""
    for layout in lay_out(picture):
        marked = [path for path in layout.edges if path.edge.changed or "cross" in path.edge.signs]
        assert all(path.box is not None for path in marked)


def test_versions_stand_below_each_other_in_their_order() -> None:
    """Also v10 after v9, whatever the order of the nodes."""
    versions = [
        Node(f"workload/reviews-v{n}", "", NodeKind.WORKLOAD, f"v{n}", "reviews")
        for n in (10, 2, 1)
    ]
    nodes = (*versions, Node(REVIEWS, "reviews", NodeKind.SPLIT, "", "reviews"))
    edges = (Edge(REVIEWS, version.id, "http", 1.0) for version in versions)
    drawing = localize(graph(*edges, nodes=nodes)).panels[0]
    at = place_nodes(drawing.nodes, drawing.edges).at
    rows = [at[f"workload/reviews-v{n}"] for n in (1, 2, 10)]
    assert [x for x, _ in rows] == [1, 1, 1]
    assert [y for _, y in rows] == [0, 1, 2]


def test_a_service_has_the_same_place_in_every_picture() -> None:
    """Whoever calls whom, in which order, and also when the bot's own requests come from
    outside."""
    shuffled = list(BOOKINFO)
    random.Random(1).shuffle(shuffled)
    outside = Node("workload/unknown", "unknown", NodeKind.OUTSIDE, column=0)
    some = (Edge(GATEWAY, PAGE, "http", 9.0), Edge("workload/unknown", PAGE, "http", 1.0))
    pictures = (
        graph(*ALL, nodes=BOOKINFO),
        graph(*reversed(ALL[:3]), nodes=tuple(shuffled)),
        graph(*some, nodes=(outside, *BOOKINFO)),
    )
    found = [
        {node.node.id: node.at for node in layout.nodes if node.node.shape != NodeKind.OUTSIDE}
        for picture in pictures
        for layout in lay_out(picture)
    ]
    assert found[0] == found[1] == found[2]


def test_both_sides_of_a_comparison_are_alike() -> None:
    """Each node of the second graph stands half a picture to the right of where it was."""
    before, after = lay_out(comparison())
    for one, other in zip(before.nodes, after.nodes, strict=True):
        assert one.node.id == other.node.id
        assert (one.at[0] + WIDTH / 2, one.at[1]) == pytest.approx(other.at)


def test_letters_are_legible_where_slack_shows_the_picture() -> None:
    """The smallest letters of each kind of picture, scaled to that width."""
    sizes = [(graphs.SMALL, WIDTH), (plots.SMALL, WIDTH), (traces.SMALL, traces.WIDTH)]
    for size, width in sizes:
        assert size * SHOWN_WIDTH / width >= LEAST_SHOWN


def colors(drawing: GraphDrawing) -> set[str]:
    """The colours of a picture, which is 16:9."""
    image = Image.open(io.BytesIO(graphs.draw_graph(drawing))).convert("RGB")
    assert image.width * 9 == image.height * 16
    found = image.tobytes()
    triples = zip(found[0::3], found[1::3], found[2::3], strict=True)
    return {f"#{r:02X}{g:02X}{b:02X}" for r, g, b in set(triples)}


@pytest.mark.long
def test_a_picture_is_for_the_wall_and_has_kialis_colours() -> None:
    """The same bytes for the same values; red only where something fails."""
    drawing = localize(graph(*ALL, nodes=BOOKINFO))
    assert graphs.draw_graph(drawing) == graphs.draw_graph(drawing)
    assert {HTTP.color, TCP.color, FAILURE.color} <= colors(drawing)
    healthy = colors(localize(graph(ALL[0], nodes=BOOKINFO)))
    assert (HTTP.color in healthy, FAILURE.color in healthy) == (True, False)
    assert CHANGED in colors(localize(comparison()))


@pytest.mark.parametrize("name", ['x"];evil', "</TABLE>", "a\nb", "é→🔒", "x" * 200, ""])
def test_any_name_can_be_drawn(name: str) -> None:
    """Whatever the cluster calls its objects is a label."""
    nodes = (Node("a", name, NodeKind.WORKLOAD, name, name), Node("b", "b", NodeKind.SERVICE))
    drawing = localize(graph(Edge("a", "b", "http", 1.0, 5.0, name), nodes=nodes))
    assert graphs.draw_graph(drawing).startswith(b"\x89PNG")


def test_callers_in_a_circle_and_of_themselves_can_be_drawn() -> None:
    """Each has a place of its own."""
    nodes = (Node("a", "a"), Node("b", "b"))
    edges = [Edge("a", "b", "http", 1.0), Edge("b", "a", "http", 1.0), Edge("a", "a", "http", 1.0)]
    (layout,) = lay_out(graph(*edges, nodes=nodes))
    assert len({node.at for node in layout.nodes}) == 2
    assert all(path.box is not None for path in layout.edges)
