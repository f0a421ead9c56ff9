"""Listeners as Envoy shows them: what a proxy takes, how it tells connections apart, and where the
chains lead. Which chains there are for which mTLS mode is Istio's source."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.dataplane.admin.cluster_configs import BLACK_HOLE, INBOUND_PASSTHROUGH
from sandbox.dataplane.admin.proxy_view import (
    Json,
    ProxyView,
    ServedPort,
    describe_protocol,
    list_addresses,
)
from sandbox.dataplane.admin.route_configs import (
    build_inbound_config,
    build_prefix_config,
    list_gateway_ports,
    list_http_ports,
)
from sandbox.dataplane.engine.mutual_tls import find_server_mode
from sandbox.dataplane.objects.world import get_hostname
from sandbox.dataplane.routes.clusters import PASSTHROUGH
from sandbox.dataplane.routes.visibility import get_outbound_mode

TYPES = "type.googleapis.com/envoy.extensions.filters.network"
HTTP_FILTER = "envoy.filters.network.http_connection_manager"
TCP_FILTER = "envoy.filters.network.tcp_proxy"
ANYWHERE, TUNNEL = "0.0.0.0", "connect_originate"
_PLAIN = ("http/1.1", "h2c")
_MESH_HTTP = ("istio-http/1.0", "istio-http/1.1", "istio-h2")
_MESH_TCP = ("istio-peer-exchange", "istio")
_MESH_ALL = ("istio", "istio-peer-exchange", *_MESH_HTTP)
_Chain = tuple[str, tuple[str, ...], bool]
"""Transport protocol, application protocols, and whether HTTP is spoken inside."""
_CHAINS: dict[tuple[str, str], tuple[_Chain, ...]] = {
    ("PERMISSIVE", "http"): (("tls", _MESH_ALL, True), ("raw_buffer", (), True)),
    ("STRICT", "http"): (("tls", (), True),),
    ("DISABLE", "http"): (("raw_buffer", (), True),),
    ("PERMISSIVE", "tcp"): (
        ("tls", _MESH_ALL, False),
        ("tls", (), False),
        ("raw_buffer", (), False),
    ),
    ("STRICT", "tcp"): (("tls", (), False),),
    ("DISABLE", "tcp"): (("raw_buffer", (), False),),
    ("PERMISSIVE", "auto"): (
        ("tls", _MESH_HTTP, True),
        ("raw_buffer", _PLAIN, True),
        ("tls", _MESH_TCP, False),
        ("raw_buffer", (), False),
        ("tls", (), False),
    ),
    ("STRICT", "auto"): (("tls", _MESH_HTTP, True), ("tls", (), False)),
    ("DISABLE", "auto"): (("raw_buffer", _PLAIN, True), ("raw_buffer", (), False)),
}
"""The chains of an inbound port, by mTLS mode and protocol."""


def list_static_listeners() -> list[Json]:
    """Return the bootstrap's own listeners: statistics and health."""
    health = build_prefix_config("", "backend", "/healthz/ready", cluster="agent")
    numbers = build_prefix_config("", "backend", "/stats/prometheus", cluster="prometheus_stats")
    return [
        build_listener(ANYWHERE, 15090, [build_chain(http=numbers)], name=""),
        build_listener(ANYWHERE, 15021, [build_chain(http=health)], name=""),
    ]


def list_sidecar_listeners(view: ProxyView) -> list[Json]:
    """Return what istiod tells a sidecar (LDS)."""
    return [
        _build_outbound(view),
        _build_inbound(view),
        *_list_outbound_listeners(view),
        *_list_tunnel_listeners(view),
    ]


def list_gateway_listeners(view: ProxyView) -> list[Json]:
    """Return what istiod tells a gateway: a listener for each port that it is asked for."""
    own = [
        build_listener(ANYWHERE, port, [build_chain(rds=f"http.{port}")])
        for port in list_gateway_ports(view)
    ]
    return [*own, *_list_tunnel_listeners(view)]


def _list_tunnel_listeners(view: ProxyView) -> list[Json]:
    return [build_tunnel_listener()] if view.workload.hbone else []


