"""What a step may show as a picture: plain values, which say what is true and not how it looks.

`words` tells the same to whoever does not see it; it goes out as the picture's alt text.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from bot.ports import Sample


class Shape(StrEnum):
    """What a node of a graph is."""

    WORKLOAD = "workload"
    SERVICE = "service"
    GATEWAY = "gateway"
    WAYPOINT = "waypoint"
    OUTSIDE = "outside"


@dataclass(frozen=True)
class Node:
    """A workload, a Service, or both in one when only one workload stands behind it; `note` is its version.

    Nodes of one `group` (an application) are drawn in one box; "" stands alone.
    """

    id: str
    label: str
    shape: Shape = Shape.WORKLOAD
    note: str = ""
    group: str = ""


@dataclass(frozen=True)
class Edge:
    """Calls from one node to another: `rate` is requests a second, for `tcp` bytes a second.

    `failed` and `secure` are percent; `secure` is None where nobody could tell. `why` is the commonest failure, such as
    `503 NC`. `waypoint`: the calls pass one.
    """

    source: str
    target: str
    protocol: str
    rate: float
    failed: float = 0.0
    why: str = ""
    secure: float | None = None
    waypoint: bool = False


@dataclass(frozen=True)
class GraphPicture:
    """Who calls whom. `caption` says of which time and by whose word."""

    title: str
    caption: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    words: str


@dataclass(frozen=True)
class PlotPicture:
    """What each request of a burst met; `asked` and `achieved` are requests a second, p50 to p99 milliseconds."""

    title: str
    caption: str
    samples: tuple[Sample, ...]
    asked: float
    achieved: float
    p50: float
    p95: float
    p99: float
    words: str


Picture = GraphPicture | PlotPicture


class Drawn(NamedTuple):
    """A picture as a PNG file."""

    name: str
    png: bytes


class Artist(Protocol):
    """Draws pictures."""

    async def draw(self, picture: Picture) -> Drawn | None:
        """The picture, outside the event loop; None when it cannot be drawn here or not in time. Never raises."""
        ...
