"""The mesh's traffic graph as Kiali's API gives it, as values that can be drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.consoles.cluster_web import ClusterWeb, Place

KIALI_API = "/kiali/api"
ERRORS_FROM = 0.1
"""Percent of failed requests from which an edge counts as failing."""


@dataclass(frozen=True)
class MeshNode:
    """A workload, a version of an application, a Service, or what calls from outside.

    `kind` is app, workload, service or unknown; `badges` are what Kiali marks it with, in words.
    """

    id: str
    kind: str
    name: str
    version: str
    namespace: str
    workload: str = ""
    badges: tuple[str, ...] = ()
    waypoint: bool = False
    gateway: bool = False

    @property
    def label(self) -> str:
        """The name with the version, as people say it."""
        return f"{self.name} {self.version}".strip()


@dataclass(frozen=True)
class MeshEdge:
    """Traffic of one protocol: `rate` in requests (HTTP) or bytes (TCP) per second, `errors` and
    `mtls` in percent, `share` of what its source sends in percent, `milliseconds` 95 % stay below.
    """

    source: str
    target: str
    protocol: str
    rate: float
    errors: float = 0.0
    mtls: float = 0.0
    share: float = 0.0
    milliseconds: float = 0.0

    @property
    def is_failing(self) -> bool:
        """Tell whether requests fail on it."""
        return self.errors >= ERRORS_FROM

    @property
    def words(self) -> str:
        """The rate and the errors in words."""
        if self.protocol == "tcp":
            return f"{self.rate:.0f} B/s"
        said = f"{self.rate:.2g}/s" if self.rate < 10 else f"{self.rate:.0f}/s"
        return f"{said}, {self.errors:.0f} % fail" if self.is_failing else said


@dataclass(frozen=True)
class MeshGraph:
    """Nodes by id, and edges."""

    nodes: Mapping[str, MeshNode]
    edges: tuple[MeshEdge, ...]


def parse_graph(answer: Any) -> MeshGraph:
    """Parse Kiali's answer; boxes around several versions are left out."""
    elements = answer.get("elements") or {}
    nodes = {
        data["id"]: _parse_node(data)
        for data in (each["data"] for each in elements.get("nodes") or ())
        if not data.get("isBox")
    }
    edges = [_parse_edge(each["data"]) for each in elements.get("edges") or ()]
    there = [edge for edge in edges if edge.source in nodes and edge.target in nodes]
    return MeshGraph(nodes, tuple(sorted(there, key=lambda e: (e.source, e.target, e.protocol))))


def _parse_node(data: Any) -> MeshNode:
    kind = str(data.get("nodeType", ""))
    name = data.get("service") if kind == "service" else data.get("app") or data.get("workload")
    words = {
        "isOutOfMesh": "not in the mesh",
        "isIdle": "idle",
        "isDead": "no pods",
        "hasVS": "VirtualService",
        "hasCB": "circuit breaker",
        "isWaypoint": "waypoint",
        "isGateway": "gateway",
    }
    version = str(data.get("version") or "")
    return MeshNode(
        id=str(data["id"]),
        kind=kind,
        name="unknown" if kind == "unknown" else str(name or "?"),
        version="" if version in ("latest", "unknown") else version,
        namespace=str(data.get("namespace") or ""),
        workload=str(data.get("workload") or ""),
        badges=tuple(text for mark, text in words.items() if data.get(mark)),
        waypoint=bool(data.get("isWaypoint")),
        gateway=bool(data.get("isGateway")),
    )


def _parse_edge(data: Any) -> MeshEdge:
    traffic = data.get("traffic") or {}
    protocol, rates = str(traffic.get("protocol") or "http"), traffic.get("rates") or {}
    return MeshEdge(
        source=str(data["source"]),
        target=str(data["target"]),
        protocol=protocol,
        rate=float(rates.get(protocol) or 0),
        errors=float(rates.get(f"{protocol}PercentErr") or 0),
        mtls=float(data.get("isMTLS") or 0),
        share=float(rates.get(f"{protocol}PercentReq") or 0),
        milliseconds=float(data.get("responseTime") or 0),
    )


async def fetch_graph(
    web: ClusterWeb, kiali: Place, namespaces: str, *, seconds: int = 60, services: bool = False
) -> MeshGraph:
    """Return the graph of the last `seconds` of namespaces (joined by commas), with the Services
    between callers and workloads if they are asked for.

    Raises NotServed when there is no Kiali, or it refuses.
    """
    query = (
        f"namespaces={namespaces}&graphType=versionedApp&duration={seconds}s"
        f"&injectServiceNodes={'true' if services else 'false'}&waypoints=true"
        "&ambientTraffic=total"
    )
    return parse_graph(await web.fetch_json(kiali, f"{KIALI_API}/namespaces/graph?{query}"))
