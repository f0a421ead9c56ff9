"""Traces: which proxies report spans, and how a trace goes on from hop to hop (B3 headers, as
Zipkin's tracer has it).

A sidecar, gateway or waypoint reports to the address that it was started with, or to the provider
of a Telemetry. ztunnel knows no HTTP and reports none.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from uuid import UUID

from sandbox.cluster.contract import Object
from sandbox.dataplane.engine.http_messages import Call, Reply
from sandbox.dataplane.engine.request_context import Hop
from sandbox.dataplane.engine.telemetry_rules import Telemetries, list_telemetries
from sandbox.dataplane.engine.workloads import Workload
from sandbox.observability.sources import Span


@dataclass(frozen=True)
class SpanReporting:
    """The address to which a proxy sends spans, and the per cent of the traces that begin
    there which it samples; "" for nowhere.
    """

    collector: str
    percent: float = 0.0


NONE = SpanReporting("")


def resolve_reporting(proxy: Workload, mesh: Object, telemetries: Telemetries) -> SpanReporting:
    """Return the span reporting of a proxy: a Telemetry's provider (root, namespace,
    workload: the last one that says so), else the bootstrap's Zipkin.
    """
    named, percent, silent = _merge_tracing(proxy, telemetries)
    named = named or next(iter((mesh.get("defaultProviders") or {}).get("tracing") or ()), "")
    if silent:
        return NONE
    sampling = percent if percent is not None else proxy.sampling
    if named:
        return SpanReporting(_find_provider_address(mesh, named), sampling)
    return (
        SpanReporting(proxy.collector, sampling)
        if mesh.get("enableTracing", True) and proxy.collector
        else NONE
    )


def _merge_tracing(proxy: Workload, telemetries: Telemetries) -> tuple[str, float | None, bool]:
    named, silent = "", False
    percent: float | None = None
    for rule in list_telemetries(proxy, telemetries):
        for part in rule["spec"].get("tracing") or ():
            named = next((p["name"] for p in part.get("providers") or ()), named)
            percent = part.get("randomSamplingPercentage", percent)
            silent = bool(part.get("disableSpanReporting", silent))
    return named, percent, silent


def _find_provider_address(mesh: Object, name: str) -> str:
    found: Object = next(
        (p for p in mesh.get("extensionProviders") or () if p.get("name") == name), {}
    )
    place = found.get("zipkin") or found.get("opentelemetry") or {}
    return f"{place['service']}:{place.get('port', 9411)}" if place.get("service") else ""


@dataclass(frozen=True)
class SpanContext:
    """One proxy's place in a trace; `call` is the request as it goes on from there."""

    call: Call
    trace: str = ""
    span: str = ""
    parent: str = ""
    sampled: bool = False

    def build_spans(self, proxy: Workload, hop: Hop, reply: Reply, seen: SpanDetails) -> list[Span]:
        """Return the span, if this trace is sampled and the proxy reports any."""
        if not self.sampled or not seen.collector:
            return []
        end = min(reply.end, hop.until)
        return [
            Span(
                trace_id=self.trace,
                span_id=self.span,
                parent_id=self.parent,
                service=proxy.service,
                operation=seen.operation,
                start=round(hop.now * 1e6),
                duration=max(1, round((end - hop.now) * 1e6)),
                collector=seen.collector,
                tags=_build_tags(self.call, proxy, reply, seen, cut=reply.end > hop.until),
            )
        ]


@dataclass(frozen=True)
class SpanDetails:
    """The parts of a span beside its times: collector, operation, kind (`client` or
    `server`) and Envoy's cluster.
    """

    collector: str
    operation: str
    kind: str
    cluster: str


def continue_trace(call: Call, proxy: SpanReporting, chance: random.Random) -> SpanContext:
    """Continue the trace in the request's headers, or begin one; a proxy that reports
    nothing changes nothing.
    """
    if not call.headers.get("x-request-id"):
        call = call.with_headers(
            {"x-request-id": str(UUID(int=chance.getrandbits(128), version=4))}
        )
    if not proxy.collector:
        return SpanContext(call)
    trace = call.headers.get("x-b3-traceid", "")
    parent = call.headers.get("x-b3-spanid", "") if trace else ""
    # The proxy at which a trace begins decides for all of it: otherwise it would have holes.
    sampled = (
        call.headers.get("x-b3-sampled") == "1" if trace else chance.random() * 100 < proxy.percent
    )
    trace, span = trace or f"{chance.getrandbits(128):032x}", f"{chance.getrandbits(64):016x}"
    headers = {"x-b3-traceid": trace, "x-b3-spanid": span, "x-b3-sampled": "1" if sampled else "0"}
    headers |= {"x-b3-parentspanid": parent} if parent else {}
    return SpanContext(call.with_headers(headers), trace, span, parent, sampled)


def _build_tags(
    call: Call, proxy: Workload, reply: Reply, seen: SpanDetails, *, cut: bool
) -> dict[str, str]:
    service, revision = proxy.canonical
    status = "0" if cut else str(reply.status)
    failed = {"error": "true"} if cut or reply.status >= 500 else {}
    return failed | {
        "component": "proxy",
        "node_id": proxy.node_id,
        "guid:x-request-id": call.headers.get("x-request-id", ""),
        "http.url": f"http://{call.authority}{call.path}",
        "http.method": call.method,
        "http.protocol": "HTTP/1.1",
        "http.status_code": status,
        "user_agent": call.headers.get("user-agent", ""),
        "upstream_cluster": seen.cluster,
        "upstream_cluster.name": seen.cluster,
        "response_flags": "DC" if cut else reply.flags,
        "response_size": str(len(reply.body)),
        "request_size": str(len(call.body)),
        "peer.address": proxy.address,
        "span.kind": seen.kind,
        "istio.canonical_service": service,
        "istio.canonical_revision": revision,
        "istio.mesh_id": "cluster.local",
        "istio.cluster_id": "Kubernetes",
        "istio.namespace": proxy.namespace,
    }
