"""A traffic graph as DOT text, which any Graphviz can lay out and draw.

Nodes get names of our own and every text is escaped, so that whatever the cluster calls its objects
stays a label.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape

from bot.drawings import Edge, GraphPicture, Node, NodeKind
from bot.pictures.style import (
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
    LineStyle,
    make_legible,
)
from bot.text import Text, in_context, join, verbatim

Say = Callable[[Text], str]

DPI = 144
"""Twice the pixels of a screen's 72."""

DOWN, ACROSS = 'rankdir=TB, size="10,14"', 'rankdir=LR, size="14,14"'
"""Which way calls go, and to how many inches a picture is shrunk: 1440 pixels are twice Slack's
width of a message. A large graph is read from left to right, where names stack better, and in its
full size."""

MANY = 14
"""Nodes from which a graph is large."""

SHAPES = {
    NodeKind.WORKLOAD: f'shape=box, style="rounded,filled", fillcolor="{PAPER}"',
    NodeKind.SERVICE: f'shape=box, style="rounded,filled", fillcolor="{PAPER}"',
    NodeKind.GATEWAY: (
        f'shape=box, peripheries=2, style=filled, fillcolor="#E3F0F8", color="{BLUE}"'
    ),
    NodeKind.WAYPOINT: f'shape=hexagon, style=filled, fillcolor="#E3F0F8", color="{BLUE}"',
    NodeKind.OUTSIDE: f'shape=box, style="dashed,filled", fillcolor="{PAPER}", color="{QUIET}"',
}
NOTES = {
    NodeKind.GATEWAY: in_context("node", "gateway"),
    NodeKind.WAYPOINT: in_context("node", "waypoint"),
    NodeKind.OUTSIDE: in_context("node", "not in the mesh"),
}
SERVICE_NOTE = in_context("node", "service")
SPLIT = f'shape=oval, style=filled, fillcolor="{PAPER}"'
"""A Service in front of several workloads."""


def build_dot(picture: GraphPicture, say: Say, icons: str = "") -> str:
    """Return the picture in DOT; `icons` is the directory of the signs' PNG files, "" for an
    engine that takes none.
    """
    names = {node.id: f"n{index}" for index, node in enumerate(picture.nodes)}
    edges = [edge for edge in picture.edges if edge.source in names and edge.target in names]
    split = {
        edge.source
        for edge in edges
        if edge.target.startswith("workload/") and edge.source.startswith("service/")
    }
    heaviest = {
        line: max((e.rate for e in edges if (e.protocol == "tcp") == (line is TCP)), default=0.0)
        for line in LINES
    }
    body = [
        *build_header(picture, edges, say, icons),
        "subgraph cluster_all {",
        f"label={build_title(picture, say)}; labelloc=t; labeljust=l; penwidth=0; margin=12;",
        *build_node_boxes(picture.nodes, names, split, say),
        "}",
        *(
            f"{names[edge.source]} -> {names[edge.target]} "
            f"[{build_edge_attributes(edge, heaviest[choose_line(edge)], say, icons)}];"
            for edge in edges
        ),
    ]
    return "digraph traffic {\n" + "\n".join(body) + "\n}\n"


def build_header(
    picture: GraphPicture, edges: Sequence[Edge], say: Say, icons: str
) -> Iterator[str]:
    """Yield the attributes of the whole graph; its label, below, is the legend."""
    where = f', imagepath="{escape_quotes(icons)}"' if icons else ""
    way = DOWN if len(picture.nodes) < MANY else ACROSS
    yield (
        f'graph [{way}, dpi={DPI}, bgcolor="{PAPER}", pad=0.2, nodesep=0.3, ranksep=0.35,'
        f' fontname="{FONT}", fontsize=11, fontcolor="{INK}", labelloc=b, labeljust=l,'
        f" label={build_legend(edges, say, icons)}{where}];"
    )
    yield (
        f'node [fontname="{FONT}", fontsize=13, fontcolor="{INK}", color="{INK}",'
        ' penwidth=1.2, margin="0.16,0.08"];'
    )
    yield f'edge [fontname="{FONT}", fontsize=11, fontcolor="{INK}", arrowsize=0.8];'


def build_title(picture: GraphPicture, say: Say) -> str:
    """Return the picture's title and caption as a label."""
    title, caption = escape_label(say(picture.title), 50), escape_label(say(picture.caption), 90)
    rows = (
        f'<FONT POINT-SIZE="18">{title}</FONT>',
        f'<FONT POINT-SIZE="11" COLOR="{QUIET}">{caption}</FONT>',
    )
    cells = "".join(f'<TR><TD ALIGN="LEFT">{row}</TD></TR>' for row in rows)
    return f"<{TABLE}{cells}</TABLE>>"


TABLE = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">'


def build_legend(edges: Iterable[Edge], say: Say, icons: str) -> str:
    """Return the meaning of those lines and signs that occur, as a label."""
    listed = list(edges)
    lines = [line for line in LINES if any(choose_line(edge) is line for edge in listed)]
    signs = [icon for icon in ICONS if any(icon in list_signs(edge) for edge in listed)]
    if not icons:
        described = [escape_label(say(line.described)) for line in lines]
        return f"<{' · '.join(described)}>" if described else '""'
    told = [(f"line-{line.name}", line.words) for line in lines] + [
        (icon.name, icon.words) for icon in signs
    ]
    cells = [
        f'{build_image_cell(name, 34, 11)}<TD ALIGN="LEFT"> {escape_label(say(words))}   </TD>'
        for name, words in told
    ]
    rows = (f"<TR>{''.join(cells[i : i + 3])}</TR>" for i in range(0, len(cells), 3))
    return f"<{TABLE}{''.join(rows)}</TABLE>>" if cells else '""'


