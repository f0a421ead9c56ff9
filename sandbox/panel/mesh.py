"""The mesh beside the channel: Kiali's graph of the last minute, drawn anew while somebody looks,
and what changed in it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape

from sandbox.consoles.cluster_web import ClusterWeb, NotServed, Place
from sandbox.consoles.graph_svg import describe_edges, edge_id, render_graph
from sandbox.consoles.mesh_graph import MeshEdge, MeshGraph, fetch_graph
from sandbox.panel.application_html import render_nothing
from sandbox.tasks import Tasks
from sandbox.workspace import Sidebar

FRAGMENT = "mesh"
EVERY = 5.0
"""Wall seconds between two looks."""
STANDS_OUT = 60.0
"""Wall seconds for which a change stands out."""


@dataclass
class GraphHistory:
    """What has changed lately, from one graph to the next; `now` is a clock in seconds."""

    now: Callable[[], float] = time.monotonic
    _known: dict[str, str] = field(default_factory=dict, init=False)
    _changes: dict[str, tuple[float, str]] = field(default_factory=dict, init=False)
    _names: dict[str, str] = field(default_factory=dict, init=False)
    _seen: bool = field(default=False, init=False)

    def add_graph(self, graph: MeshGraph) -> None:
        """Compare a graph with the one before; the first is no change."""
        states, words = _describe_states(graph), _name_parts(graph)
        if self._seen:
            for key, state in states.items():
                before = self._known.get(key)
                if before != state:
                    # A node that is new has edges that are: those say it.
                    new = f"new: {words[key]}" if key not in graph.nodes else ""
                    said = new if before is None else f"{words[key]}: {state}"
                    self._changes[key] = self.now(), said
            for key in self._known.keys() - states.keys():
                gone = self._names.get(key, "")
                self._changes[key] = self.now(), f"gone: {gone}" if "→" in gone else ""
        self._known, self._names, self._seen = states, words, True
        self._changes = {
            key: (at, said)
            for key, (at, said) in self._changes.items()
            if self.now() - at < STANDS_OUT
        }

    @property
    def fresh(self) -> frozenset[str]:
        """Ids of nodes and edges that stand out."""
        return frozenset(self._changes)

    def list_changes(self) -> list[str]:
        """Return what changed, the newest first."""
        return [said for _, said in sorted(self._changes.values(), reverse=True) if said]


def _describe_states(graph: MeshGraph) -> dict[str, str]:
    """Return what each node and each edge is like, in words that differ when it changes."""
    nodes = {node.id: ", ".join(node.badges) or "as usual" for node in graph.nodes.values()}
    return nodes | {edge_id(edge): _describe_edge(edge) for edge in graph.edges}


def _describe_edge(edge: MeshEdge) -> str:
    return ("fails" if edge.is_failing else "works") + (", mutual TLS" if edge.mtls else "")


def _name_parts(graph: MeshGraph) -> dict[str, str]:
    """Return the names of nodes and of edges."""
    nodes = {node.id: node.label for node in graph.nodes.values()}
    edges = {edge_id(e): f"{nodes[e.source]} → {nodes[e.target]}" for e in graph.edges}
    return nodes | edges


class MeshPanel:
    """Shows the traffic of one namespace; `url` is where the console's page of it is."""

    def __init__(
        self, web: ClusterWeb, kiali: Place, side: Sidebar, *, namespace: str, url: str
    ) -> None:
        self._web, self._kiali, self._side = web, kiali, side
        self._namespace, self._url = namespace, url
        self._history, self._tasks = GraphHistory(), Tasks()

    def start(self) -> None:
        """Start to look."""
        self._show_absence("Kiali has not been asked yet")
        self._tasks.spawn(self._look(), "panel: mesh")

    async def stop(self) -> None:
        """Stop looking."""
        await self._tasks.close()

    async def _look(self) -> None:
        while True:
            if self._side.is_watched:
                await self._look_once()
            await asyncio.sleep(EVERY)

    async def _look_once(self) -> None:
        try:
            graph = await fetch_graph(self._web, self._kiali, self._namespace)
        except NotServed as problem:
            self._history = GraphHistory()
            self._show_absence(str(problem))
            return
        self._history.add_graph(graph)
        self._side.put_fragment(FRAGMENT, render_mesh(graph, self._history, self._url))

    def _show_absence(self, why: str) -> None:
        self._side.put_fragment(
            FRAGMENT,
            "<h2>Mesh</h2>"
            + render_nothing(
                "mesh",
                "The live graph comes from Kiali: <code>/mesh addons</code>, then "
                "<code>/mesh kiali</code>.",
                escape(why[:200]),
            ),
        )


def render_mesh(graph: MeshGraph, history: GraphHistory, url: str) -> str:
    """Return the graph with what changed in the last minute, and every edge in words."""
    link = (
        f' · <a href="{escape(url, quote=True)}" target="_blank" rel="noreferrer">as in Kiali</a>'
        if url
        else ""
    )
    head = f"<h2>Mesh <small>last minute{link}</small></h2>"
    if not graph.nodes:
        words = (
            "No traffic in the last minute.",
            "<code>/mesh traffic</code> sends some.",
            "Prometheus looks every 15 s: what is new stands here half a minute later.",
        )
        return f"{head}{render_nothing('mesh', *words)}"
    changes = history.list_changes()
    rows = "".join(f"<li>{escape(each)}</li>" for each in changes[:6])
    more = f"<li>… and {len(changes) - 6} more</li>" if len(changes) > 6 else ""
    news = f'<ul class="news" aria-label="Changed in the last minute">{rows}{more}</ul>'
    lines = "".join(f"<li>{escape(each)}</li>" for each in sorted(describe_edges(graph)))
    return (
        f"{head}{news if changes else ''}"
        f'<div class="drawn">{render_graph(graph, "down", history.fresh)}</div>'
        f'<details data-name="edges"><summary data-name="edges">In words</summary>'
        f'<ul class="edges">{lines}</ul></details>'
    )
