"""Protocol between the bot and the process that draws: a picture goes as one line of
JSON, a line and the bytes come back.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from bot.drawings import Edge, GraphPicture, Node, NodeKind, Picture, PlotPicture
from bot.ports import Outcome, Sample


def encode_picture(picture: Picture) -> bytes:
    """Return a picture as one line of JSON."""
    kind = "graph" if isinstance(picture, GraphPicture) else "plot"
    return json.dumps({"kind": kind, **asdict(picture)}, ensure_ascii=True).encode() + b"\n"


def decode_picture(line: bytes) -> Picture:
    """Return the picture of a line; raise ValueError, KeyError or TypeError for what is
    none.
    """
    body: dict[str, Any] = json.loads(line)
    kind = body.pop("kind")
    if kind == "graph":
        body["nodes"] = tuple(
            Node(**{**node, "shape": NodeKind(node["shape"])}) for node in body["nodes"]
        )
        body["edges"] = tuple(Edge(**edge) for edge in body["edges"])
        return GraphPicture(**body)
    body["samples"] = tuple(Sample(at, ms, Outcome(outcome)) for at, ms, outcome in body["samples"])
    return PlotPicture(**body)
