"""The DOT text: what each kind of call and node looks like, and that no name can be more than a
label."""

from __future__ import annotations

import re

import pytest

from bot.drawings import Edge, Node, NodeKind
from bot.language import ENGLISH
from bot.pictures.collapse import MOST, limit_nodes
from bot.pictures.dot import build_dot
from bot.pictures.style import BLUE, QUIET, VERMILLION, make_legible
from tests.pictures.examples import EDGES, GATEWAY, NODES, PAGE, graph

HOSTILE = (
    'x"];evil [label="y',
    "</TABLE><IMG SRC='/etc/passwd'/>",
    'a\\"b\\',
    "line\nbreak",
    "&amp;<B>",
    "n0 -> n1; subgraph cluster_x {",
)


def between(dot: str, source: int, target: int) -> str:
    """The line of one edge."""
    return next(line for line in dot.splitlines() if line.startswith(f"n{source} -> n{target} "))


@pytest.mark.parametrize(
    ("edge", "color", "style", "words"),
    [
        (Edge(GATEWAY, PAGE, "http", 3.02), BLUE, "solid", "3.02/s HTTP"),
        (Edge(GATEWAY, PAGE, "tcp", 1536.0), QUIET, "dotted", "1.5 kB/s TCP"),
        (
            Edge(GATEWAY, PAGE, "http", 3.0, failed=25.0, why="500 FI"),
            VERMILLION,
            "dashed",
            "25 % errors, 500 FI",
        ),
        (Edge(GATEWAY, PAGE, "http", 3.0, failed=0.2), VERMILLION, "dashed", "1 % errors"),
    ],
)
def test_kinds_of_calls_differ_in_more_than_colour(
    edge: Edge, color: str, style: str, words: str
) -> None:
    """Colour, line and words each tell them apart."""
    drawn = between(build_dot(graph(edge), ENGLISH), 0, 1)
    assert f'color="{color}"' in drawn
    assert f"style={style}," in drawn
    assert words in drawn


@pytest.mark.parametrize(
    ("secure", "sign", "words"),
    [
        (100.0, "lock.png", "mutual TLS"),
        (40.0, "half.png", "a part"),
        (0.0, "open.png", "no mutual TLS"),
        (None, "", ""),
    ],
)
def test_locks_say_what_is_known_of_mutual_tls(secure: float | None, sign: str, words: str) -> None:
    """As a sign where signs can be drawn, in words elsewhere; nothing where nobody could tell."""
    edge = Edge(GATEWAY, PAGE, "http", 1.0, secure=secure)
    assert re.findall(r"(\w+\.png)", between(build_dot(graph(edge), ENGLISH, "/signs"), 0, 1)) == (
        [sign] if sign else []
    )
    assert words in between(build_dot(graph(edge), ENGLISH), 0, 1)


def test_the_legend_explains_what_is_there_and_nothing_else() -> None:
    """Bookinfo with an error has two kinds of lines and one sign."""
    legend = next(
        line
        for line in build_dot(graph(), ENGLISH, "/signs").splitlines()
        if line.startswith("graph [")
    )
    assert re.findall(r'SRC="([\w-]+)\.png"', legend) == ["line-http", "line-errors", "lock"]
    through = Edge(GATEWAY, PAGE, "http", 1.0, waypoint=True)
    assert "passes the waypoint" in build_dot(graph(through), ENGLISH, "/signs")


def test_applications_with_versions_stand_in_a_box() -> None:
    """reviews and its two versions do; an application with a single node needs none."""
    dot = build_dot(graph(), ENGLISH)
    boxes = re.findall(r"subgraph cluster_\d+ \{(.*?)\}", dot, re.DOTALL)
    assert len(boxes) == 1
    assert re.findall(r"^n\d", boxes[0], re.MULTILINE) == ["n2", "n3", "n4"]
    assert "service</FONT>" in boxes[0]


@pytest.mark.parametrize("shape", [NodeKind.GATEWAY, NodeKind.WAYPOINT, NodeKind.OUTSIDE])
def test_what_is_no_workload_says_so(shape: NodeKind) -> None:
    """By its form and in words below its name."""
    nodes = (Node(GATEWAY, "g", shape), *NODES[1:])
    line = next(
        line
        for line in build_dot(graph(nodes=nodes), ENGLISH).splitlines()
        if line.startswith("n0 [")
    )
    assert 'shape=box, style="rounded' not in line
    assert {"gateway": "gateway", "waypoint": "waypoint", "outside": "not in the mesh"}[
        shape
    ] in line


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_a_label(name: str) -> None:
    """Whatever a name holds, Graphviz reads the same two nodes, and draws it as text."""
    pygraphviz = pytest.importorskip("pygraphviz", reason="the extra `graphs` is not installed")
    nodes = (
        Node(name, name, NodeKind.WORKLOAD, name, name),
        Node("b", "b", NodeKind.WORKLOAD, "", name),
    )
    read = pygraphviz.AGraph(
        string=build_dot(graph(Edge(name, "b", "http", 1.0, 5.0, name), nodes=nodes), ENGLISH)
    )
    assert (sorted(read.nodes()), read.edges()) == (["n0", "n1"], [("n0", "n1")])
    svg = read.draw(format="svg", prog="dot")
    assert svg.count(b'class="node"') == 2
    assert b"<image" not in svg
    read.close()


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
    shown = limit_nodes(graph(*edges, nodes=(NODES[0], *many)), ENGLISH)
    names = {node.label for node in shown.nodes}
    assert len(shown.nodes) == MOST
    assert {"bookinfo-gateway-istio", "s59", "s0", "22 more"} <= names
    assert {end for edge in shown.edges for end in (edge.source, edge.target)} <= {
        node.id for node in shown.nodes
    }
    assert sum(edge.rate for edge in shown.edges) == pytest.approx(sum(edge.rate for edge in edges))
    assert limit_nodes(graph(*EDGES), ENGLISH) == graph(*EDGES)
