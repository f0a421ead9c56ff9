"""A traffic graph as SVG for a page: colours come from the style sheet, and what colour says stands
in words too.
"""

from __future__ import annotations

from collections.abc import Collection
from html import escape
from math import hypot, log2

from sandbox.consoles.graph_layout import Box, Direction, Layout, place_nodes
from sandbox.consoles.mesh_graph import MeshEdge, MeshGraph, MeshNode

LOCK = (
    '<g class="lock" transform="translate({x:.1f} {y:.1f})"><title>mutual TLS</title>'
    '<rect x="-5" y="-1" width="10" height="8" rx="1.5"/>'
    '<path d="M-3-1v-2.4a3 3 0 0 1 6 0V-1" fill="none"/></g>'
)
FEW = 11
"""Characters of a name that fit into a narrow node."""


def render_graph(
    graph: MeshGraph, direction: Direction = "right", fresh: Collection[str] = ()
) -> str:
    """Return the graph as an SVG element; `fresh` are ids of nodes, and of edges (see `edge_id`),
    that changed lately and stand out.
    """
    layout, labels_at = place_nodes(graph, direction), _place_labels(graph)
    drawn = [
        _render_edge(edge, layout, labels_at[edge_id(edge)], is_fresh=edge_id(edge) in fresh)
        for edge in sorted(graph.edges, key=lambda each: each.is_failing)
    ]
    edges = "".join(line for line, _ in drawn)
    labels = "".join(label for _, label in drawn)
    nodes = "".join(
        _render_node(node, layout.boxes[node.id], is_fresh=node.id in fresh)
        for node in graph.nodes.values()
    )
    heads = "".join(
        f'<marker id="head-{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" '
        f'markerHeight="9" markerUnits="userSpaceOnUse" orient="auto">'
        f'<path class="head {kind}" d="M0 0 8 4 0 8z"/></marker>'
        for kind in ("http", "tcp", "bad")
    )
    words = escape("; ".join(describe_edges(graph)) or "no traffic", quote=True)
    return (
        f'<svg class="graph {direction}" role="img" aria-label="Traffic: {words}" '
        f'viewBox="0 0 {layout.width:.0f} {layout.height:.0f}" '
        f'width="{layout.width:.0f}" height="{layout.height:.0f}">'
        f"<defs>{heads}</defs>{edges}{nodes}{labels}</svg>"
    )


def edge_id(edge: MeshEdge) -> str:
    """Return what an edge is known by from one graph to the next."""
    return f"{edge.source}>{edge.target}>{edge.protocol}"


def describe_edges(graph: MeshGraph) -> list[str]:
    """Return one line for each edge: who calls whom, how often, what fails, mutual TLS."""
    return [
        f"{graph.nodes[edge.source].label} to {graph.nodes[edge.target].label}: {edge.words}"
        + (", mutual TLS" if edge.mtls else "")
        for edge in graph.edges
    ]


def _render_node(node: MeshNode, box: Box, *, is_fresh: bool) -> str:
    kind = "waypoint" if node.waypoint else "gateway" if node.gateway else node.kind
    marks = [kind, *(["bad"] if "not in the mesh" in node.badges else [])]
    marks += ["fresh"] if is_fresh else []
    x, y = box.middle
    narrow = box.width < 120
    name = node.name if not narrow or len(node.name) <= FEW else f"{node.name[: FEW - 1]}…"
    below = node.version or ("Service" if node.kind == "service" else kind if kind != "app" else "")
    lines = (
        f'<text class="name" x="{x:.1f}" y="{y - 3 if below else y + 4:.1f}">{escape(name)}</text>'
    )
    if below and below != name:
        lines += f'<text class="below" x="{x:.1f}" y="{y + 13:.1f}">{escape(below)}</text>'
    about = ", ".join([node.label, node.namespace, *node.badges])
    flags = "".join(
        f'<text class="flag" x="{box.x + box.width - 4:.1f}" y="{box.y + box.height + 12:.1f}">'
        f"{escape(_shorten(node.badges, narrow=narrow))}</text>"
        if node.badges
        else ""
    )
    radius = box.height / 2 if node.kind in ("service", "unknown") else 10
    return (
        f'<g class="node {" ".join(marks)}"><title>{escape(about)}</title>'
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.0f}" height="{box.height:.0f}" '
        f'rx="{radius:.0f}"/>{lines}{flags}</g>'
    )


