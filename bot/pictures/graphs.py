"""Draws a traffic graph with Graphviz, in this process; the engine may be another, the DOT is our
own."""

from __future__ import annotations

from pygraphviz import AGraph

from bot.pictures.localized import GraphDrawing


def draw_graph(drawing: GraphDrawing) -> bytes:
    """Return the graph as PNG; its signs were prepared by `bot.pictures.assets`. Raises what
    Graphviz raises.
    """
    graph = AGraph(string=drawing.dot)
    try:
        drawn = graph.draw(format="png", prog="dot")
    finally:
        graph.close()
    if not drawn:
        raise RuntimeError("Graphviz gave no picture")
    return bytes(drawn)
