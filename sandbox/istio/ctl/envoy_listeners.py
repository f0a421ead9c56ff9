"""Tables of an Envoy's listeners and their chains, laid out as `istioctl proxy-config listeners`
does (Istio's source, the same in 1.23 and 1.30)."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.istio.ctl.envoy_tables import Rows, describe_match
from sandbox.istio.ctl.proxy_dump import Json

_HTTP = "envoy.filters.network.http_connection_manager"
_TCP = "envoy.filters.network.tcp_proxy"
_BLACK_HOLE = "BlackHoleCluster"
_PROTOCOLS = {
    ("http/1.0", "http/1.1", "h2c", *("istio-http/1.0", "istio-http/1.1", "istio-h2")): "HTTP TLS",
    ("istio", "istio-http/1.0", "istio-http/1.1", "istio-h2"): "Istio HTTP Plain",
    ("istio-peer-exchange", "istio"): "TCP TLS",
    ("http/1.0", "http/1.1", "h2c"): "HTTP",
}
"""Lists of application protocols that have a name of their own."""


def select_listeners(found: list[Json], wanted: tuple[str, int, str]) -> list[Json]:
    """Return the listeners of that address, port and type (empty for all), by port."""
    address, port, kind = wanted
    chosen = [
        each
        for each in found
        if (not address or _read_place(each)[0].lower() == address.lower())
        and port in (0, _read_place(each)[1])
        and (not kind or _find_type(each).lower() == kind.lower())
    ]
    return sorted(chosen, key=_build_key)


def _build_key(listener: Json) -> tuple[int, str, str]:
    address, port = _read_place(listener)
    return port, address, _find_type(listener)


def _read_place(listener: Json) -> tuple[str, int]:
    place = (listener.get("address") or {}).get("socket_address") or {}
    return str(place.get("address", "")), int(place.get("port_value") or 0)


def _list_chains(listener: Json) -> list[Json]:
    default = listener.get("default_filter_chain")
    return [*(listener.get("filter_chains") or ()), *([default] if default else ())]


def _find_type(listener: Json) -> str:
    kinds = set()
    for chain in _list_chains(listener):
        for item in chain.get("filters") or ():
            if item["name"] == _HTTP:
                kinds.add("HTTP")
            elif item["name"] == _TCP and not _is_black_hole(item):
                kinds.add("TCP")
    return "+".join(sorted(kinds)) or "UNKNOWN"


def _is_black_hole(item: Json) -> bool:
    return (item.get("typed_config") or {}).get("cluster") == _BLACK_HOLE


def list_listener_rows(listeners: list[Json], *, verbose: bool) -> Rows:
    """Return the table's rows, the heading first."""
    rows = [["ADDRESSES", "PORT", "MATCH", "DESTINATION"] if verbose else _SHORT_HEADING]
    for listener in listeners:
        address, port = _read_place(listener)
        if not verbose:
            rows.append([address, str(port), _find_type(listener)])
            continue
        chains = [
            (describe_chain_match(chain.get("filter_chain_match") or {}), describe_target(chain))
            for chain in _list_chains(listener)
        ]
        chains.sort(key=lambda pair: pair[1], reverse=True)
        rows += [[address, str(port), match, target] for match, target in chains]
    return rows


_SHORT_HEADING = ["ADDRESSES", "PORT", "TYPE"]


def describe_chain_match(match: Json) -> str:
    """Return by what a chain is chosen: server name, transport, protocols, address."""
    parts = []
    if match.get("server_names"):
        parts.append(f"SNI: {','.join(match['server_names'])}")
    if match.get("transport_protocol"):
        parts.append(f"Trans: {match['transport_protocol']}")
    protocols = tuple(match.get("application_protocols") or ())
    if protocols:
        parts.append(f"App: {_PROTOCOLS.get(protocols) or ','.join(protocols)}")
    port = f":{match['destination_port']}" if "destination_port" in match else ""
    ranges = [
        f"{r['address_prefix']}/{r.get('prefix_len') or 0}"
        for r in match.get("prefix_ranges") or ()
    ]
    if ranges:
        parts.append(f"Addr: {','.join(ranges)}{port}")
    elif port:
        parts.append(f"Addr: *{port}")
    return "; ".join(parts) or "ALL"


