"""The pictures of `graph` and of a burst, as values: nodes, edges, and the same in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.drawings import Edge, GraphPicture, Node, NodeKind, PlotPicture
from bot.kinds import Object
from bot.knowledge.bookinfo.traffic_report import describe_report
from bot.knowledge.graph.empty_reasons import has_waypoint
from bot.knowledge.observe.graph import (
    Call,
    Graph,
    describe_graph,
    drop_duplicate_calls,
    sort_calls,
)
from bot.knowledge.routing.manifests import is_waypoint
from bot.knowledge.snapshot import Snapshot
from bot.ports import LoadSpec, TrafficReport
from bot.text import Listed, Seconds, Text, counted

INGRESS = "istio-ingressgateway"
LEAST_SAMPLES = 2
"""Requests below which there is nothing to plot."""


def build_graph_picture(graph: Graph, now: Snapshot, namespace: str) -> GraphPicture:
    """Build the graph's picture: one box for each application; a Service with a single
    workload behind it is one node.
    """
    layout = GraphLayout.from_graph(graph, now)
    edges = [
        Edge(
            source=layout.get_caller_node(call.source),
            target=layout.get_target_node(call.target),
            protocol=call.protocol,
            rate=call.rate,
            failed=call.failed,
            why=call.results[0] if call.results else "",
            secure=call.secure,
            waypoint=call.protocol != "tcp" and layout.is_through_waypoint(call.source),
        )
        for call in sort_calls(drop_duplicate_calls(graph.calls))
    ]
    edges += layout.build_split_edges(
        sorted(
            drop_duplicate_calls(graph.inner),
            key=lambda call: (call.source, call.target, call.protocol),
        )
    )
    return GraphPicture(
        title=Text("Traffic in {namespace}", namespace=namespace),
        caption=Text(
            "{source}, {duration} until {time}",
            source=graph.source,
            duration=Seconds(graph.seconds, "rough"),
            time=format_utc_time(graph.at),
        ),
        nodes=tuple(layout.build_nodes(edges)),
        edges=tuple(edges),
        words=Text("Traffic graph. {calls}", calls=Listed(describe_graph(graph), "semicolon")),
    )


def build_burst_plot(
    seen: TrafficReport, load: LoadSpec, namespace: str, at: float
) -> PlotPicture | None:
    """Build the plot of a burst that ended at `at` (epoch seconds); None when it has too few
    samples.
    """
    if len(seen.samples) < LEAST_SAMPLES:
        return None
    return PlotPicture(
        title=describe_load(load),
        caption=describe_origin(seen, namespace, at),
        samples=tuple(sorted(seen.samples)),
        asked=load.rate,
        achieved=seen.rate,
        p50=seen.p50,
        p95=seen.p95,
        p99=seen.p99,
        words=Text(
            "Times and errors of a burst. {results}",
            results=Listed(describe_report(seen, load.rate), "semicolon"),
        ),
    )


def describe_load(load: LoadSpec) -> Text:
    """Return `200 requests at 20/s, as jason, logged in`."""
    if not load.user:
        return counted(
            "{n} request at {rate:g}/s, as nobody",
            "{n} requests at {rate:g}/s, as nobody",
            n=load.count,
            rate=float(load.rate),
        )
    return counted(
        "{n} request at {rate:g}/s, as {user}, logged in",
        "{n} requests at {rate:g}/s, as {user}, logged in",
        n=load.count,
        rate=float(load.rate),
        user=load.user,
    )


def describe_origin(seen: TrafficReport, namespace: str, at: float) -> Text:
    """Return `bookinfo through productpage, until 2026-11-25 19:05:12 UTC`."""
    time = format_utc_time(at)
    if not seen.via:
        return Text("{namespace}, until {time}", namespace=namespace, time=time)
    return Text(
        "{namespace} through {service}, until {time}",
        namespace=namespace,
        service=seen.via,
        time=time,
    )


def format_utc_time(at: float) -> str:
    """Return a time (epoch seconds) as `2026-11-25 19:05:12 UTC`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


