"""Places for the nodes of a graph: columns (or rows) by distance from where requests enter, and the
same order each time, so that a service stays where it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sandbox.consoles.mesh_graph import MeshGraph, MeshNode

Direction = Literal["right", "down"]


@dataclass(frozen=True)
class Box:
    """Where a node is drawn, in units of the picture."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> tuple[float, float]:
        """The centre."""
        return self.x + self.width / 2, self.y + self.height / 2


@dataclass(frozen=True)
class Layout:
    """The boxes of all nodes, and the size of the picture."""

    boxes: Mapping[str, Box]
    width: float
    height: float
    direction: Direction


@dataclass(frozen=True)
class Spacing:
    """Sizes of nodes and of the room between them: `along` the flow and `across` it."""

    width: float
    height: float
    along: float
    across: float
    margin: float = 16.0


FLAGS = 12.0
"""Room below the lowest node for the words that stand under it."""
SPACINGS: Mapping[Direction, Spacing] = {
    "right": Spacing(width=176.0, height=54.0, along=128.0, across=30.0),
    "down": Spacing(width=86.0, height=46.0, along=74.0, across=7.0, margin=10.0),
}


def place_nodes(graph: MeshGraph, direction: Direction) -> Layout:
    """Return a place for each node: requests go to the right, or down where it is narrow."""
    ranks = rank_nodes(graph)
    layers: dict[int, list[MeshNode]] = {}
    for node in sorted(graph.nodes.values(), key=_sort_key):
        layers.setdefault(ranks[node.id], []).append(node)
    spacing = SPACINGS[direction]
    side = spacing.height if direction == "right" else spacing.width
    deep = spacing.width if direction == "right" else spacing.height
    widest = max(
        (len(layer) * (side + spacing.across) - spacing.across for layer in layers.values()),
        default=side,
    )
    boxes: dict[str, Box] = {}
    for number, rank in enumerate(sorted(layers)):
        layer = layers[rank]
        across = (widest - (len(layer) * (side + spacing.across) - spacing.across)) / 2
        along = spacing.margin + number * (deep + spacing.along)
        for node in layer:
            x, y = (
                (along, spacing.margin + across)
                if direction == "right"
                else (spacing.margin + across, along)
            )
            boxes[node.id] = Box(x, y, spacing.width, spacing.height)
            across += side + spacing.across
    length = len(layers) * (deep + spacing.along) - spacing.along + 2 * spacing.margin
    breadth = widest + 2 * spacing.margin
    width, height = (length, breadth) if direction == "right" else (breadth, length)
    height += FLAGS
    return Layout(boxes, max(width, deep), max(height, side), direction)


def rank_nodes(graph: MeshGraph) -> dict[str, int]:
    """Return how many edges each node is away, at most, from where requests enter.

    An edge that leads back is not counted.
    """
    callees: dict[str, list[str]] = {id_: [] for id_ in graph.nodes}
    for edge in graph.edges:
        if edge.source != edge.target:
            callees[edge.source].append(edge.target)
    ranks = dict.fromkeys(graph.nodes, 0)
    open_: set[str] = set()
    seen: set[str] = set()

    def visit(id_: str, rank: int) -> None:
        if id_ in open_ or (id_ in seen and rank <= ranks[id_]):
            return
        ranks[id_] = rank
        open_.add(id_)
        seen.add(id_)
        for callee in sorted(callees[id_]):
            visit(callee, rank + 1)
        open_.discard(id_)

    called = {edge.target for edge in graph.edges if edge.source != edge.target}
    ordered = sorted(graph.nodes.values(), key=_sort_key)
    for node in [node for node in ordered if node.id not in called] or ordered[:1]:
        visit(node.id, 0)
    return ranks


def _sort_key(node: MeshNode) -> tuple[str, str, str, str]:
    return (node.name, node.version, node.kind, node.id)
