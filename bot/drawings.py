"""Pictures that a step may show, as plain values: they hold the data, not the looks.

`words` says the same in text, for people who do not see the picture; it goes out as its
alt text.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from bot.ports import Sample
from bot.text import Text


class NodeKind(StrEnum):
    """Kind of a node in a graph.

    A `service` is one with the only workload behind it; a `split` one stands before several.
    """

    WORKLOAD = "workload"
    SERVICE = "service"
    SPLIT = "split"
    GATEWAY = "gateway"
    WAYPOINT = "waypoint"
    OUTSIDE = "outside"


@dataclass(frozen=True)
class Node:
    """A workload, a Service, or both in one when only one workload stands behind it; `note` is its
    version.

    Nodes of one `group` (an application) are drawn in one box; "" stands alone. `column` is where
    it stands from left to right whatever calls it, -1 where its calls decide. An `idle` one is
    there and was not called.
    """

    id: str
    label: str
    shape: NodeKind = NodeKind.WORKLOAD
    note: str = ""
    group: str = ""
    column: int = -1
    idle: bool = False


@dataclass(frozen=True)
class Edge:
    """Calls from one node to another: `rate` is requests a second, for `tcp` bytes a second.

    `failed` and `secure` are percent; `secure` is None where nobody could tell. `why` is the
    commonest failure, such as `503 NC`. `waypoint`: the calls pass one. `share` is percent of the
    calls of a Service that this version got, None where there is one alone.
    """

    source: str
    target: str
    protocol: str
    rate: float
    failed: float = 0.0
    why: str = ""
    secure: float | None = None
    waypoint: bool = False
    share: float | None = None


@dataclass(frozen=True)
class GraphPicture:
    """A graph of calls between nodes; `caption` names the time and the source of the data."""

    title: Text
    caption: Text
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    words: Text


class EdgeChange(NamedTuple):
    """What became of the calls between two nodes: `note` is a word or two, such as `new` or
    `was 33 %`.
    """

    source: str
    target: str
    note: Text


@dataclass(frozen=True)
class ComparisonPicture:
    """Two graphs of the same namespace beside each other, and what changed between them."""

    title: Text
    caption: Text
    before: GraphPicture
    after: GraphPicture
    changes: tuple[EdgeChange, ...]
    words: Text


class PastBurst(NamedTuple):
    """The burst before the one of a plot, to compare with; `at` says when it ended."""

    title: Text
    at: Text
    samples: tuple[Sample, ...]
    asked: float
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class PlotPicture:
    """A plot of the requests of one load, with how each of them ended, and the burst `before`.

    `asked` and `achieved` are requests a second, p50 to p99 milliseconds.
    """

    title: Text
    caption: Text
    samples: tuple[Sample, ...]
    asked: float
    achieved: float
    p50: float
    p95: float
    p99: float
    words: Text
    before: PastBurst | None = None


class SpanBar(NamedTuple):
    """One span of a trace, `depth` spans below the first: `start` and `ms` are milliseconds.

    `slowest` marks the one that took most of the time by itself.
    """

    label: str
    depth: int
    start: float
    ms: float
    failed: bool = False
    slowest: bool = False


@dataclass(frozen=True)
class TracePicture:
    """The spans of one trace as a tree, over the time that it took; `left_out` are not drawn."""

    title: Text
    caption: Text
    spans: tuple[SpanBar, ...]
    words: Text
    left_out: int = 0


Picture = GraphPicture | ComparisonPicture | PlotPicture | TracePicture


class Comparison(NamedTuple):
    """What a change did to the traffic: lines that say it, and a picture."""

    lines: tuple[Text, ...]
    picture: ComparisonPicture


LateComparison = Callable[[], Awaitable[Comparison | None]]
"""Waits until there is something to compare; None when there is not. Never raises."""


class PngFile(NamedTuple):
    """A picture as a PNG file."""

    name: str
    png: bytes


class Renderer(Protocol):
    """Draws pictures."""

    async def draw(self, picture: Picture, say: Callable[[Text], str]) -> PngFile | None:
        """Draw the picture outside the event loop, with the words in the language of `say`.

        Return None when it cannot be drawn here or not in time. Never raises.
        """
        ...
