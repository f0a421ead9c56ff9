"""Parts of the pages of Kiali's stand-in: traffic as picture and table, findings, membership."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from sandbox.consoles.document import render_state, render_table
from sandbox.consoles.graph_svg import render_graph
from sandbox.consoles.mesh_graph import MeshGraph


def select_neighbours(graph: MeshGraph, name: str) -> MeshGraph:
    """Return the part of a graph around the nodes of this name."""
    mine = {n.id for n in graph.nodes.values() if name in (n.name, n.workload)}
    edges = tuple(e for e in graph.edges if e.source in mine or e.target in mine)
    there = mine | {end for e in edges for end in (e.source, e.target)}
    return MeshGraph({id_: n for id_, n in graph.nodes.items() if id_ in there}, edges)


def render_traffic(graph: MeshGraph) -> str:
    """Return the picture of a graph, and the same as a table."""
    if not graph.nodes:
        return (
            '<p class="quiet">No traffic in this time. <code>/mesh traffic</code> sends some.</p>'
        )
    rows = [
        (
            escape(graph.nodes[edge.source].label),
            escape(graph.nodes[edge.target].label),
            escape(edge.protocol.upper()),
            render_state(edge.words, "bad" if edge.is_failing else "good"),
            f"{edge.milliseconds:.0f} ms" if edge.milliseconds else "–",
            f"{edge.mtls:.0f} %" if edge.mtls else "no",
        )
        for edge in sorted(
            graph.edges,
            key=lambda e: (graph.nodes[e.source].label, graph.nodes[e.target].label, e.protocol),
        )
    ]
    heads = ("From", "To", "Protocol", "Rate", "95 % within", "Mutual TLS")
    legend = (
        '<p class="legend"><span class="http">HTTP</span> <span class="tcp">TCP</span> '
        '<span class="bad">✕ failing, dashed</span> <span>lock: mutual TLS</span></p>'
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Graph">{render_graph(graph)}'
        f"</div>{legend}{render_table(heads, rows, 'No edges.')}"
    )


def describe_membership(labels: Mapping[str, str]) -> str:
    """Return how a namespace with these labels takes part in the mesh."""
    if labels.get("istio.io/dataplane-mode") == "ambient":
        point = labels.get("istio.io/use-waypoint")
        return f"ambient, waypoint {point}" if point else "ambient"
    if labels.get("istio-injection") == "enabled" or labels.get("istio.io/rev"):
        return "sidecar injection"
    return "–"


def render_membership(workload: Any) -> str:
    """Return how a workload takes part in the mesh."""
    if workload.get("isWaypoint"):
        return render_state("waypoint", "good")
    if workload.get("isAmbient"):
        return render_state("ambient", "good")
    if workload.get("istioSidecar"):
        return render_state("sidecar", "good")
    if workload.get("isGateway"):
        return render_state("gateway", "quiet")
    return render_state("missing sidecar", "warn")


def find_checks(
    validations: Mapping[str, Any], name: str, namespace: str, *, kind: str
) -> list[Any]:
    """Return the findings about one object; validations are by kind, then by name."""
    for key, found in validations.items():
        if kind.lower() in key.replace(" ", "").lower() and f"{name}.{namespace}" in found:
            return list(found[f"{name}.{namespace}"].get("checks") or ())
    return []


def render_findings(validations: Mapping[str, Any], namespace: str) -> str:
    """Return the findings about all objects of a namespace."""
    checks = [
        check
        for key, found in validations.items()
        for place, each in found.items()
        if key != "workload" and place.endswith(f".{namespace}")
        for check in each.get("checks") or ()
    ]
    return render_checks(checks)


def render_checks(checks: list[Any]) -> str:
    """Return findings with their codes, or that there are none."""
    if not checks:
        return render_state("valid", "good")
    kinds = {"error": "bad", "warning": "warn"}
    return "<br>".join(
        render_state(
            f"{each.get('code', '')} {each.get('message', '')}".strip(),
            kinds.get(str(each.get("severity")), "quiet"),
        )
        for each in checks
    )


def parse_seconds(text: str) -> int:
    """Return a duration of Kiali's URLs in seconds, within an hour; a minute for anything else."""
    digits = text.removesuffix("s")
    return min(max(int(digits), 10), 3600) if digits.isascii() and digits.isdigit() else 60


def describe_span(seconds: int) -> str:
    """Return a span of time in minutes, or in seconds."""
    return f"{seconds // 60} min" if seconds >= 60 and seconds % 60 == 0 else f"{seconds} s"
