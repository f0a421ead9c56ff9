"""A traffic graph as the process that draws is given it: every word said, every sign chosen.

Where each node stands is computed over there, from names and columns, so that a service keeps its
place from picture to picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from bot.drawings import ComparisonPicture, Edge, GraphPicture, Node, NodeKind
from bot.pictures.collapse import limit_nodes
from bot.pictures.style import (
    CROSS,
    DEGRADED,
    FAILURE,
    FAILURE_SHARE,
    GONE,
    HALF,
    HTTP,
    LINES,
    LOCK,
    OPEN,
    SIGNS,
    TCP,
    WAYPOINT,
    Icon,
    LineStyle,
)
from bot.text import EMPTY, Text, in_context, join

Say = Callable[[Text], str]
"""Says a text in the language of the channel."""

NOTES = {
    NodeKind.GATEWAY: in_context("node", "gateway"),
    NodeKind.WAYPOINT: in_context("node", "waypoint"),
    NodeKind.OUTSIDE: in_context("node", "not in the mesh"),
    NodeKind.SPLIT: in_context("node", "service"),
}
SHAPES = {
    NodeKind.SPLIT: in_context("legend", "service"),
    NodeKind.SERVICE: in_context("legend", "service with its workload"),
    NodeKind.WORKLOAD: in_context("legend", "version, workload"),
    NodeKind.GATEWAY: in_context("legend", "gateway"),
    NodeKind.WAYPOINT: in_context("legend", "waypoint"),
    NodeKind.OUTSIDE: in_context("legend", "not in the mesh"),
}
IDLE_NODE = "idle"
CHANGED_LINE = "changed"
"""Samples of the legend that are neither a line's, nor a sign's, nor a shape's."""


class NodeDrawing(NamedTuple):
    """A node with its words; the other values are those of `bot.drawings.Node`."""

    id: str
    words: str
    note: str
    shape: str
    group: str
    column: int
    idle: bool


class EdgeDrawing(NamedTuple):
    """An edge: its style of line by name, what stands at it, and its weight from 0 to 1.

    `changed` puts a light behind it.
    """

    source: str
    target: str
    line: str
    words: tuple[str, ...]
    signs: tuple[str, ...]
    weight: float
    changed: bool = False


class PanelDrawing(NamedTuple):
    """One graph of a picture, below its caption."""

    caption: str
    nodes: tuple[NodeDrawing, ...]
    edges: tuple[EdgeDrawing, ...]


@dataclass(frozen=True)
class GraphDrawing:
    """One graph, or two beside each other; the legend's entries are samples with what they mean."""

    title: str
    caption: str
    panels: tuple[PanelDrawing, ...]
    legend: tuple[tuple[str, str], ...]


def localize_graph(picture: GraphPicture, say: Say) -> GraphDrawing:
    """Return a graph with its words said, of as many nodes as can be read."""
    (picture,) = limit_nodes((picture,), say)
    panel = localize_panel(picture, say, "")
    legend = list_legend((picture,), (panel,), say)
    return GraphDrawing(say(picture.title), say(picture.caption), (panel,), legend)


def localize_comparison(picture: ComparisonPicture, say: Say) -> GraphDrawing:
    """Return two graphs with the same nodes in the same places; what changed is marked in the
    second.
    """
    before, after = limit_nodes(unite_nodes(picture.before, picture.after), say)
    notes = {(each.source, each.target): say(each.note) for each in picture.changes}
    panels = drop_usual_locks(
        (
            localize_panel(before, say, say(before.caption)),
            mark_changes(localize_panel(after, say, say(after.caption)), notes),
        )
    )
    legend = list_legend((before, after), panels, say)
    return GraphDrawing(say(picture.title), say(picture.caption), panels, legend)


def unite_nodes(*pictures: GraphPicture) -> tuple[GraphPicture, ...]:
    """Return the graphs, each with the nodes of all, those of others as idle ones."""
    every = {node.id: node for picture in pictures for node in picture.nodes}
    made = []
    for picture in pictures:
        own = {node.id: node for node in picture.nodes}
        nodes = (own.get(id_, replace(node, idle=True)) for id_, node in every.items())
        made.append(replace(picture, nodes=tuple(nodes)))
    return tuple(made)


def localize_panel(picture: GraphPicture, say: Say, caption: str) -> PanelDrawing:
    """Return one graph with its words said."""
    names = {node.id for node in picture.nodes}
    edges = [edge for edge in picture.edges if {edge.source, edge.target} <= names]
    heaviest = {
        tcp: max((each.rate for each in edges if (each.protocol == "tcp") is tcp), default=0.0)
        for tcp in (True, False)
    }
    return PanelDrawing(
        caption,
        tuple(localize_node(node, say) for node in picture.nodes),
        tuple(
            localize_edge(edge, heaviest[edge.protocol == "tcp"], say, narrow=bool(caption))
            for edge in edges
        ),
    )


def localize_node(node: Node, say: Say) -> NodeDrawing:
    """Return a node with its words: a version stands in its application's box by its version
    alone.
    """
    note = node.note or (say(NOTES[node.shape]) if node.shape in NOTES else "")
    words = node.label
    if node.shape is NodeKind.WORKLOAD and node.group and node.note:
        words, note = node.note, ""
    return NodeDrawing(node.id, words, note, node.shape, node.group, node.column, node.idle)


