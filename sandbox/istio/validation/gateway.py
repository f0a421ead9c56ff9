"""Validation of Istio's own Gateway and Sidecar kinds (not the Gateway API's)."""

from __future__ import annotations

from sandbox.cluster.contract import Object
from sandbox.istio.validation.parts import (
    Findings,
    ValidationFinding,
    check_domain,
    check_port_number,
    filter_objects,
)

_PROTOCOLS = ("HTTP", "HTTP2", "GRPC", "GRPC-WEB", "MONGO", "REDIS", "MYSQL", "TCP")
_SECURE = ("HTTPS", "TLS")


def check_gateway(spec: Object) -> Findings:
    """Check a Gateway: servers with ports, protocols, hosts and TLS settings."""
    servers = filter_objects(spec.get("servers"))
    if not servers:
        yield ValidationFinding("gateway must have at least one server")
    seen: set[str] = set()
    for server in servers:
        yield from _check_server(server)
        name = (server.get("port") or {}).get("name", "")
        if name in seen:
            yield ValidationFinding(f"port names in servers must be unique: duplicate name {name}")
        seen.add(name)


def _check_server(server: Object) -> Findings:
    port = server.get("port") or {}
    if not server.get("hosts"):
        yield ValidationFinding("server config must contain at least one host")
    for host in server.get("hosts") or []:
        yield from check_domain(host.rpartition("/")[2])
    protocol = str(port.get("protocol", "")).upper()
    if protocol not in (*_PROTOCOLS, *_SECURE):
        yield ValidationFinding(
            f'invalid protocol "{port.get("protocol", "")}", supported protocols are '
            f"{', '.join(_PROTOCOLS)}"
        )
    yield from check_port_number(port.get("number", 0))
    if protocol in _SECURE and not server.get("tls"):
        yield ValidationFinding("server must have TLS settings for HTTPS/TLS protocols")


def check_sidecar(spec: Object) -> Findings:
    """Check a Sidecar: it must not be empty, and every egress listener needs a host."""
    if not any(
        spec.get(k)
        for k in (
            "workloadSelector",
            "ingress",
            "egress",
            "outboundTrafficPolicy",
            "inboundConnectionPool",
        )
    ):
        yield ValidationFinding("sidecar: empty configuration provided")
    for listener in filter_objects(spec.get("egress")):
        if not listener.get("hosts"):
            yield ValidationFinding("sidecar: egress listener must contain at least one host")
        if any("/" not in str(host) for host in listener.get("hosts") or ()):
            yield ValidationFinding("host must be of form namespace/dnsName")