def _shorten(badges: Collection[str], *, narrow: bool) -> str:
    """Return the badges that the node's shape does not say; only the first where it is narrow."""
    shown = [each for each in badges if each not in ("waypoint", "gateway")]
    return shown[0] if shown and narrow else " · ".join(shown)


def _place_labels(graph: MeshGraph) -> dict[str, float]:
    """Return at which part of its curve each edge has its label: near the target, where the curves
    of one source are apart, and where several come together one after the other.
    """
    incoming: dict[str, list[MeshEdge]] = {}
    for edge in graph.edges:
        incoming.setdefault(edge.target, []).append(edge)
    return {
        edge_id(edge): 0.6 if len(edges) == 1 else 0.3 + 0.3 * (number % 2)
        for edges in incoming.values()
        for number, edge in enumerate(edges)
    }


def _render_edge(edge: MeshEdge, layout: Layout, at: float, *, is_fresh: bool) -> tuple[str, str]:
    """Return the line of an edge, and its label, which lies above all lines and nodes."""
    kind = "bad" if edge.is_failing else "tcp" if edge.protocol == "tcp" else "http"
    ends = layout.boxes[edge.source], layout.boxes[edge.target]
    path, (x, y) = _draw_path(*ends, layout, at)
    width = 1.5 + min(3.0, log2(1 + max(edge.rate, 0.0)) / 2)
    said = f"✕ {edge.words}" if edge.is_failing else edge.words
    if layout.direction == "down":
        said = said.split(",")[0] if not edge.is_failing else f"✕ {edge.errors:.0f} %"
    lock = (
        LOCK.format(x=x - len(said) * (3.8 if edge.is_failing else 3.3) - 9, y=y - 6)
        if edge.mtls
        else ""
    )
    fresh = " fresh" if is_fresh else ""
    return (
        f'<g class="edge {kind}{fresh}"><title>{escape(edge.words)}</title>'
        f'<path d="{path}" stroke-width="{width:.1f}" marker-end="url(#head-{kind})"/></g>',
        f'<g class="rate {kind}{fresh}"><text x="{x:.1f}" y="{y:.1f}">{escape(said)}</text>'
        f"{lock}</g>",
    )


def _draw_path(
    source: Box, target: Box, layout: Layout, at: float
) -> tuple[str, tuple[float, float]]:
    """Return the curve from one box to another, and the point `at` that part of it for its
    label.
    """
    if layout.direction == "right":
        begin = (source.x + source.width, source.middle[1])
        end = (target.x, target.middle[1])
        bend = max(40.0, abs(end[0] - begin[0]) / 2)
        first, second = (begin[0] + bend, begin[1]), (end[0] - bend, end[1])
    else:
        begin = (source.middle[0], source.y + source.height)
        end = (target.middle[0], target.y)
        bend = max(24.0, abs(end[1] - begin[1]) / 2)
        first, second = (begin[0], begin[1] + bend), (end[0], end[1] - bend)
    if hypot(end[0] - begin[0], end[1] - begin[1]) < 1:
        end = (end[0] + 1, end[1])
    path = (
        f"M{begin[0]:.1f} {begin[1]:.1f}C{first[0]:.1f} {first[1]:.1f} "
        f"{second[0]:.1f} {second[1]:.1f} {end[0]:.1f} {end[1]:.1f}"
    )
    rest = 1 - at
    x, y = (
        rest**3 * begin[n]
        + 3 * rest**2 * at * first[n]
        + 3 * rest * at**2 * second[n]
        + at**3 * end[n]
        for n in (0, 1)
    )
    return path, (x, y - (7 if layout.direction == "right" else -4))
