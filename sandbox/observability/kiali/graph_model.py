"""Model of a traffic graph while it is built: nodes with their traffic in and out, edges
with their responses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.cluster.contract import Object
from sandbox.observability.kiali.rates import UNKNOWN, FlowEnd, TrafficFlow

Key = tuple[str, ...]
"""What makes a node one node."""


@dataclass(eq=False)
class Node:
    """An application's version, a workload or a Service. `marks` are what appenders add to its
    data."""

    key: Key
    type: str
    namespace: str
    workload: str = ""
    app: str = ""
    version: str = ""
    service: str = ""
    destinations: set[tuple[str, str]] = field(default_factory=set)
    inbound: dict[tuple[str, str], float] = field(default_factory=dict)
    outbound: dict[tuple[str, str], float] = field(default_factory=dict)
    marks: dict[str, Any] = field(default_factory=dict)
    parent: Key | None = None

    def add_traffic(self, direction: str, protocol: str, code: str, rate: float) -> None:
        """Add a rate of traffic; `direction` is `inbound` or `outbound`."""
        found: dict[tuple[str, str], float] = getattr(self, direction)
        found[protocol, code] = found.get((protocol, code), 0.0) + rate

    @property
    def has_traffic(self) -> bool:
        """Tell whether the node has any traffic in or out."""
        return bool(self.inbound or self.outbound)


@dataclass(eq=False)
class Edge:
    """Traffic of one protocol from one node to another: rates by code, flags and host."""

    source: Key
    target: Key
    protocol: str
    responses: dict[tuple[str, str, str], float] = field(default_factory=dict)
    policies: dict[str, float] = field(default_factory=dict)
    marks: dict[str, Any] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """The rate of all responses together."""
        return sum(self.responses.values())

    def sum_by_code(self) -> dict[str, float]:
        """Return the rates by code alone."""
        found: dict[str, float] = {}
        for (code, _, _), rate in self.responses.items():
            found[code] = found.get(code, 0.0) + rate
        return found


@dataclass
class Graph:
    """Nodes and edges by their keys; `kind` is app, versionedApp, workload or service."""

    kind: str
    injected: bool
    """Whether Services stand between callers and workloads."""
    nodes: dict[Key, Node] = field(default_factory=dict)
    edges: dict[tuple[Key, Key, str], Edge] = field(default_factory=dict)

    def add_flows(self, calls: Iterable[TrafficFlow]) -> None:
        """Add the traffic of these flows to nodes and edges."""
        for call in calls:
            for source, target in (
                (self.get_or_add_node(a), self.get_or_add_node(b))
                for a, b in self._list_named_hops(call)
            ):
                target.destinations.add((call.service_namespace, call.service))
                source.add_traffic("outbound", call.protocol, call.code, call.rate)
                target.add_traffic("inbound", call.protocol, call.code, call.rate)
                key = (source.key, target.key, call.protocol)
                edge = self.edges.setdefault(key, Edge(*key))
                response = (call.code, call.flags, call.host)
                edge.responses[response] = edge.responses.get(response, 0.0) + call.rate

    def _list_named_hops(self, call: Any) -> list[tuple[Object, Object]]:
        return [(_describe_flow_end(a), _describe_flow_end(b)) for a, b in self.list_hops(call)]

    def list_hops(self, call: Any) -> list[tuple[Any, Any]]:
        """Return the hops that a flow (a policy, a timing) is shown as.

        One that never arrived ends at the Service.
        """
        service = {"type": "service", "namespace": call.service_namespace, "service": call.service}
        if call.destination.workload == UNKNOWN or self.kind == "service":
            return [(call.source, service)]
        if self.injected and call.service != UNKNOWN:
            return [(call.source, service), (service, call.destination)]
        return [(call.source, call.destination)]

    def list_hop_keys(self, call: Any) -> list[tuple[Key, Key]]:
        """Return the keys of the nodes along a flow's hops."""
        return [(self.build_key(a), self.build_key(b)) for a, b in self._list_named_hops(call)]

    def build_key(self, what: Object) -> Key:
        """Return the key that identifies a node in this kind of graph."""
        if what["type"] == "service":
            return ("svc", what["namespace"], what["service"])
        namespace, workload, app, version = (
            what[name] for name in ("namespace", "workload", "app", "version")
        )
        if (namespace, workload, app) == (UNKNOWN,) * 3:
            return ("unknown",)
        if self.kind == "workload" or app in ("", UNKNOWN):
            return ("wl", namespace, workload)
        return ("app", namespace, app) if self.kind == "app" else ("vapp", namespace, app, version)

    def get_or_add_node(self, what: Object) -> Node:
        """Return the node for a workload or a Service, made when it is met first."""
        key = self.build_key(what)
        if key not in self.nodes:
            self.nodes[key] = self._build_node(key, what)
        return self.nodes[key]

    def _build_node(self, key: Key, what: Object) -> Node:
        kinds = {"svc": "service", "wl": "workload", "unknown": "unknown"}
        names = {name: what.get(name, "") for name in ("workload", "app", "version", "service")}
        if key[0] == "app":
            names |= {"workload": "", "version": ""}
        return Node(key, kinds.get(key[0], "app"), what["namespace"], **names)

    def remove_node(self, key: Key) -> None:
        """Remove a node and its edges."""
        del self.nodes[key]
        for each in [edge for edge in self.edges if key in edge[:2]]:
            del self.edges[each]


def _describe_flow_end(side: FlowEnd | Object) -> Object:
    """Return the names that identify the node at that end."""
    if not isinstance(side, FlowEnd):
        return side
    names = {
        "namespace": side.namespace,
        "workload": side.workload,
        "app": side.app,
        "version": side.version,
    }
    return {"type": "workload", **names}