def build_tunnel_listener() -> Json:
    """Return the listener inside an Envoy that opens the mesh's tunnels."""
    return {
        "name": TUNNEL,
        "internal_listener": {},
        "filter_chains": [build_chain(tcp=TUNNEL)],
    }


def _get_fallback(view: ProxyView) -> str:
    blocked = get_outbound_mode(view.world, view.proxy) == "REGISTRY_ONLY"
    return BLACK_HOLE if blocked else PASSTHROUGH


def _build_outbound(view: ProxyView) -> Json:
    chains = [
        build_chain(tcp=BLACK_HOLE, match={"destination_port": 15001}),
        build_chain(tcp=_get_fallback(view)),
    ]
    return build_listener(ANYWHERE, 15001, chains, name="virtualOutbound")


def _list_outbound_listeners(view: ProxyView) -> list[Json]:
    found = {}
    for open_port in list_http_ports(view):
        chains = [_match_http(rds=str(open_port)), build_chain(tcp=_get_fallback(view))]
        found[ANYWHERE, open_port] = build_listener(ANYWHERE, open_port, chains)
    for service, port in view.list_services():
        number, kind = port["port"], describe_protocol(port)
        if kind == "http":
            continue
        host = get_hostname(service)
        cluster = build_chain(tcp=f"outbound|{number}||{host}")
        sniffed = [_match_http(rds=f"{host}:{number}")] if kind == "auto" else []
        for address in list_addresses(service):
            found[address, number] = build_listener(address, number, [*sniffed, cluster])
    return list(found.values())


def _match_http(*, rds: str) -> Json:
    return build_chain(
        rds=rds, match={"transport_protocol": "raw_buffer", "application_protocols": list(_PLAIN)}
    )


def _build_inbound(view: ProxyView) -> Json:
    chains = [build_chain(tcp=BLACK_HOLE, match={"destination_port": 15006})]
    everywhere = {"prefix_ranges": [{"address_prefix": ANYWHERE, "prefix_len": 0}]}
    rest = ServedPort(0, "auto", 0)
    chains += _list_inbound_chains(view, rest, INBOUND_PASSTHROUGH, everywhere)
    for port in view.list_served_ports():
        where = {"destination_port": port.number}
        chains += _list_inbound_chains(view, port, f"inbound|{port.number}||", where)
    return build_listener(ANYWHERE, 15006, chains, name="virtualInbound")


def _list_inbound_chains(
    view: ProxyView, port: ServedPort, cluster: str, where: Json
) -> list[Json]:
    mode = find_server_mode(view.workload, port.number, view.state.peers)
    found = []
    for transport, protocols, http in _CHAINS[mode, port.protocol]:
        match: Json = {**where, "transport_protocol": transport}
        if protocols:
            match["application_protocols"] = list(protocols)
        config = build_inbound_config(cluster, port.service_port)
        found.append(
            build_chain(http=config, match=match) if http else build_chain(tcp=cluster, match=match)
        )
    return found


def build_chain(
    *,
    http: Json | None = None,
    rds: str = "",
    tcp: str = "",
    match: Json | None = None,
    name: str = "",
) -> Json:
    """Return a filter chain: HTTP with routes of its own (`http`) or by name (`rds`), or TCP to
    one cluster.
    """
    if tcp:
        config: Json = {"@type": f"{TYPES}.tcp_proxy.v3.TcpProxy", "stat_prefix": tcp}
        filters = [{"name": TCP_FILTER, "typed_config": config | {"cluster": tcp}}]
    else:
        told = {"rds": {"route_config_name": rds}} if rds else {"route_config": http}
        kind = f"{TYPES}.http_connection_manager.v3.HttpConnectionManager"
        filters = [{"name": HTTP_FILTER, "typed_config": {"@type": kind, **told}}]
    made: Json = {"filter_chain_match": match} if match else {}
    return made | {"filters": filters} | ({"name": name} if name else {})


def build_listener(
    address: str, port: int, chains: Sequence[Json], *, name: str | None = None
) -> Json:
    """Return a listener on an address; its name is made of the two unless it has one."""
    called = f"{address}_{port}" if name is None else name
    return {
        **({"name": called} if called else {}),
        "address": {"socket_address": {"address": address, "port_value": port}},
        "filter_chains": list(chains),
    }