def describe_target(chain: Json) -> str:
    """Return where a chain leads: a route configuration, a cluster, or nowhere."""
    for item in chain.get("filters") or ():
        config = item.get("typed_config") or {}
        if item["name"] == _HTTP:
            name = (config.get("rds") or {}).get("route_config_name")
            if config.get("route_config"):
                return _describe_routes(config["route_config"])
            return f"Route: {name}" if name else "HTTP"
        if item["name"] == _TCP and not _is_black_hole(item):
            return _name_cluster(str(config.get("cluster", "")))
    return "Non-HTTP/Non-TCP"


def _name_cluster(cluster: str) -> str:
    return cluster if "Cluster" in cluster else f"Cluster: {cluster}"


def _describe_routes(config: Json) -> str:
    hosts = config.get("virtual_hosts") or []
    routes = [(host, host.get("routes") or []) for host in hosts]
    if len(routes) == 1 and hosts[0].get("domains") == ["*"] and len(routes[0][1]) == 1:
        only = routes[0][1][0]
        cluster = (only.get("route") or {}).get("cluster")
        # A route for everything is told by its cluster, but for those of Envoy itself.
        if cluster and (only.get("match") or {}).get("prefix") == "/":
            return _name_cluster(cluster)
    shown = []
    for host, inside in routes:
        matches = ", ".join(describe_match(route.get("match") or {}) for route in inside)
        domains = "" if host.get("domains") == ["*"] else "/".join(host.get("domains") or ())
        shown.append(f"{domains} {matches}" if domains else matches)
    return f"Inline Route: {'; '.join(shown)}"


def list_chain_rows(listeners: list[Json]) -> Rows:
    """Return the rows of a waypoint's table: each chain, and which addresses it is for."""
    inside = sorted((each for each in listeners if _is_internal(each)), key=lambda e: e["name"])
    outside = sorted((each for each in listeners if not _is_internal(each)), key=_build_key)
    rows = [["LISTENER", "CHAIN", "MATCH", "DESTINATION"]]
    for listener in (*inside, *outside):
        for chain in _list_chains(listener):
            place = [f"envoy://{listener.get('name', '')}", chain.get("name", "")]
            rows += [
                [*place, match, describe_target(chain)] for match in _list_matches(listener, chain)
            ]
    return rows


def _is_internal(listener: Json) -> bool:
    return "internal_listener" in listener


def _list_matches(listener: Json, chain: Json) -> list[str]:
    matcher = listener.get("filter_chain_matcher")
    if matcher is None:
        return [describe_chain_match(chain.get("filter_chain_match") or {})]
    return list(_search_matcher(matcher, chain.get("name", ""))) or ["NONE"]


def _search_matcher(matcher: Json, name: str) -> Iterator[str]:
    """Yield the ways through a tree of conditions to the chain of that name."""
    tree = matcher.get("matcher_tree") or {}
    asked = (tree.get("input") or {}).get("name", "")
    branches: list[tuple[str, Json]] = list(
        ((tree.get("exact_match_map") or {}).get("map") or {}).items()
    )
    custom = (tree.get("custom_match") or {}).get("typed_config") or {}
    for item in custom.get("range_matchers") or ():
        branches += [(each["address_prefix"], item["on_match"]) for each in item["ranges"]]
    for value, branch in branches:
        if (branch.get("action") or {}).get("name") == name:
            yield f"{asked}={value}"
        for inner in _search_matcher(branch.get("matcher") or {}, name):
            yield f"{asked}={value} -> {inner}"
