"""What a sidecar's iptables rules hand to its Envoy: the `traffic.sidecar.istio.io` annotations of
a pod (istio-iptables: exclusions come first, then ports, then ranges)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

_PREFIX = "traffic.sidecar.istio.io/"


@dataclass(frozen=True)
class Redirection:
    """Lists as the annotations have them, apart by commas; `*` is everything."""

    inbound: str = "*"
    inbound_kept_out: str = ""
    ranges: str = "*"
    ranges_kept_out: str = ""
    ports: str = ""
    ports_kept_out: str = ""

    def takes_inbound(self, port: int) -> bool:
        """Tell whether what arrives at a port passes the Envoy."""
        return _has_port(self.inbound, port) and not _has_port(self.inbound_kept_out, port)

    def takes_outbound(self, address: str, port: int) -> bool:
        """Tell whether what the pod sends to an address and port passes the Envoy."""
        if _has_port(self.ports_kept_out, port) or _has_address(self.ranges_kept_out, address):
            return False
        return _has_port(self.ports, port) or _has_address(self.ranges, address)


def read_redirection(annotations: Mapping[str, str]) -> Redirection:
    """Return what the pod's annotations say."""

    def get(name: str, default: str) -> str:
        return annotations.get(f"{_PREFIX}{name}", default)

    return Redirection(
        inbound=get("includeInboundPorts", "*"),
        inbound_kept_out=get("excludeInboundPorts", ""),
        ranges=get("includeOutboundIPRanges", "*"),
        ranges_kept_out=get("excludeOutboundIPRanges", ""),
        ports=get("includeOutboundPorts", ""),
        ports_kept_out=get("excludeOutboundPorts", ""),
    )


def _list(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def _has_port(text: str, port: int) -> bool:
    return any(each in ("*", str(port)) for each in _list(text))


def _has_address(text: str, address: str) -> bool:
    return any(each == "*" or _lies_in(address, each) for each in _list(text))


def _lies_in(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
