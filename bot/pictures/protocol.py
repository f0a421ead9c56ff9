"""Protocol between the bot and the process that draws: a drawing goes as one line of
JSON, a line and the bytes come back.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from bot.pictures.localized import Drawing, GraphDrawing, PlotDrawing, PlotLabels
from bot.ports import Outcome, Sample


def encode_drawing(drawing: Drawing) -> bytes:
    """Return a drawing as one line of JSON."""
    if isinstance(drawing, GraphDrawing):
        body: dict[str, Any] = {"kind": "graph", "dot": drawing.dot}
    else:
        body = {"kind": "plot", **asdict(drawing), "labels": drawing.labels._asdict()}
    return json.dumps(body, ensure_ascii=True).encode() + b"\n"


def decode_drawing(line: bytes) -> Drawing:
    """Return the drawing of a line; raise ValueError, KeyError or TypeError for what is
    none.
    """
    body: dict[str, Any] = json.loads(line)
    if body.pop("kind") == "graph":
        return GraphDrawing(**body)
    labels = body.pop("labels")
    labels["outcomes"] = tuple(labels["outcomes"])
    samples = tuple(Sample(at, ms, Outcome(outcome)) for at, ms, outcome in body.pop("samples"))
    return PlotDrawing(labels=PlotLabels(**labels), samples=samples, **body)
