"""Pictures on their way to the process that draws them: one line of JSON there, a line and the bytes back."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from bot.drawings import Edge, GraphPicture, Node, Picture, PlotPicture, Shape
from bot.ports import Outcome, Sample


def to_line(picture: Picture) -> bytes:
    """A picture as one line."""
    kind = "graph" if isinstance(picture, GraphPicture) else "plot"
    return json.dumps({"kind": kind, **asdict(picture)}, ensure_ascii=True).encode() + b"\n"


def from_line(line: bytes) -> Picture:
    """The picture of a line; raises ValueError, KeyError or TypeError for what is none."""
    body: dict[str, Any] = json.loads(line)
    kind = body.pop("kind")
    if kind == "graph":
        body["nodes"] = tuple(Node(**{**node, "shape": Shape(node["shape"])}) for node in body["nodes"])
        body["edges"] = tuple(Edge(**edge) for edge in body["edges"])
        return GraphPicture(**body)
    body["samples"] = tuple(Sample(at, ms, Outcome(outcome)) for at, ms, outcome in body["samples"])
    return PlotPicture(**body)
