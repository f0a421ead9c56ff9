"""A traffic graph as DOT text, which any Graphviz can lay out and draw.

Nodes get names of our own and every text is escaped, so that whatever the cluster calls its objects stays a label.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from bot.drawings import Edge, GraphPicture, Node, Shape
from bot.pictures.look import (
    BLUE,
    ERRORS,
    FAINT,
    FONT,
    HALF,
    HTTP,
    ICONS,
    INK,
    LINES,
    LOCK,
    OPEN,
    PANEL,
    PAPER,
    QUIET,
    TCP,
    VERMILLION,
    WAYPOINT,
    Icon,
    Line,
    legible,
)

DPI = 144
"""Twice the pixels of a screen's 72."""

DOWN, ACROSS = 'rankdir=TB, size="10,14"', 'rankdir=LR, size="14,14"'
"""Which way calls go, and to how many inches a picture is shrunk: 1440 pixels are twice Slack's width of a message. A
large graph is read from left to right, where names stack better, and in its full size."""

MANY = 14
"""Nodes from which a graph is large."""

SHAPES = {
    Shape.WORKLOAD: f'shape=box, style="rounded,filled", fillcolor="{PAPER}"',
    Shape.SERVICE: f'shape=box, style="rounded,filled", fillcolor="{PAPER}"',
    Shape.GATEWAY: f'shape=box, peripheries=2, style=filled, fillcolor="#E3F0F8", color="{BLUE}"',
    Shape.WAYPOINT: f'shape=hexagon, style=filled, fillcolor="#E3F0F8", color="{BLUE}"',
    Shape.OUTSIDE: f'shape=box, style="dashed,filled", fillcolor="{PAPER}", color="{QUIET}"',
}
NOTES = {Shape.GATEWAY: "gateway", Shape.WAYPOINT: "waypoint", Shape.OUTSIDE: "not in the mesh"}
SPLIT = f'shape=oval, style=filled, fillcolor="{PAPER}"'
"""A Service in front of several workloads."""


def emit(picture: GraphPicture, icons: str = "") -> str:
    """The picture in DOT; `icons` is the directory of the signs' PNG files, "" for an engine that takes none."""
    names = {node.id: f"n{index}" for index, node in enumerate(picture.nodes)}
    edges = [edge for edge in picture.edges if edge.source in names and edge.target in names]
    split = {
        edge.source for edge in edges if edge.target.startswith("workload/") and edge.source.startswith("service/")
    }
    heaviest = {
        line: max((e.rate for e in edges if (e.protocol == "tcp") == (line is TCP)), default=0.0) for line in LINES
    }
    body = [
        *head(picture, edges, icons),
        "subgraph cluster_all {",
        f"label={title(picture)}; labelloc=t; labeljust=l; penwidth=0; margin=12;",
        *boxes(picture.nodes, names, split),
        "}",
        *(f"{names[e.source]} -> {names[e.target]} [{drawn(e, heaviest[line_of(e)], icons)}];" for e in edges),
    ]
    return "digraph traffic {\n" + "\n".join(body) + "\n}\n"


def head(picture: GraphPicture, edges: Sequence[Edge], icons: str) -> Iterator[str]:
    """What holds for the whole graph; its label, below, is the legend."""
    where = f', imagepath="{quoted(icons)}"' if icons else ""
    way = DOWN if len(picture.nodes) < MANY else ACROSS
    yield (
        f'graph [{way}, dpi={DPI}, bgcolor="{PAPER}", pad=0.2, nodesep=0.3, ranksep=0.35,'
        f' fontname="{FONT}", fontsize=11, fontcolor="{INK}", labelloc=b, labeljust=l,'
        f" label={legend(edges, icons)}{where}];"
    )
    yield f'node [fontname="{FONT}", fontsize=13, fontcolor="{INK}", color="{INK}", penwidth=1.2, margin="0.16,0.08"];'
    yield f'edge [fontname="{FONT}", fontsize=11, fontcolor="{INK}", arrowsize=0.8];'


def title(picture: GraphPicture) -> str:
    """What the picture shows, and of when."""
    caption = f'<FONT POINT-SIZE="11" COLOR="{QUIET}">{text(picture.caption, 90)}</FONT>'
    rows = f'<TR><TD ALIGN="LEFT"><FONT POINT-SIZE="18">{text(picture.title, 50)}</FONT></TD></TR>'
    return f'<{TABLE}{rows}<TR><TD ALIGN="LEFT">{caption}</TD></TR></TABLE>>'


TABLE = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">'