@dataclass(frozen=True)
class GraphLayout:
    """The workloads behind each Service, and which names mean a gateway, a waypoint or an
    application's workload.
    """

    behind: Mapping[str, frozenset[str]]
    gateways: frozenset[str]
    waypoints: frozenset[str]
    labels: Mapping[str, Mapping[str, str]]
    routed: bool

    @classmethod
    def from_graph(cls, graph: Graph, now: Snapshot) -> GraphLayout:
        """Build the layout from the graph and the objects."""
        behind = defaultdict[str, set[str]](set)
        for service, workloads in graph.spread.items():
            behind[service].update(workloads)
        for call in graph.inner:
            behind[call.source].add(call.target)
        return cls(
            behind={service: frozenset(workloads) for service, workloads in behind.items()},
            gateways=frozenset(
                {INGRESS, *(f"{n}-istio" for n, g in now.gateways.items() if not is_waypoint(g))}
            ),
            waypoints=frozenset(n for n, g in now.gateways.items() if is_waypoint(g)),
            labels={name: get_template_labels(workload) for name, workload in now.app.items()},
            routed=has_waypoint(now),
        )

    def find_only_workload(self, service: str) -> str:
        """Return the one workload that stands behind this Service and behind no other, or ""."""
        workloads = self.behind.get(service, frozenset())
        if len(workloads) != 1:
            return ""
        (only,) = workloads
        return only if sum(only in each for each in self.behind.values()) == 1 else ""

    def get_caller_node(self, workload: str) -> str:
        """Return the id of a workload's node."""
        service = next((s for s in self.behind if self.find_only_workload(s) == workload), "")
        return f"service/{service}" if service else f"workload/{workload}"

    def get_target_node(self, name: str) -> str:
        """Return the id of the called node: a Service, or a workload where there is none."""
        if name not in self.behind and (
            name in self.labels or self.find_shape(name) is not NodeKind.WORKLOAD
        ):
            return self.get_caller_node(name)
        return f"service/{name}"

    def build_split_edges(self, inner: Iterable[Call]) -> list[Edge]:
        """Return the edges from Services to the workloads behind them, where there are several."""
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
            if not self.find_only_workload(call.source)
        ]

    def is_through_waypoint(self, workload: str) -> bool:
        """Tell whether a workload's calls pass the namespace's waypoint; those of gateways and
        from outside do not.
        """
        return self.routed and self.find_shape(workload) is NodeKind.WORKLOAD

    def find_shape(self, workload: str) -> NodeKind:
        """Return the shape that a workload's name stands for."""
        if workload in self.gateways:
            return NodeKind.GATEWAY
        if workload in self.waypoints:
            return NodeKind.WAYPOINT
        return NodeKind.OUTSIDE if workload in ("unknown", "") else NodeKind.WORKLOAD

    def build_nodes(self, edges: Iterable[Edge]) -> Iterator[Node]:
        """Yield the nodes that the edges join, each once."""
        for id_ in dict.fromkeys(end for edge in edges for end in (edge.source, edge.target)):
            kind, _, name = id_.partition("/")
            if kind == "service":
                workload = self.find_only_workload(name)
                yield Node(
                    id_,
                    name,
                    NodeKind.SERVICE,
                    self.get_version(workload),
                    self.find_application(name),
                )
            else:
                label = self.labels.get(name, {})
                note = self.get_version(name)
                yield Node(
                    id_, name or "unknown", self.find_shape(name), note, label.get("app", "")
                )

    def get_version(self, workload: str) -> str:
        """Return a workload's version by its label, or ""."""
        return self.labels.get(workload, {}).get("version", "")

    def find_application(self, service: str) -> str:
        """Return the application of a Service's workloads; "" when they do not agree."""
        apps = {
            self.labels.get(workload, {}).get("app", "")
            for workload in self.behind.get(service, ())
        }
        return apps.pop() if len(apps) == 1 else ""


def get_template_labels(workload: Object) -> dict[str, str]:
    """Return the labels of a workload's pod template."""
    return ((workload["spec"].get("template") or {}).get("metadata") or {}).get("labels") or {}
