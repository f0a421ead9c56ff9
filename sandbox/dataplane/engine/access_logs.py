"""Access logs: a line for each request at an Envoy, in Envoy's default format as Istio has it, and
for each connection at a ztunnel.

Bytes, durations, flags, clusters and addresses are those of the request. What is not played (the
ports that clients send from) is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sandbox.cluster.contract import Object
from sandbox.dataplane.engine.http_messages import Reply
from sandbox.dataplane.engine.request_context import Hop, Parties
from sandbox.dataplane.engine.telemetry_rules import list_telemetries
from sandbox.dataplane.engine.workloads import Workload
from sandbox.dataplane.telemetry import WrittenLine

_DETAILS = {
    "FI": "fault_filter_abort",
    "NR": "route_not_found",
    "NC": "cluster_not_found",
    "UH": "no_healthy_upstream",
    "UT": "response_timeout",
    "UO": "overflow",
    "UF": "upstream_reset_before_response_started{remote_connection_failure}",
    "UC": "upstream_reset_before_response_started{connection_termination}",
    "DC": "downstream_remote_disconnect",
    "URX": "via_upstream",
}
"""Envoy's response code details, by the flag that says why the proxy answered."""
_DENIED = "rbac_access_denied_matched_policy[none]"
PROXY = "istio-proxy"


@dataclass(frozen=True)
class LoggedRequest:
    """What an access log line says beside the request and its answer. `upstream` is the address
    that was sent to, "" where nothing was."""

    upstream: str
    cluster: str
    local: str
    remote: str
    server_name: str = "-"
    route: str = "-"
    headers: Mapping[str, str] | None = None
    sent_from: str = ""


def is_logging(proxy: Workload, side: str, mesh: Object, telemetries: Mapping[tuple[str, str], Object]) -> bool:  # fmt: skip  # noqa: E501
    """Tell whether a proxy logs its requests: by the mesh's accessLogFile, unless a Telemetry says
    otherwise for that side (`CLIENT` or `SERVER`)."""
    on = bool(mesh.get("accessLogFile"))
    for rule in list_telemetries(proxy, telemetries):
        for part in rule["spec"].get("accessLogging") or ():
            mode = (part.get("match") or {}).get("mode", "CLIENT_AND_SERVER")
            if mode in (side, "CLIENT_AND_SERVER"):
                on = not part.get("disabled", False)
    return on


def build_access_line(proxy: Workload, hop: Hop, reply: Reply, seen: LoggedRequest) -> WrittenLine:
    """Return an Envoy's line about a request."""
    call, cut = hop.call, reply.end > hop.until
    headers = seen.headers or call.headers
    flags = "DC" if cut else reply.flags
    end = min(reply.end, hop.until)
    took = str(round((end - hop.now) * 1000))
    path = f"{call.path}?{call.query}" if call.query else call.path
    failed = flags.partition(",")[0] == "UF"
    texts = [
        f'"{call.method} {path} HTTP/1.1"',
        "0" if cut else str(reply.status),
        flags,
        _describe_end(reply, flags, answered=bool(seen.upstream)),
        "-",
        '"delayed_connect_error:_111"' if failed else '"-"',
        str(len(call.body)),
        str(len(reply.body)),
        took,
        took if seen.upstream and not failed else "-",
        *(f'"{headers.get(n) or "-"}"' for n in ("x-forwarded-for", "user-agent", "x-request-id")),
        f'"{call.authority}"',
        f'"{seen.upstream or "-"}"',
        seen.cluster or "-",
        _draw_port(hop, seen.sent_from) if seen.upstream else "-",
        seen.local,
        seen.remote,
        seen.server_name,
        seen.route,
    ]
    return WrittenLine(proxy.uid, PROXY, f"[{format_moment(hop.now)}] {' '.join(texts)}")


def _describe_end(reply: Reply, flags: str, *, answered: bool) -> str:
    own = [f for f in flags.split(",") if f in _DETAILS]
    if own:
        return _DETAILS[own[-1]]
    if reply.status == 403 and reply.body.startswith(b"RBAC"):
        return _DENIED
    return "via_upstream" if answered else "direct_response"


def _draw_port(hop: Hop, address: str) -> str:
    return f"{address}:{hop.context.chance.randrange(32768, 61000)}" if address else "-"


def draw_client_address(hop: Hop, client: Workload | None) -> str:
    """Return the address and the port that a client sends from; another cluster node's outside."""
    return _draw_port(hop, client.address if client else "10.244.0.1")


def format_moment(seconds: float) -> str:
    """Return seconds since 1970 as logs have them: to the millisecond, in UTC."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def build_connection_line(
    ztunnel: str, reporter: str, parties: Parties, hop: Hop, reply: Reply
) -> WrittenLine:
    """Return a ztunnel's line about a connection on its side."""
    pairs = []
    for side, workload in (("src", parties.source), ("dst", parties.destination)):
        if workload is None:
            continue
        hbone = side == "dst" and parties.policy == "mutual_tls"
        port = 15008 if hbone else hop.call.port
        pairs.append(
            f"{side}.addr={workload.address}:{port}"
            if side == "dst"
            else f"src.addr={_draw_port(hop, workload.address)}"
        )
        if hbone:
            pairs.append(f"dst.hbone_addr={workload.address}:{hop.call.port}")
        pairs.append(f'{side}.workload="{workload.pod}"')
        pairs.append(f'{side}.namespace="{workload.namespace}"')
        if parties.policy == "mutual_tls":
            pairs.append(f'{side}.identity="{workload.principal}"')
    direction = "outbound" if reporter == "source" else "inbound"
    counts = f"bytes_sent={len(hop.call.body)} bytes_recv={len(reply.body)}"
    service = parties.service.get("destination_service", "unknown")
    took = f'duration="{round((reply.end - hop.now) * 1000)}ms"'
    error = f' error="connection closed: {reply.failure}"' if reply.failure else ""
    text = f'{" ".join(pairs)} dst.service="{service}" direction="{direction}" {counts} {took}'
    stamp = f"{format_moment(reply.end)[:-1]}000Z"
    level = "error" if reply.failure else "info"
    return WrittenLine(
        ztunnel, PROXY, f"{stamp}\t{level}\taccess\tconnection complete\t{text}{error}"
    )
