"""The nodes of a graph's picture: which there are, whatever was called, and in which column each
stands, so that a service has the same place in every picture.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from bot.drawings import Edge, Node, NodeKind
from bot.kinds import Object
from bot.knowledge.graph.empty_reasons import has_waypoint
from bot.knowledge.observe.graph import Call, Graph
from bot.knowledge.routing.manifests import is_waypoint
from bot.knowledge.snapshot import Snapshot

INGRESS = "istio-ingressgateway"
OF_GATEWAY = "gateway.networking.k8s.io/gateway-name"
"""Label of the pods that serve a Gateway or a waypoint."""
COLUMNS = {
    "productpage": 1,
    "details": 2,
    "reviews": 2,
    "ratings": 4,
    "mongodb": 5,
    "mysqldb": 5,
    "mysqldb-vm": 5,
}
"""Columns of Bookinfo's applications, whatever calls them just now; versions of reviews stand in
the one behind it. Other applications stand where their calls put them."""


@dataclass(frozen=True)
class GraphNodes:
    """The workloads behind each Service and of each application, and which names mean a gateway,
    a waypoint or an application's workload.
    """

    behind: Mapping[str, frozenset[str]]
    gateways: frozenset[str]
    waypoints: frozenset[str]
    labels: Mapping[str, Mapping[str, str]]
    apps: Mapping[str, frozenset[str]]
    spread: Mapping[str, Mapping[str, float]]
    routed: bool

    @classmethod
    def from_graph(cls, graph: Graph, now: Snapshot) -> GraphNodes:
        """Find the nodes' names in the graph and the objects."""
        behind, apps = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
        for service, workloads in graph.spread.items():
            behind[service].update(workloads)
        for call in graph.inner:
            behind[call.source].add(call.target)
        labels = {name: get_template_labels(workload) for name, workload in now.app.items()}
        labels = {name: found for name, found in labels.items() if OF_GATEWAY not in found}
        for name, found in labels.items():
            if found.get("app"):
                apps[found["app"]].add(name)
        return cls(
            behind={service: frozenset(workloads) for service, workloads in behind.items()},
            gateways=frozenset(
                {INGRESS, *(f"{n}-istio" for n, g in now.gateways.items() if not is_waypoint(g))}
            ),
            waypoints=frozenset(n for n, g in now.gateways.items() if is_waypoint(g)),
            labels=labels,
            apps={app: frozenset(workloads) for app, workloads in apps.items()},
            spread=graph.spread,
            routed=has_waypoint(now),
        )

    def find_only_workload(self, service: str) -> str:
        """Return the one workload that stands behind this Service and behind no other, or "".

        One of an application's versions is never alone, also when the others are not called.
        """
        seen = self.behind.get(service, frozenset())
        workloads = seen | self.apps.get(self.find_application(service), frozenset())
        if len(workloads) != 1:
            return ""
        (only,) = workloads
        return only if sum(only in each for each in self.behind.values()) <= 1 else ""

    def get_caller_node(self, workload: str) -> str:
        """Return the id of a workload's node."""
        service = next((s for s in self.behind if self.find_only_workload(s) == workload), "")
        app = self.labels.get(workload, {}).get("app", "")
        if not service and self.find_only_workload(app) == workload:
            service = app
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
                share=self.measure_share(call),
            )
            for call in inner
            if not self.find_only_workload(call.source)
        ]

    def measure_share(self, call: Call) -> float | None:
        """Return what percentage of a Service's requests a workload got; None where it is alone,
        and for connections.
        """
        rates = self.spread.get(call.source, {})
        total = sum(rates.values())
        if call.protocol == "tcp" or total <= 0 or call.target not in rates:
            return None
        alone = len(self.apps.get(self.find_application(call.source), rates)) < 2
        return None if alone else 100 * rates[call.target] / total

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
        """Yield the nodes that the edges join, then those that are there and were not called."""
        called = list(dict.fromkeys(end for edge in edges for end in (edge.source, edge.target)))
        yield from map(self.build_node, called)
        for id_ in self.list_expected_nodes():
            if id_ not in called:
                yield replace(self.build_node(id_), idle=True)

    def list_expected_nodes(self) -> list[str]:
        """Return the ids of the nodes that the namespace has, each once."""
        found = [f"workload/{name}" for name in sorted(self.gateways - {INGRESS})] + [
            self.get_caller_node(workload) for workload in sorted(self.labels)
        ]
        for app, workloads in sorted(self.apps.items()):
            services = [s for s in self.behind if self.find_application(s) == app]
            if len(workloads) > 1 and not services:
                found.append(f"service/{app}")
        return list(dict.fromkeys(found))

    def build_node(self, id_: str) -> Node:
        """Return a node by its id."""
        kind, _, name = id_.partition("/")
        if kind != "service":
            app, shape = self.labels.get(name, {}).get("app", ""), self.find_shape(name)
            column = 0 if shape in (NodeKind.GATEWAY, NodeKind.OUTSIDE) else COLUMNS.get(app, -1)
            return Node(id_, name or "unknown", shape, self.get_version(name), app, column)
        workload, app = self.find_only_workload(name), self.find_application(name)
        splits = not workload and (app or name in self.behind)
        return Node(
            id_,
            name,
            NodeKind.SPLIT if splits else NodeKind.SERVICE,
            self.get_version(workload),
            app,
            COLUMNS.get(app or name, -1),
        )

    def get_version(self, workload: str) -> str:
        """Return a workload's version by its label, or ""."""
        return self.labels.get(workload, {}).get("version", "")

    def find_application(self, service: str) -> str:
        """Return the application of a Service's workloads, or the one that has its name; "" when
        they do not agree.
        """
        workloads = self.behind.get(service, frozenset())
        if not workloads:
            return service if service in self.apps else ""
        apps = {self.labels.get(workload, {}).get("app", "") for workload in workloads}
        return apps.pop() if len(apps) == 1 else ""


def get_template_labels(workload: Object) -> dict[str, str]:
    """Return the labels of a workload's pod template."""
    return ((workload["spec"].get("template") or {}).get("metadata") or {}).get("labels") or {}
