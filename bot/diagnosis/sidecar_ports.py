"""What a pod keeps from its own sidecar: the annotations `traffic.sidecar.istio.io/…`.

Exclusions go before what is included, and of what is included, ports before address ranges (Istio
1.23 and 1.30, istio-iptables).
"""

from __future__ import annotations

import ipaddress

from bot.diagnosis.facts import describe
from bot.kinds import Object
from bot.knowledge.objects.mesh_pods import has_sidecar
from bot.text import Text, verbatim

PREFIX = "traffic.sidecar.istio.io/"
INBOUND = ("excludeInboundPorts", "includeInboundPorts")
OUTBOUND = (
    "excludeOutboundPorts",
    "excludeOutboundIPRanges",
    "includeOutboundPorts",
    "includeOutboundIPRanges",
)


def read_list(pod: Object, name: str, default: str = "") -> list[str]:
    """Return the values of one of the annotations, apart by commas."""
    annotations = pod["metadata"].get("annotations") or {}
    text = str(annotations.get(f"{PREFIX}{name}", default))
    return [each.strip() for each in text.split(",") if each.strip()]


def passes_inbound(pod: Object, port: int = 9080) -> bool:
    """Tell whether what arrives at a port goes past the pod's sidecar, which so decrypts
    nothing."""
    if not has_sidecar(pod):
        return False
    out, taken = read_list(pod, INBOUND[0]), read_list(pod, INBOUND[1], "*")
    return names_port(out, port) or not names_port(taken, port)


def passes_outbound(pod: Object, address: str, port: int = 9080) -> bool:
    """Tell whether what a pod sends to a Service's address goes past its sidecar, as it is."""
    if not has_sidecar(pod):
        return False
    ports, ranges, own_ports, own_ranges = (
        read_list(pod, name, "*" if name == OUTBOUND[3] else "") for name in OUTBOUND
    )
    if names_port(ports, port) or names_address(ranges, address):
        return True
    return not names_port(own_ports, port) and not names_address(own_ranges, address)


def names_port(values: list[str], port: int) -> bool:
    """Tell whether a list has a port, or all of them."""
    return str(port) in values or "*" in values


def names_address(values: list[str], address: str) -> bool:
    """Tell whether an address lies in one of the ranges; `*` is all of them."""
    return any(value == "*" or lies_in(address, value) for value in values)


def lies_in(address: str, network: str) -> bool:
    """Tell whether an address lies in a range; what is no address or range lies nowhere."""
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def show_annotations(pod: Object, names: tuple[str, ...]) -> Text:
    """Return the annotations of a pod by which something goes past its sidecar."""
    annotations = pod["metadata"].get("annotations") or {}
    told = [f"{PREFIX}{n}={annotations[PREFIX + n]}" for n in names if PREFIX + n in annotations]
    return verbatim(f"{describe(pod)}: {', '.join(told)}")
