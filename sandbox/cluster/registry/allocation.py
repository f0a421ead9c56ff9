"""Cluster addresses and node ports of Services, which the API server itself hands out when a
Service is made."""

from __future__ import annotations

import ipaddress
from typing import Any

from sandbox.cluster.contract import Object


class ServiceAllocator:
    """Addresses from `network` and ports 30000-32767, in order."""

    def __init__(self, network: str = "10.96.0.0/16") -> None:
        self._base = int(ipaddress.ip_network(network).network_address)
        self._next_address, self._next_port = 20, 30_000
        self._taken: dict[str, str] = {}

    def allocate_addresses(self, service: Object) -> None:
        """Give a Service the address and node ports that its type needs, and take away what only
        another type has (changed in place).
        """
        spec: dict[str, Any] = service["spec"]
        if spec.get("type") == "ExternalName":
            for name in ("clusterIP", "clusterIPs"):
                spec.pop(name, None)
            return
        if not spec.get("clusterIP"):
            spec["clusterIP"] = self._take_address()
        spec["clusterIPs"] = [spec["clusterIP"]]
        self._taken[spec["clusterIP"]] = service["metadata"].get("uid", "")
        if spec.get("type") in ("NodePort", "LoadBalancer"):
            for port in spec.get("ports") or ():
                port.setdefault("nodePort", 0)
                port["nodePort"] = port["nodePort"] or self._take_port()
        else:
            spec.pop("externalTrafficPolicy", None)
            for port in spec.get("ports") or ():
                port.pop("nodePort", None)
        if spec.get("type") != "LoadBalancer":
            spec.pop("allocateLoadBalancerNodePorts", None)

    def keep_addresses(self, live: Object, service: Object) -> None:
        """Give a Service that replaces another the address and node ports of the live one, where
        it says nothing of its own (changed in place).
        """
        old, spec = live["spec"], service["spec"]
        if "ExternalName" not in (old.get("type"), spec.get("type")) and old.get("clusterIP"):
            spec["clusterIP"] = spec.get("clusterIP") or old["clusterIP"]
        ports = {
            (port.get("protocol"), port.get("port")): port["nodePort"]
            for port in old.get("ports") or ()
            if port.get("nodePort")
        }
        for port in spec.get("ports") or ():
            key = (port.get("protocol"), port.get("port"))
            if not port.get("nodePort") and key in ports:
                port["nodePort"] = ports[key]

    def release_address(self, service: Object) -> None:
        """Take back the cluster address of a removed Service."""
        self._taken.pop((service.get("spec") or {}).get("clusterIP", ""), None)

    def _take_address(self) -> str:
        while True:
            self._next_address = self._next_address % 65_000 + 1
            address = str(ipaddress.ip_address(self._base + self._next_address))
            if address not in self._taken:
                return address

    def _take_port(self) -> int:
        self._next_port = 30_000 + (self._next_port - 29_999) % 2768
        return self._next_port
