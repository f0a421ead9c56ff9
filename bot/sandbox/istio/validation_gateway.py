"""Validation of Istio's own Gateway and Sidecar kinds (not the Gateway API's)."""

from __future__ import annotations

from bot.sandbox.cluster.contract import Object
from bot.sandbox.istio.validation_parts import Finding, Findings, check_domain, check_port, each

_PROTOCOLS = ("HTTP", "HTTP2", "GRPC", "GRPC-WEB", "MONGO", "REDIS", "MYSQL", "TCP")
_SECURE = ("HTTPS", "TLS")


def check_gateway(spec: Object) -> Findings:
    """A Gateway: servers with ports, protocols, hosts and TLS settings."""
    servers = each(spec.get("servers"))
    if not servers:
        yield Finding("gateway must have at least one server")
    seen: set[str] = set()
    for server in servers:
        yield from _server(server)
        name = (server.get("port") or {}).get("name", "")
        if name in seen:
            yield Finding(f"port names in servers must be unique: duplicate name {name}")
        seen.add(name)


def _server(server: Object) -> Findings:
    port = server.get("port") or {}
    if not server.get("hosts"):
        yield Finding("server config must contain at least one host")
    for host in server.get("hosts") or []:
        yield from check_domain(host.rpartition("/")[2])
    protocol = str(port.get("protocol", "")).upper()
    if protocol not in (*_PROTOCOLS, *_SECURE):
        yield Finding(f'invalid protocol "{port.get("protocol", "")}", supported protocols are {", ".join(_PROTOCOLS)}')
    yield from check_port(port.get("number", 0))
    if protocol in _SECURE and not server.get("tls"):
        yield Finding("server must have TLS settings for HTTPS/TLS protocols")


def check_sidecar(spec: Object) -> Findings:
    """A Sidecar: something must be said, and every egress listener must reach a host."""
    if not any(
        spec.get(k) for k in ("workloadSelector", "ingress", "egress", "outboundTrafficPolicy", "inboundConnectionPool")
    ):
        yield Finding("sidecar: empty configuration provided")
    for listener in each(spec.get("egress")):
        if not listener.get("hosts"):
            yield Finding("sidecar: egress listener must contain at least one host")
