"""The pictures of `graph` and of a burst, as values: which nodes there are, what joins them, and the same in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.drawings import Edge, GraphPicture, Node, PlotPicture, Shape
from bot.kinds import Object
from bot.knowledge.observe.graph import Call, Graph, lines, once, ordered
from bot.knowledge.requests import lines as request_lines
from bot.knowledge.requests import who
from bot.knowledge.routing import is_waypoint
from bot.knowledge.snapshot import Snapshot
from bot.knowledge.typed import spoken
from bot.knowledge.unseen import has_waypoint
from bot.ports import Load, Seen

INGRESS = "istio-ingressgateway"
LEAST = 2
"""Requests below which there is nothing to plot."""


def of_graph(graph: Graph, now: Snapshot, namespace: str) -> GraphPicture:
    """The graph with one box for each application; a Service with a single workload behind it is one node."""
    layout = Layout.of(graph, now)
    edges = [
        Edge(
            source=layout.caller(call.source),
            target=layout.called(call.target),
            protocol=call.protocol,
            rate=call.rate,
            failed=call.failed,
            why=call.results[0] if call.results else "",
            secure=call.secure,
            waypoint=call.protocol != "tcp" and layout.through_waypoint(call.source),
        )
        for call in ordered(once(graph.calls))
    ]
    edges += layout.splits(sorted(once(graph.inner), key=lambda call: (call.source, call.target, call.protocol)))
    seen = f"{graph.source}, {spoken(graph.seconds)} until {moment(graph.at)}"
    words = "Traffic graph. " + "; ".join(lines(graph))
    return GraphPicture(f"Traffic in {namespace}", seen, tuple(layout.nodes(edges)), tuple(edges), words)


def of_burst(seen: Seen, load: Load, namespace: str, at: float) -> PlotPicture | None:
    """What each request of a burst met, `at` being its end (epoch seconds); None when too few ended."""
    if len(seen.samples) < LEAST:
        return None
    through = f" through {seen.via}" if seen.via else ""
    return PlotPicture(
        title=f"{load.count} requests at {load.rate:g}/s, as {who(load.user)}",
        caption=f"{namespace}{through}, until {moment(at)}",
        samples=tuple(sorted(seen.samples)),
        asked=load.rate,
        achieved=seen.rate,
        p50=seen.p50,
        p95=seen.p95,
        p99=seen.p99,
        words="Times and errors of a burst. " + "; ".join(request_lines(seen, load.rate)),
    )


def moment(at: float) -> str:
    """A time as a picture names it, which people in any place can read."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


@dataclass(frozen=True)
class Layout:
    """Who stands behind which Service, and which names mean a gateway, a waypoint or an application's workload."""

    behind: Mapping[str, frozenset[str]]
    gateways: frozenset[str]
    waypoints: frozenset[str]
    labels: Mapping[str, Mapping[str, str]]
    routed: bool

    @classmethod
    def of(cls, graph: Graph, now: Snapshot) -> Layout:
        """Read from the graph and the objects."""
        behind = defaultdict[str, set[str]](set)
        for service, workloads in graph.spread.items():
            behind[service].update(workloads)
        for call in graph.inner:
            behind[call.source].add(call.target)
        return cls(
            behind={service: frozenset(workloads) for service, workloads in behind.items()},
            gateways=frozenset({INGRESS, *(f"{n}-istio" for n, g in now.gateways.items() if not is_waypoint(g))}),
            waypoints=frozenset(n for n, g in now.gateways.items() if is_waypoint(g)),
            labels={name: template_labels(workload) for name, workload in now.app.items()},
            routed=has_waypoint(now),
        )

    def alone(self, service: str) -> str:
        """The one workload that stands behind a Service and behind no other, or ""."""
        workloads = self.behind.get(service, frozenset())
        if len(workloads) != 1:
            return ""
        (only,) = workloads
        return only if sum(only in each for each in self.behind.values()) == 1 else ""

    def caller(self, workload: str) -> str:
        """The node of a workload."""
        service = next((s for s in self.behind if self.alone(s) == workload), "")
        return f"service/{service}" if service else f"workload/{workload}"

    def called(self, name: str) -> str:
        """The node of what was called: a Service, or a workload where there is none."""
        if name not in self.behind and (name in self.labels or self.shape(name) is not Shape.WORKLOAD):
            return self.caller(name)
        return f"service/{name}"

    def splits(self, inner: Iterable[Call]) -> list[Edge]:
        """From each Service to the workloads behind it, where there are several."""
        return [
            Edge(
                source=f"service/{call.source}",
                target=f"workload/{call.target}",
                protocol=call.protocol,
                rate=call.rate,
                failed=call.failed,
                why=call.results[0] if call.results else "",
                secure=call.secure,
            )
            for call in inner
            if not self.alone(call.source)
        ]

    def through_waypoint(self, workload: str) -> bool:
        """True for calls that pass the namespace's waypoint: not a gateway's, and not those from outside."""
        return self.routed and self.shape(workload) is Shape.WORKLOAD

    def shape(self, workload: str) -> Shape:
        """What a workload's name means."""
        if workload in self.gateways:
            return Shape.GATEWAY
        if workload in self.waypoints:
            return Shape.WAYPOINT
        return Shape.OUTSIDE if workload in ("unknown", "") else Shape.WORKLOAD

    def nodes(self, edges: Iterable[Edge]) -> Iterator[Node]:
        """The nodes that the edges join, each once."""
        for id_ in dict.fromkeys(end for edge in edges for end in (edge.source, edge.target)):
            kind, _, name = id_.partition("/")
            if kind == "service":
                workload = self.alone(name)
                yield Node(id_, name, Shape.SERVICE, self.version(workload), self.application_of(name))
            else:
                label = self.labels.get(name, {})
                note = self.version(name)
                yield Node(id_, name or "unknown", self.shape(name), note, label.get("app", ""))

    def version(self, workload: str) -> str:
        """A workload's version by its label."""
        return self.labels.get(workload, {}).get("version", "")

    def application_of(self, service: str) -> str:
        """The application that a Service leads to: that of its workloads, if they agree."""
        apps = {self.labels.get(workload, {}).get("app", "") for workload in self.behind.get(service, ())}
        return apps.pop() if len(apps) == 1 else ""


def template_labels(workload: Object) -> dict[str, str]:
    """The labels of a workload's pods."""
    return ((workload["spec"].get("template") or {}).get("metadata") or {}).get("labels") or {}