def localize_edge(edge: Edge, heaviest: float, say: Say, *, narrow: bool) -> EdgeDrawing:
    """Return an edge with what failed, and its share and rate: the first line matters most.

    In a `narrow` panel a share alone tells what a version gets.
    """
    # By logarithm: one busy edge must not make all others equally thin.
    weight = math.log1p(edge.rate) / math.log1p(heaviest) if heaviest > 0 else 0.0
    words = []
    if edge.failed:
        # What rounds to nothing is said as 1 %, for something did fail.
        failed = max(edge.failed, 1.0)
        errors = Text("{share:.0f} % errors", share=failed)
        # translators: short for "errors", where there is little room
        words.append(say(Text("{share:.0f} % err.", share=failed) if narrow else errors))
        words += [edge.why] if edge.why else []
    share = EMPTY if edge.share is None else Text("{share:.0f} %", share=edge.share)
    words.append(say(join("comma", share, EMPTY if narrow and share else format_rate(edge))))
    signs = tuple(sign.name for sign in list_signs(edge))
    return EdgeDrawing(
        edge.source, edge.target, choose_line(edge).name, tuple(words), signs, weight
    )


def mark_changes(panel: PanelDrawing, notes: dict[tuple[str, str], str]) -> PanelDrawing:
    """Return a graph with a light behind what changed, and what is gone as a faint line."""
    marked = [
        edge._replace(words=add_note(edge, notes[edge[:2]]), changed=True)
        if edge[:2] in notes
        else edge
        for edge in panel.edges
    ]
    there = {edge[:2] for edge in panel.edges}
    names = {node.id for node in panel.nodes}
    gone = [
        EdgeDrawing(source, target, GONE.name, (note,), (), 0.0, changed=True)
        for (source, target), note in notes.items()
        if (source, target) not in there and {source, target} <= names
    ]
    return panel._replace(edges=(*marked, *gone))


def add_note(edge: EdgeDrawing, note: str) -> tuple[str, ...]:
    """Return an edge's lines with a note: after what failed, which says it already, else below the
    first.
    """
    place = len(edge.words) - 1 if CROSS.name in edge.signs else 1
    return (*edge.words[:place], note, *edge.words[place:]) if note else edge.words


def drop_usual_locks(panels: Sequence[PanelDrawing]) -> tuple[PanelDrawing, ...]:
    """Return panels that stand beside each other, without the locks that nothing changed."""
    edges = [edge for panel in panels for edge in panel.edges]
    locked = {edge[:2] for edge in edges if LOCK.name in edge.signs}
    usual = locked - {edge[:2] for edge in edges if {OPEN.name, HALF.name} & set(edge.signs)}
    return tuple(
        panel._replace(
            edges=tuple(
                edge._replace(signs=tuple(sign for sign in edge.signs if sign != LOCK.name))
                if edge[:2] in usual
                else edge
                for edge in panel.edges
            )
        )
        for panel in panels
    )


def format_rate(edge: Edge) -> str:
    """Format an edge's rate; the protocol is said where it is not HTTP."""
    if edge.protocol == "tcp":
        return f"{format_amount(edge.rate)}B/s"
    protocol = "" if edge.protocol == "http" else f" {edge.protocol}"
    return f"{edge.rate:.2f}/s{protocol}"


def format_amount(number: float) -> str:
    """Format a number as `512 `, `1.4 k` or `2.0 M`."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number:.0f} "


def choose_line(edge: Edge) -> LineStyle:
    """Return the line style of an edge: errors count before the protocol."""
    if edge.failed:
        return FAILURE if edge.failed >= FAILURE_SHARE else DEGRADED
    return TCP if edge.protocol == "tcp" else HTTP


def list_signs(edge: Edge) -> list[Icon]:
    """Return the signs that an edge carries."""
    signs = [CROSS] if edge.failed else []
    if edge.secure is not None:
        signs.append(LOCK if edge.secure >= 99.5 else HALF if edge.secure > 0 else OPEN)
    return [*signs, WAYPOINT] if edge.waypoint else signs


def list_legend(
    pictures: Iterable[GraphPicture], panels: Sequence[PanelDrawing], say: Say
) -> tuple[tuple[str, str], ...]:
    """Return the meaning of those lines, signs and shapes that occur, and of nothing else."""
    edges = [edge for panel in panels for edge in panel.edges]
    lines, signs = {edge.line for edge in edges}, {sign for edge in edges for sign in edge.signs}
    nodes = [node for picture in pictures for node in picture.nodes]
    shapes = {node.shape for node in nodes}
    told = [(line.name, line.words) for line in LINES if line.name in lines]
    told += [(sign.name, sign.words) for sign in SIGNS if sign.name in signs]
    told += [(shape.value, words) for shape, words in SHAPES.items() if shape in shapes]
    if any(node.idle for node in nodes):
        told.append((IDLE_NODE, in_context("legend", "idle: not called")))
    if any(edge.changed for edge in edges):
        told.append((CHANGED_LINE, in_context("legend", "changed")))
    return tuple((name, say(words)) for name, words in told)