def legend(edges: Iterable[Edge], icons: str) -> str:
    """What the lines and signs mean, of those that are there."""
    listed = list(edges)
    lines = [line for line in LINES if any(line_of(edge) is line for edge in listed)]
    signs = [icon for icon in ICONS if any(icon in signs_of(edge) for edge in listed)]
    if not icons:
        said = [f"{line.style} line: {line.words}" for line in lines]
        return f"<{' · '.join(map(escape, said))}>" if said else '""'
    told = [(f"line-{line.name}", line.words) for line in lines] + [(icon.name, icon.words) for icon in signs]
    cells = [f'{image(name, 34, 11)}<TD ALIGN="LEFT"> {escape(words)}   </TD>' for name, words in told]
    rows = (f"<TR>{''.join(cells[i : i + 3])}</TR>" for i in range(0, len(cells), 3))
    return f"<{TABLE}{''.join(rows)}</TABLE>>" if cells else '""'


def boxes(nodes: Iterable[Node], names: dict[str, str], split: set[str]) -> Iterator[str]:
    """The nodes, those of one application in a box."""
    groups = dict[str, list[Node]]()
    for node in nodes:
        groups.setdefault(node.group or f"\0{node.id}", []).append(node)
    for index, (group, members) in enumerate(groups.items()):
        lines = [f"{names[node.id]} [{look(node, node.id in split)}];" for node in members]
        if len(members) == 1:
            yield lines[0]
            continue
        yield f"subgraph cluster_{index} {{"
        yield f'label=<<FONT COLOR="{QUIET}">{text(group, 30)}</FONT>>; labelloc=t; labeljust=l;'
        yield "fontsize=11; margin=10;"
        yield f'style="rounded,filled"; fillcolor="{PANEL}"; color="{FAINT}"; penwidth=1;'
        yield from lines
        yield "}"


def look(node: Node, split: bool) -> str:
    """A node's attributes."""
    note = NOTES.get(node.shape, "service" if split else node.note)
    note = note if node.shape is not Shape.OUTSIDE or not node.note else node.note
    under = f'<BR/><FONT POINT-SIZE="10" COLOR="{QUIET}">{text(note, 30)}</FONT>' if note else ""
    return f"{SPLIT if split else SHAPES[node.shape]}, label=<{text(node.label, 32)}{under}>"


def drawn(edge: Edge, heaviest: float, icons: str) -> str:
    """An edge's attributes: thicker for more, in the line of its kind."""
    line = line_of(edge)
    share = math.log1p(edge.rate) / math.log1p(heaviest) if heaviest > 0 else 0.0
    width = max(1.3 + 1.5 * share, 2.0 if line is ERRORS else 0.0)
    return f'style={line.style}, color="{line.color}", penwidth={width:.2f}, label={label(edge, icons)}'


def label(edge: Edge, icons: str) -> str:
    """Signs, rate and protocol, and below what failed."""
    signs = signs_of(edge)
    first = "".join(image(sign.name, 12, 12, "TOP") for sign in signs) if icons else ""
    words = rate(edge) + ("" if icons else "".join(f", {sign.words}" for sign in signs))
    lines = f'{text(words)}<BR ALIGN="LEFT"/>'
    if edge.failed:
        told = f"{max(edge.failed, 1):.0f} % errors" + (f", {edge.why}" if edge.why else "")
        lines += f'<FONT COLOR="{VERMILLION}">{text(told, 40)}</FONT><BR ALIGN="LEFT"/>'
    return f'<{TABLE}<TR>{first}<TD BALIGN="LEFT">{lines}</TD></TR></TABLE>>'


def rate(edge: Edge) -> str:
    """How much, by which protocol."""
    if edge.protocol == "tcp":
        return f"{amount(edge.rate)}B/s TCP"
    return f"{edge.rate:.2f}/s {edge.protocol.upper()}"


def amount(number: float) -> str:
    """`512 `, `1.4 k`, `2.0 M`."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number:.0f} "


def line_of(edge: Edge) -> Line:
    """Errors before protocol."""
    return ERRORS if edge.failed else TCP if edge.protocol == "tcp" else HTTP


def signs_of(edge: Edge) -> list[Icon]:
    """The signs that an edge carries."""
    signs = []
    if edge.secure is not None:
        signs.append(LOCK if edge.secure >= 99.5 else HALF if edge.secure > 0 else OPEN)
    return [*signs, WAYPOINT] if edge.waypoint else signs


def image(name: str, width: int, height: int, place: str = "MIDDLE") -> str:
    """A cell with a sign in it."""
    size = f'VALIGN="{place}" FIXEDSIZE="TRUE" WIDTH="{width}" HEIGHT="{height}"'
    return f'<TD {size}><IMG SRC="{name}.png" SCALE="TRUE"/></TD>'


def text(value: str, most: int = 60) -> str:
    """A text inside an HTML-like label."""
    return escape(legible(value, most))


def quoted(value: str) -> str:
    """A text inside double quotes."""
    return value.replace("\\", "\\\\").replace('"', '\\"')