def build_node_boxes(
    nodes: Iterable[Node], names: dict[str, str], split: set[str], say: Say
) -> Iterator[str]:
    """Yield the nodes, those of one application in a box."""
    groups = dict[str, list[Node]]()
    for node in nodes:
        # A node without a group is one of its own; no name in a cluster holds a NUL.
        groups.setdefault(node.group or f"\0{node.id}", []).append(node)
    for index, (group, members) in enumerate(groups.items()):
        lines = [
            f"{names[node.id]} [{build_node_attributes(node, node.id in split, say)}];"
            for node in members
        ]
        if len(members) == 1:
            yield lines[0]
            continue
        yield f"subgraph cluster_{index} {{"
        label = f'<FONT COLOR="{QUIET}">{escape_label(group, 30)}</FONT>'
        yield f"label=<{label}>; labelloc=t; labeljust=l;"
        yield "fontsize=11; margin=10;"
        yield f'style="rounded,filled"; fillcolor="{PANEL}"; color="{FAINT}"; penwidth=1;'
        yield from lines
        yield "}"


def build_node_attributes(node: Node, split: bool, say: Say) -> str:
    """Return a node's attributes."""
    own = verbatim(node.note)
    note = say(NOTES.get(node.shape, SERVICE_NOTE if split else own))
    note = node.note if node.shape is NodeKind.OUTSIDE and node.note else note
    under = (
        f'<BR/><FONT POINT-SIZE="10" COLOR="{QUIET}">{escape_label(note, 30)}</FONT>'
        if note
        else ""
    )
    return (
        f"{SPLIT if split else SHAPES[node.shape]}, label=<{escape_label(node.label, 32)}{under}>"
    )


def build_edge_attributes(edge: Edge, heaviest: float, say: Say, icons: str) -> str:
    """Return an edge's attributes: thicker for more traffic, in the line style of its kind."""
    line = choose_line(edge)
    # By logarithm: one busy edge must not make all others equally thin.
    share = math.log1p(edge.rate) / math.log1p(heaviest) if heaviest > 0 else 0.0
    width = max(1.3 + 1.5 * share, 2.0 if line is ERRORS else 0.0)
    label = build_edge_label(edge, say, icons)
    return f'style={line.style}, color="{line.color}", penwidth={width:.2f}, label={label}'


def build_edge_label(edge: Edge, say: Say, icons: str) -> str:
    """Return an edge's label: signs, rate and protocol, and below them what failed."""
    signs = list_signs(edge)
    first = "".join(build_image_cell(sign.name, 12, 12, "TOP") for sign in signs) if icons else ""
    words = join("comma", format_rate(edge), *(sign.words for sign in signs if not icons))
    lines = f'{escape_label(say(words))}<BR ALIGN="LEFT"/>'
    if edge.failed:
        # What rounds to nothing is said as 1 %, for something did fail.
        errors = Text("{share:.0f} % errors", share=max(edge.failed, 1.0))
        told = escape_label(say(join("comma", errors, edge.why)), 40)
        lines += f'<FONT COLOR="{VERMILLION}">{told}</FONT><BR ALIGN="LEFT"/>'
    return f'<{TABLE}<TR>{first}<TD BALIGN="LEFT">{lines}</TD></TR></TABLE>>'


def format_rate(edge: Edge) -> str:
    """Format an edge's rate and protocol."""
    if edge.protocol == "tcp":
        return f"{format_amount(edge.rate)}B/s TCP"
    return f"{edge.rate:.2f}/s {edge.protocol.upper()}"


def format_amount(number: float) -> str:
    """Format a number as `512 `, `1.4 k` or `2.0 M`."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number:.0f} "


def choose_line(edge: Edge) -> LineStyle:
    """Return the line style of an edge: errors count before the protocol."""
    return ERRORS if edge.failed else TCP if edge.protocol == "tcp" else HTTP


def list_signs(edge: Edge) -> list[Icon]:
    """Return the signs that an edge carries."""
    signs = []
    if edge.secure is not None:
        signs.append(LOCK if edge.secure >= 99.5 else HALF if edge.secure > 0 else OPEN)
    return [*signs, WAYPOINT] if edge.waypoint else signs


def build_image_cell(name: str, width: int, height: int, place: str = "MIDDLE") -> str:
    """Return a table cell with a sign in it."""
    size = f'VALIGN="{place}" FIXEDSIZE="TRUE" WIDTH="{width}" HEIGHT="{height}"'
    return f'<TD {size}><IMG SRC="{name}.png" SCALE="TRUE"/></TD>'


def escape_label(value: str, most: int = 60) -> str:
    """Return a text for an HTML-like label: in letters that the font has, cut to `most`,
    escaped.
    """
    return escape(make_legible(value, most))


def escape_quotes(value: str) -> str:
    """Return a text for double quotes: backslashes and quotes escaped."""
    return value.replace("\\", "\\\\").replace('"', '\\"')
