"""What proxies report of a request: an Envoy its metrics and span, a ztunnel the connection."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.cluster.contract import Object
from sandbox.dataplane.engine.access_logs import (
    LoggedRequest,
    build_access_line,
    build_connection_line,
    draw_client_address,
    is_logging,
)
from sandbox.dataplane.engine.http_messages import Reply
from sandbox.dataplane.engine.request_context import (
    Hop,
    Parties,
    RequestContext,
    build_http_report,
    build_service_labels,
    build_tcp_report,
)
from sandbox.dataplane.engine.spans import (
    NONE,
    SpanContext,
    SpanDetails,
    SpanReporting,
    resolve_reporting,
)
from sandbox.dataplane.engine.workloads import Workload
from sandbox.dataplane.routes.clusters import parse_cluster_name
from sandbox.dataplane.routes.decision import Decision


@dataclass
class ProxiedRequest:
    """One request at one Envoy: on whose behalf, what was decided, and the endpoint that it was
    sent to last."""

    proxy: Workload
    source: Workload
    decision: Decision
    span: SpanContext
    target: Workload | None = None
    port: int = 0
    """The endpoint's."""


def report_request(passage: ProxiedRequest, hop: Hop, reply: Reply) -> None:
    """Add an Envoy's report and span of a request that it sent on, or answered itself."""
    proxy, decision = passage.proxy, passage.decision
    # A request that leads nowhere counts for the Service that was asked for all the same; a gateway
    # without a route never learned of one.
    asked = decision.service or hop.context.around.live.find_service(hop.call.host, proxy.namespace)
    service = build_service_labels(
        None if proxy.kind == "gateway" and not decision.cluster else asked
    )
    waypoint = proxy.kind == "waypoint"
    # Whether it was mutual TLS is for the receiving side to tell: clients' proxies say unknown.
    policy = "mutual_tls" if waypoint and passage.source.is_meshed else "unknown"
    parties = Parties(passage.source, passage.target, service, policy)
    hop.context.reports.append(
        build_http_report(proxy, "waypoint" if waypoint else "source", parties, hop, reply)
    )
    cluster = parse_cluster_name(decision.cluster)
    operation = f"{service['destination_service']}:{cluster.port if cluster else hop.call.port}/*"
    seen = SpanDetails(
        get_span_reporting(proxy, hop.context).collector,
        operation,
        "client",
        decision.cluster,
    )
    hop.context.reports += passage.span.build_spans(proxy, hop, reply, seen)
    _log_request(passage, hop, reply, asked)


def _log_request(passage: ProxiedRequest, hop: Hop, reply: Reply, asked: Object | None) -> None:
    """Add the access log line of an Envoy that sends a request on, if it logs."""
    proxy, decision, around = passage.proxy, passage.decision, hop.context.around
    side = "SERVER" if proxy.kind == "waypoint" else "CLIENT"
    if not is_logging(proxy, side, around.pushed.mesh, around.telemetries):
        return
    cluster = parse_cluster_name(decision.cluster)
    address = asked["spec"].get("clusterIP", "") if asked and proxy.kind == "sidecar" else ""
    target = passage.target
    seen = LoggedRequest(
        upstream=f"{target.address}:{passage.port or hop.call.port}" if target else "",
        cluster=decision.cluster or "-",
        local=f"{address or proxy.address}:{hop.call.port}",
        remote=draw_client_address(hop, None if proxy.kind == "gateway" else passage.source),
        route=decision.route or ("default" if cluster else "-"),
        headers=passage.span.call.headers,
        sent_from=proxy.address,
    )
    hop.context.reports.append(build_access_line(proxy, hop, reply, seen))


def report_tcp(passage: ProxiedRequest, hop: Hop, reply: Reply) -> None:
    """Add an Envoy's report of what it sent on as TCP, without looking into it."""
    proxy = passage.proxy
    parties = Parties(
        passage.source, passage.target, build_service_labels(passage.decision.service)
    )
    reporter = "waypoint" if proxy.kind == "waypoint" else "source"
    hop.context.reports.append(build_tcp_report(proxy.uid, reporter, parties, hop, reply))


def report_connection(reporter: str, parties: Parties, hop: Hop, reply: Reply) -> None:
    """Add the report of the ztunnel on one side of a connection, if its node has one."""
    side = parties.source if reporter == "source" else parties.destination
    ztunnel = hop.context.around.ztunnels.get(side.node if side else "")
    if ztunnel:
        hop.context.reports.append(build_tcp_report(ztunnel, reporter, parties, hop, reply))
        hop.context.reports.append(build_connection_line(ztunnel, reporter, parties, hop, reply))


def get_span_reporting(proxy: Workload, context: RequestContext) -> SpanReporting:
    """Return where a workload's Envoy sends its spans, and how many; nothing without an Envoy."""
    return (
        resolve_reporting(proxy, context.around.pushed.mesh, context.around.telemetries)
        if proxy.proxy
        else NONE
    )
