"""Collapses graphs that have too many nodes to be read: the busiest are kept, the others
become one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from bot.drawings import Edge, GraphPicture, Node, NodeKind
from bot.text import Text, counted

MOST = 32
"""Nodes in a picture."""

REST = "rest"


def limit_nodes(
    pictures: Sequence[GraphPicture], say: Callable[[Text], str], most: int = MOST
) -> list[GraphPicture]:
    """Return pictures of the same nodes with at most so many, the same ones in each.

    Gateways and waypoints stay, then those with errors, then those with most traffic.
    """
    nodes = {node.id: node for picture in pictures for node in picture.nodes}
    if len(nodes) <= most:
        return list(pictures)
    edges = tuple(edge for picture in pictures for edge in picture.edges)
    ranked = rank_nodes(replace(pictures[0], nodes=tuple(nodes.values()), edges=edges))
    kept = {node.id for node in ranked[: most - 1]}
    count = counted("{n} more", "{n} more", n=len(nodes) - len(kept))
    rest = Node(REST, say(count), NodeKind.OUTSIDE, say(Text("the least busy")))
    return [gather_rest(picture, kept, rest) for picture in pictures]


def gather_rest(picture: GraphPicture, kept: Collection[str], rest: Node) -> GraphPicture:
    """Return a picture in which one node stands for all that are not kept."""
    nodes = (*(node for node in picture.nodes if node.id in kept), rest)
    moved = (
        replace(
            edge,
            source=edge.source if edge.source in kept else REST,
            target=edge.target if edge.target in kept else REST,
        )
        for edge in picture.edges
    )
    edges = merge_edges(edge for edge in moved if edge.source != edge.target)
    return replace(picture, nodes=nodes, edges=tuple(edges))


def rank_nodes(picture: GraphPicture) -> list[Node]:
    """Return the nodes, the most important first; bytes are weighed against bytes, requests
    against requests.
    """
    traffic, failing = defaultdict[str, float](float), set[str]()
    heaviest = defaultdict[str, float](float)
    for edge in picture.edges:
        heaviest[edge.protocol] = max(heaviest[edge.protocol], edge.rate)
    for edge in picture.edges:
        for end in (edge.source, edge.target):
            traffic[end] += edge.rate / heaviest[edge.protocol] if edge.rate else 0.0
            if edge.failed:
                failing.add(end)

    def weight(node: Node) -> tuple[bool, bool, float]:
        return (
            node.shape in (NodeKind.GATEWAY, NodeKind.WAYPOINT),
            node.id in failing,
            traffic[node.id],
        )

    # By name first: of nodes that weigh the same, always the same ones are kept.
    return sorted(sorted(picture.nodes, key=lambda node: node.id), key=weight, reverse=True)


def merge_edges(edges: Iterable[Edge]) -> list[Edge]:
    """Return one edge for all of one protocol between the same two nodes."""
    together = defaultdict[tuple[str, str, str], list[Edge]](list)
    for edge in edges:
        together[edge.source, edge.target, edge.protocol].append(edge)
    return [
        several[0] if len(several) == 1 else sum_edges(several) for several in together.values()
    ]


def sum_edges(edges: list[Edge]) -> Edge:
    """Return the sum of edges: rates add up, percentages weigh by rate."""
    total = sum(edge.rate for edge in edges)
    told = [edge for edge in edges if edge.secure is not None]
    worst = max(edges, key=lambda edge: edge.failed)
    return replace(
        edges[0],
        rate=total,
        failed=sum(edge.failed * edge.rate for edge in edges) / total if total else 0.0,
        why=worst.why,
        # Of several, the weakest counts: a lock or a waypoint must be true of all.
        secure=min((edge.secure for edge in told if edge.secure is not None), default=None),
        waypoint=all(edge.waypoint for edge in edges),
        share=None,
    )
