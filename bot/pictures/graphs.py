"""Draws a traffic graph with Graphviz, in this process; the engine may be another, the DOT is our
own."""

from __future__ import annotations

from pathlib import Path

from pygraphviz import AGraph

from bot.drawings import GraphPicture
from bot.pictures.collapse import limit_nodes
from bot.pictures.dot import build_dot


def draw_graph(picture: GraphPicture, home: Path) -> bytes:
    """Return the graph as PNG; `home` was prepared by `bot.pictures.assets`. Raises what
    Graphviz raises.
    """
    graph = AGraph(string=build_dot(limit_nodes(picture), str(home)))
    try:
        drawn = graph.draw(format="png", prog="dot")
    finally:
        graph.close()
    if not drawn:
        raise RuntimeError("Graphviz gave no picture")
    return bytes(drawn)
