"""Tables of an Envoy's routes, clusters and endpoints, laid out as `istioctl proxy-config` does
(Istio's source, the same in 1.23 and 1.30)."""

from __future__ import annotations

import re
from typing import Any

from sandbox.istio.components.common import get_nested
from sandbox.istio.ctl.proxy_dump import Json

_PASSTHROUGH = "PassthroughCluster"
_SHOWN_DOMAINS = 2
Rows = list[list[str]]
Wanted = tuple[str, int, str, str]
"""What endpoints are filtered by: address, port, cluster, status; empty for all."""


def to_camel_case(value: Any) -> Any:
    """Return a value of Envoy's JSON with its fields named as in protobuf's JSON."""
    if isinstance(value, dict):
        return {_to_camel_name(name): to_camel_case(inner) for name, inner in value.items()}
    return [to_camel_case(inner) for inner in value] if isinstance(value, list) else value


def _to_camel_name(name: str) -> str:
    # Only names of fields: keys of maps, such as filters' names, have dots or dashes.
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        return name
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name)


def select_routes(found: list[Json], name: str) -> list[Json]:
    """Return the configurations of that name, or all, by port number where they have one."""
    numbered = sorted(
        (c for c in found if c.get("name", "").isdigit()), key=lambda c: int(c["name"])
    )
    rest = [c for c in found if not c.get("name", "").isdigit()]
    return [c for c in (*numbered, *rest) if name in ("", c.get("name", ""))]


def list_route_rows(configs: list[Json], *, verbose: bool) -> Rows:
    """Return the table's rows, the heading first."""
    if not verbose:
        counted = [[c.get("name", ""), str(len(c.get("virtual_hosts") or []))] for c in configs]
        return [["NAME", "VIRTUAL HOSTS"], *counted]
    rows = [["NAME", "VHOST NAME", "DOMAINS", "MATCH", "VIRTUAL SERVICE"]]
    for config in configs:
        for host in config.get("virtual_hosts") or []:
            place = [config.get("name", ""), host["name"], describe_domains(host["domains"])]
            routes = host.get("routes") or []
            rows += [
                [*place, describe_match(route.get("match") or {}), describe_origin(route)]
                for route in routes
                if (route.get("route") or {}).get("cluster") != _PASSTHROUGH
            ]
            if not routes:
                rows.append([*place, "/*", "404"])
    return rows


def describe_domains(domains: list[str]) -> str:
    """Return the first two domains that are not another one written longer, and how many more."""
    if len(domains) < 2:
        return "".join(domains)
    # A domain with a port is left out; more than two colons are an IPv6 address in brackets.
    kept = [d for d in domains if ":" not in d or (d.count(":") > 2 and d.endswith("]"))]
    there = set(kept)
    kept = [
        d
        for d in kept
        if not any(
            d.endswith(end) and d.removesuffix(end) in there
            for end in (".svc.cluster.local", ".svc")
        )
    ]
    more = len(kept) - _SHOWN_DOMAINS
    shown = ", ".join(kept[:_SHOWN_DOMAINS])
    return f"{shown} + {more} more..." if more > 0 else shown


def describe_match(match: Json) -> str:
    """Return the condition on the path; headers are not told."""
    parts = []
    if match.get("prefix"):
        parts.append(f"{match['prefix']}*")
    if match.get("path_separated_prefix"):
        parts.append(f"PathPrefix:{match['path_separated_prefix']}")
    if match.get("path"):
        parts.append(str(match["path"]))
    regex = match.get("safe_regex")
    if regex:
        parts.append(f"regex {regex['regex'] if isinstance(regex, dict) else regex}")
    return " ".join(parts)


def describe_origin(config: Json) -> str:
    """Return the rule that a route or a cluster comes from, `name.namespace`."""
    istio = ((config.get("metadata") or {}).get("filter_metadata") or {}).get("istio") or {}
    parts = str(istio.get("config") or "").split("/")
    return f"{parts[7]}.{parts[5]}" if len(parts) == 8 else ""


def select_clusters(found: list[Json], wanted: tuple[str, str, str], port: int) -> list[Json]:
    """Return the clusters whose names hold FQDN, direction, subset and port, by the Service."""
    chosen = [
        c
        for c in found
        if all(text in c["name"] for text in wanted) and (not port or f"|{port}|" in c["name"])
    ]
    return sorted(chosen, key=_build_cluster_key)


def _split_name(name: str) -> tuple[str, int, str, str]:
    """Return direction, port, subset and host; of a plain name only the last."""
    parts = name.split("|")
    if len(parts) < 4 or not parts[1].isdigit():
        return "", 0, "", name
    return parts[0], int(parts[1]), parts[2], parts[3]


def _build_cluster_key(cluster: Json) -> tuple[str, str, int, str]:
    direction, port, subset, host = _split_name(cluster["name"])
    return host, subset, port, direction


def list_cluster_rows(clusters: list[Json]) -> Rows:
    """Return the table's rows, the heading first."""
    rows = [["SERVICE FQDN", "PORT", "SUBSET", "DIRECTION", "TYPE", "DESTINATION RULE"]]
    for cluster in clusters:
        direction, port, subset, host = _split_name(cluster["name"])
        place = [host, str(port) if port else "-", subset or "-", direction or "-"]
        rows.append([*place, cluster.get("type", "STATIC"), describe_origin(cluster)])
    return rows


def select_statuses(statuses: list[Json], wanted: Wanted) -> list[Json]:
    """Return the clusters that have an endpoint which is asked for."""
    return [
        status
        for status in statuses
        if any(_is_wanted(host, status["name"], wanted) for host in status["host_statuses"])
    ]


def _is_wanted(host: Json, cluster: str, wanted: Wanted) -> bool:
    address, port, name, health = wanted
    there, number = _read_address(host)
    return (
        (not address or there.lower() == address.lower())
        and port in (0, number)
        and (not name or cluster.lower() == name.lower())
        and (not health or _read_health(host).lower() == health.lower())
    )


def _read_address(host: Json) -> tuple[str, int]:
    address = host["address"]
    if "socket_address" in address:
        place = address["socket_address"]
        return str(place["address"]), int(place.get("port_value") or 0)
    if "pipe" in address:
        return f"unix://{address['pipe']['path']}", 0
    inside = address.get("envoy_internal_address") or {}
    listener = inside.get("server_listener_name")
    return (f"envoy://{listener}/{inside.get('endpoint_id', '')}" if listener else "unknown"), 0


def _read_health(host: Json) -> str:
    return str(get_nested(host, "health_status.eds_health_status", "UNKNOWN"))


def list_endpoint_rows(statuses: list[Json], wanted: Wanted) -> Rows:
    """Return the table's rows by address, the heading first."""
    found = []
    for status in statuses:
        for host in status["host_statuses"]:
            if _is_wanted(host, status["name"], wanted):
                failed = get_nested(host, "health_status.failed_outlier_check", False)
                told = [_read_health(host), "FAILED" if failed else "OK", status["name"]]
                found.append((*_read_address(host), status["name"], told))
    rows = [["ENDPOINT", "STATUS", "OUTLIER CHECK", "CLUSTER"]]
    for address, port, _, told in sorted(found):
        rows.append([f"{address}:{port}" if port else address, *told])
    return rows
