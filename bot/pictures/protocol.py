"""Protocol between the bot and the process that draws: a drawing goes as one line of
JSON, a line and the bytes come back.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from bot.drawings import SpanBar
from bot.pictures.graph_drawing import EdgeDrawing, GraphDrawing, NodeDrawing, PanelDrawing
from bot.pictures.localized import (
    Drawing,
    PlotDrawing,
    PlotLabels,
    SeriesDrawing,
    TraceDrawing,
)
from bot.ports import Outcome, Sample


def encode_drawing(drawing: Drawing) -> bytes:
    """Return a drawing as one line of JSON."""
    if isinstance(drawing, GraphDrawing):
        body: dict[str, Any] = {"kind": "graph", **asdict(drawing)}
    elif isinstance(drawing, TraceDrawing):
        body = {"kind": "trace", **asdict(drawing)}
    else:
        body = {"kind": "plot", **asdict(drawing), "labels": drawing.labels._asdict()}
    return json.dumps(body, ensure_ascii=True).encode() + b"\n"


def decode_drawing(line: bytes) -> Drawing:
    """Return the drawing of a line; raise ValueError, KeyError or TypeError for what is
    none.
    """
    body: dict[str, Any] = json.loads(line)
    kind = body.pop("kind")
    if kind == "graph":
        panels = tuple(decode_panel(*panel) for panel in body.pop("panels"))
        entries = tuple((name, words) for name, words in body.pop("legend"))
        return GraphDrawing(panels=panels, legend=entries, **body)
    if kind == "trace":
        rows = tuple(SpanBar(*row) for row in body.pop("rows"))
        notes, legend = tuple(body.pop("notes")), tuple(body.pop("legend"))
        return TraceDrawing(rows=rows, notes=notes, legend=legend, **body)
    labels = body.pop("labels")
    labels["outcomes"], labels["before"] = tuple(labels["outcomes"]), tuple(labels["before"])
    before = body["before"]
    return PlotDrawing(
        PlotLabels(**labels),
        decode_series(*body["now"]),
        decode_series(*before) if before is not None else None,
    )


def decode_series(samples: list[Any], *figures: float) -> SeriesDrawing:
    """Return the requests of one burst from its values in JSON."""
    listed = tuple(Sample(at, ms, Outcome(outcome)) for at, ms, outcome in samples)
    return SeriesDrawing(listed, *figures)


def decode_panel(caption: str, nodes: list[Any], edges: list[Any]) -> PanelDrawing:
    """Return one graph of a picture from its values in JSON."""
    listed = (EdgeDrawing(*edge) for edge in edges)
    return PanelDrawing(
        caption,
        tuple(NodeDrawing(*node) for node in nodes),
        tuple(edge._replace(words=tuple(edge.words), signs=tuple(edge.signs)) for edge in listed),
    )
