"""A traffic graph while it is put together: nodes with what went in and out, edges with their responses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.cluster.contract import Object
from bot.sandbox.observability.kiali.rates import UNKNOWN, Call, End

Key = tuple[str, ...]
"""What makes a node one node."""


@dataclass(eq=False)
class Node:
    """An application's version, a workload or a Service. `marks` are what appenders add to its data."""

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

    def count(self, direction: str, protocol: str, code: str, rate: float) -> None:
        """Adds traffic; `direction` is `inbound` or `outbound`."""
        found: dict[tuple[str, str], float] = getattr(self, direction)
        found[protocol, code] = found.get((protocol, code), 0.0) + rate

    @property
    def busy(self) -> bool:
        """Whether anything went in or out."""
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
        """All of it."""
        return sum(self.responses.values())

    def codes(self) -> dict[str, float]:
        """Rates by code alone."""
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

    def add(self, calls: Iterable[Call]) -> None:
        """Takes in traffic."""
        for call in calls:
            for source, target in ((self.of(a), self.of(b)) for a, b in self._legs(call)):
                target.destinations.add((call.service_namespace, call.service))
                source.count("outbound", call.protocol, call.code, call.rate)
                target.count("inbound", call.protocol, call.code, call.rate)
                key = (source.key, target.key, call.protocol)
                edge = self.edges.setdefault(key, Edge(*key))
                response = (call.code, call.flags, call.host)
                edge.responses[response] = edge.responses.get(response, 0.0) + call.rate

    def _legs(self, call: Any) -> list[tuple[Object, Object]]:
        return [(_names(a), _names(b)) for a, b in self.path(call)]

    def path(self, call: Any) -> list[tuple[Any, Any]]:
        """The hops that a call (a policy, a timing) is shown as; one that never arrived ends at the Service."""
        service = {"type": "service", "namespace": call.service_namespace, "service": call.service}
        if call.destination.workload == UNKNOWN or self.kind == "service":
            return [(call.source, service)]
        if self.injected and call.service != UNKNOWN:
            return [(call.source, service), (service, call.destination)]
        return [(call.source, call.destination)]

    def keys(self, call: Any) -> list[tuple[Key, Key]]:
        """The nodes' keys along a call's path."""
        return [(self.key(a), self.key(b)) for a, b in self._legs(call)]

    def key(self, what: Object) -> Key:
        """What makes a node one in this kind of graph."""
        if what["type"] == "service":
            return ("svc", what["namespace"], what["service"])
        namespace, workload, app, version = (what[name] for name in ("namespace", "workload", "app", "version"))
        if (namespace, workload, app) == (UNKNOWN,) * 3:
            return ("unknown",)
        if self.kind == "workload" or app in ("", UNKNOWN):
            return ("wl", namespace, workload)
        return ("app", namespace, app) if self.kind == "app" else ("vapp", namespace, app, version)

    def of(self, what: Object) -> Node:
        """The node for a workload or a Service, made when it is met first."""
        key = self.key(what)
        if key not in self.nodes:
            self.nodes[key] = self._node(key, what)
        return self.nodes[key]

    def _node(self, key: Key, what: Object) -> Node:
        kinds = {"svc": "service", "wl": "workload", "unknown": "unknown"}
        names = {name: what.get(name, "") for name in ("workload", "app", "version", "service")}
        if key[0] == "app":
            names |= {"workload": "", "version": ""}
        return Node(key, kinds.get(key[0], "app"), what["namespace"], **names)

    def remove(self, key: Key) -> None:
        """A node and its edges."""
        del self.nodes[key]
        for each in [edge for edge in self.edges if key in edge[:2]]:
            del self.edges[each]


def _names(side: End | Object) -> Object:
    """What a node at that side is named by."""
    if not isinstance(side, End):
        return side
    names = {"namespace": side.namespace, "workload": side.workload, "app": side.app, "version": side.version}
    return {"type": "workload", **names}
