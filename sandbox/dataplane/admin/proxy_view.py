"""One proxy's point of view: the mesh as its istiod has told it, and the Services that concern it.

Everything that its administration port shows is computed from this.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.cluster.contract import Object
from sandbox.cluster.machinery.selectors import matches_service_selector
from sandbox.dataplane.engine.mesh_state import MeshState
from sandbox.dataplane.engine.workloads import Workload
from sandbox.dataplane.objects.pods import Proxy
from sandbox.dataplane.objects.world import World, detect_protocol
from sandbox.dataplane.routes.visibility import is_visible

Json = dict[str, Any]
TYPES = "type.googleapis.com/envoy"
_TCP_PORTS = (25, 53, 3306, 27017)
"""Ports that istiod takes for TCP unless their name says otherwise (Istio's source)."""


@dataclass(frozen=True)
class ServedPort:
    """A port of a pod that Services lead to: its number, the protocol, and the Service's port."""

    number: int
    protocol: str
    service_port: int


@dataclass(frozen=True, kw_only=True)
class ProxyView:
    """A proxy and the state of the mesh at one moment."""

    state: MeshState
    workload: Workload
    proxy: Proxy

    @property
    def world(self) -> World:
        """The rules that were told to it."""
        return self.state.pushed

    def list_services(self) -> Iterator[tuple[Object, Object]]:
        """Yield Services that it is told of, each with one of its ports; UDP is for nobody."""
        if self.proxy.kind == "waypoint":
            services = self.world.list_served_services(self.proxy)
        else:
            services = list(self.world.registered)
        for service in services:
            for port in service["spec"].get("ports") or []:
                if detect_protocol(port) != "udp" and is_visible(
                    self.world, self.proxy, service, port["port"]
                ):
                    yield service, port

    def list_served_ports(self) -> list[ServedPort]:
        """Return the ports of its own pod that Services lead to, by number."""
        found: dict[int, ServedPort] = {}
        for (namespace, _), service in sorted(self.world.services.items()):
            selector = service["spec"].get("selector")
            if namespace != self.workload.namespace or not matches_service_selector(
                selector, dict(self.workload.labels)
            ):
                continue
            for port in service["spec"].get("ports") or []:
                target = port.get("targetPort") or port["port"]
                number = self.workload.ports.get(target) if isinstance(target, str) else target
                protocol = describe_protocol(port)
                if number and protocol != "udp":
                    found.setdefault(number, ServedPort(number, protocol, port["port"]))
        return [port for _, port in sorted(found.items())]


def describe_protocol(port: Object) -> str:
    """Return `http`, `tcp`, `udp` or, where a proxy finds out by itself, "auto"."""
    said = detect_protocol(port)
    if not said and port["port"] in _TCP_PORTS:
        return "tcp"
    return said or "auto"


def list_addresses(service: Object) -> list[str]:
    """Return a Service's addresses; none for a headless one or a ServiceEntry."""
    spec = service["spec"]
    addresses = spec.get("clusterIPs") or [spec.get("clusterIP") or ""]
    return [address for address in addresses if address not in ("", "None")]
