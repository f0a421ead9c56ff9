"""The path of one request: out of a client, through sidecars, gateway, ztunnels or
waypoint, to an application and back.

`routes.route_request` decides what an Envoy does with it; here is what comes before
and after: encryption, what the server's side does, retries and time limits, and the
reports of the proxies. All is computed at once, in simulated time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sandbox.cluster.contract import Object
from sandbox.cluster.machinery.selectors import matches_service_selector
from sandbox.dataplane.apps.services import PORT, App
from sandbox.dataplane.engine.envoy import execute_decision
from sandbox.dataplane.engine.messages import Call, Reply
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
    continue_trace,
    resolve_reporting,
)
from sandbox.dataplane.engine.workloads import Workload
from sandbox.dataplane.objects.world import Endpoint, Place, detect_protocol, get_hostname
from sandbox.dataplane.routes.clusters import parse_cluster_name
from sandbox.dataplane.routes.decision import Decision, ProxyRequest, route_request

Apps = Callable[[str, float], App | None]
"""The application that answers in the pod with that uid at that moment; None when nothing listens.
"""
_NETWORK_MS, _ZTUNNEL_MS, _ENVOY_MS = 0.25, 0.15, 0.5
"""Median milliseconds that a hop, a ztunnel and an Envoy take."""
_HBONE_PORT = 15008


@dataclass
class ProxiedRequest:
    """One request at one Envoy: on whose behalf, what was decided, and the endpoint that it was
    sent to last."""

    proxy: Workload
    source: Workload
    decision: Decision
    span: SpanContext
    target: Workload | None = None


class MeshEngine:
    """The proxies and connections between applications. `apps` says which of them run."""

    def __init__(self, apps: Apps) -> None:
        self._apps = apps

    # from a pod

    def send_from_pod(self, source: Workload, hop: Hop) -> Reply:
        """Return what a program in a pod gets for a request, through whatever proxies its pod
        has; cut off at `hop.until`.
        """
        reply = self._send_by_source(source, hop)
        return Reply(hop.until, failure="timeout") if reply.end > hop.until else reply

    def _send_by_source(self, source: Workload, hop: Hop) -> Reply:
        around, call = hop.context.around, hop.call
        service = around.live.find_service(call.host, source.namespace)
        if service is None:
            return Reply(hop.now + hop.context.draw_delay(2), failure="unknown host")
        if source.kind == "sidecar":
            return self._send_by_envoy(source, source, hop)
        if source.captured:
            return self._send_by_ztunnel(source, service, hop)
        return self._send_plain(source, service, hop)

    def _send_by_ztunnel(self, source: Workload, service: Object, hop: Hop) -> Reply:
        around = hop.context.around
        if source.node not in around.ztunnels:
            return Reply(hop.now + hop.context.draw_delay(1), failure="refused")
        hop = hop.starting_at(hop.now + hop.context.draw_delay(_ZTUNNEL_MS))
        waypoint = around.pushed.find_waypoint(service)
        if waypoint is None:
            return self._send_plain(source, service, hop)
        return self._send_to_waypoint(source, waypoint, service, hop)

    def _send_plain(self, source: Workload, service: Object, hop: Hop) -> Reply:
        """Send by the Service's address alone, to any of its ready endpoints."""
        there = [
            e
            for e in hop.context.around.live.list_endpoints(service, hop.call.port)
            if e.pod is not None
        ]
        if not there:
            return Reply(hop.now + hop.context.draw_delay(_NETWORK_MS), failure="refused")
        chosen = hop.context.chance.choice(there)
        return self._send_to_pod(source, chosen, service, hop)

    def _send_to_waypoint(
        self, source: Workload, waypoint: Place, service: Object, hop: Hop
    ) -> Reply:
        """Send through one of the waypoint's pods, which sees HTTP; the source's ztunnel counts
        the connection to it.
        """
        around = hop.context.around
        place = around.live.services.get(waypoint)
        pods = around.live.list_endpoints(place, _HBONE_PORT) if place else ()
        there = [around.get_workload(e.pod) for e in pods if e.pod is not None]
        if not there:
            return Reply(hop.now + hop.context.draw_delay(_NETWORK_MS), failure="reset")
        proxy = hop.context.chance.choice(there)
        onward = hop.starting_at(hop.now + hop.context.draw_delay(_NETWORK_MS))
        onward = onward.with_call(
            replace(hop.call, host=get_hostname(service), headers=_add_host_header(hop.call))
        )
        reply = self._send_by_envoy(proxy, source, onward)
        if source.captured:
            self._report_connection(
                "source",
                Parties(source, proxy, build_service_labels(service), "mutual_tls"),
                hop,
                reply,
            )
        return replace(reply, flags="-")

    # through an Envoy

    def _send_by_envoy(self, proxy: Workload, source: Workload, hop: Hop) -> Reply:
        """Send through a sidecar on its way out, a gateway or a waypoint; the source of the
        first two is the proxy.
        """
        context, call = hop.context, hop.call
        span = continue_trace(call, self._get_span_reporting(proxy, context), context.chance)
        path = f"{call.path}?{call.query}" if call.query else call.path
        host = call.authority if proxy.kind == "gateway" else call.host
        request = ProxyRequest(host, call.port, call.method, path, span.call.headers)
        decision = route_request(
            context.around.pushed, proxy.proxy, request, random=context.chance.random
        )
        if decision.refused or decision.unknown_host:
            return Reply(hop.now + context.draw_delay(_ENVOY_MS), failure="refused")
        passage = ProxiedRequest(proxy, source, decision, span)
        onward = hop.with_call(span.call).starting_at(hop.now + context.draw_delay(_ENVOY_MS))
        reply = execute_decision(
            decision, onward, lambda endpoint, to: self._forward_to_endpoint(passage, endpoint, to)
        )
        if decision.layer7:
            self._report_request(passage, hop, reply)
        else:
            parties = Parties(source, passage.target, build_service_labels(decision.service))
            reporter = "waypoint" if proxy.kind == "waypoint" else "source"
            context.reports.append(build_tcp_report(proxy.uid, reporter, parties, hop, reply))
        return reply

    def _forward_to_endpoint(self, passage: ProxiedRequest, endpoint: Endpoint, hop: Hop) -> Reply:
        """Send from an Envoy to one endpoint; a gateway may have to go through the Service's
        waypoint.
        """
        around, proxy, service = hop.context.around, passage.proxy, passage.decision.service
        if endpoint.pod is None or service is None:
            return Reply(hop.now + hop.context.draw_delay(_NETWORK_MS), failure="refused")
        passage.target = around.get_workload(endpoint.pod)
        waypoint = around.pushed.find_waypoint(service)
        if (
            waypoint is not None
            and proxy.kind == "gateway"
            and around.pushed.ingress_uses_waypoint(service)
        ):
            cluster = parse_cluster_name(passage.decision.cluster)
            port = cluster.port if cluster else hop.call.port
            return self._send_to_waypoint(
                proxy, waypoint, service, hop.with_call(replace(hop.call, port=port))
            )
        return self._send_to_pod(proxy, endpoint, service, hop)

    def _report_request(self, passage: ProxiedRequest, hop: Hop, reply: Reply) -> None:
        """Add an Envoy's report and span of a request that it sent on, or answered itself."""
        proxy, decision = passage.proxy, passage.decision
        asked = decision.service or hop.context.around.live.find_service(
            hop.call.host, proxy.namespace
        )
        service = build_service_labels(
            None if proxy.kind == "gateway" and not decision.cluster else asked
        )
        waypoint = proxy.kind == "waypoint"
        policy = "mutual_tls" if waypoint and passage.source.is_meshed else "unknown"
        parties = Parties(passage.source, passage.target, service, policy)
        hop.context.reports.append(
            build_http_report(proxy, "waypoint" if waypoint else "source", parties, hop, reply)
        )
        cluster = parse_cluster_name(decision.cluster)
        operation = (
            f"{service['destination_service']}:{cluster.port if cluster else hop.call.port}/*"
        )
        seen = SpanDetails(
            self._get_span_reporting(proxy, hop.context).collector,
            operation,
            "client",
            decision.cluster,
        )
        hop.context.reports += passage.span.build_spans(proxy, hop, reply, seen)

    def _get_span_reporting(self, proxy: Workload, context: RequestContext) -> SpanReporting:
        return (
            resolve_reporting(proxy, context.around.pushed.mesh, context.around.telemetries)
            if proxy.proxy
            else NONE
        )

    # to a pod

    def _send_to_pod(
        self, client: Workload | None, endpoint: Endpoint, service: Object, hop: Hop
    ) -> Reply:
        """Send over the network to a pod, through what stands before its application; a proxy's
        flags stay with it.
        """
        assert endpoint.pod is not None
        target = hop.context.around.get_workload(endpoint.pod)
        hop = hop.starting_at(hop.now + hop.context.draw_delay(_NETWORK_MS))
        return replace(
            self.receive_at_pod(client, target, endpoint.port, (service, hop)), flags="-"
        )

    def receive_at_pod(
        self, client: Workload | None, target: Workload, port: int, what: tuple[Object | None, Hop]
    ) -> Reply:
        """Return what a pod answers to a request from a client (None: outside the mesh) for one
        of its ports.
        """
        service, hop = what
        around = hop.context.around
        policy = "mutual_tls" if _is_encrypted(client, target) else "none"
        if policy == "none" and around.is_strict(target):
            return Reply(hop.now, failure="reset")
        if target.captured and target.node not in around.ztunnels:
            return Reply(hop.now, failure="refused")
        parties = Parties(client, target, build_service_labels(service), policy)
        if target.kind == "sidecar":
            receive = (
                self._receive_connection if _is_tcp(service, port) else self._receive_at_sidecar
            )
            reply = receive(parties, port, hop)
        else:
            behind = hop.context.draw_delay(_ZTUNNEL_MS) if target.captured else 0.0
            reply = self._call_app(target, port, hop.starting_at(hop.now + behind))
        for reporter, side in (("source", client), ("destination", target)):
            if side is not None and side.captured:
                self._report_connection(reporter, parties, hop, reply)
        return reply

    def _report_connection(self, reporter: str, parties: Parties, hop: Hop, reply: Reply) -> None:
        side = parties.source if reporter == "source" else parties.destination
        ztunnel = hop.context.around.ztunnels.get(side.node if side else "")
        if ztunnel:
            hop.context.reports.append(build_tcp_report(ztunnel, reporter, parties, hop, reply))

    def _receive_connection(self, parties: Parties, port: int, hop: Hop) -> Reply:
        """Receive at a sidecar that takes the port for TCP: it counts a connection and looks at
        nothing.
        """
        target = parties.destination
        assert target is not None
        reply = self._call_app(target, port, hop)
        report = build_tcp_report(target.uid, "destination", parties, hop, reply)
        hop.context.reports.append(report)
        return reply

    def _receive_at_sidecar(self, parties: Parties, port: int, hop: Hop) -> Reply:
        """Receive at the server's sidecar: it counts the request for its Service, and answers
        503 when nothing listens behind it.
        """
        target = parties.destination
        assert target is not None
        own = self._get_span_reporting(target, hop.context)
        span = continue_trace(hop.call, own, hop.context.chance)
        inside = hop.with_call(span.call).starting_at(hop.now + hop.context.draw_delay(_ENVOY_MS))
        reply = self._call_app(target, port, inside)
        if reply.failure:
            text = (
                b"upstream connect error or disconnect/reset before headers. reset reason: "
                b"connection failure"
            )
            reply = Reply(reply.end, 503, text, {"content-type": "text/plain"}, flags="UF")
        known = replace(parties, source=parties.source if parties.policy == "mutual_tls" else None)
        hop.context.reports.append(build_http_report(target, "destination", known, hop, reply))
        operation = f"{parties.service['destination_service']}:{port}/*"
        seen = SpanDetails(own.collector, operation, "server", f"inbound|{port}||")
        hop.context.reports += span.build_spans(target, hop, reply, seen)
        return reply

    def _call_app(self, target: Workload, port: int, hop: Hop) -> Reply:
        """Return the answer of the application itself, whose own requests go out of its pod."""
        app = self._apps(target.uid, hop.now) if port == PORT else None
        if app is None:
            return Reply(hop.now, failure="refused")

        def ask(call: Call, now: float, patience: float) -> Reply:
            return self.send_from_pod(target, Hop(hop.context, call, now, now + patience))

        return app.answer(hop.call, hop.now, ask)

    # from outside

    def receive_from_outside(self, target: Workload, port: int, hop: Hop) -> Reply:
        """Return the answer to a request that reaches a pod in plain text from outside the mesh,
        such as the API server's proxy sends.
        """
        if target.kind == "waypoint":
            return Reply(hop.now, failure="refused")
        if target.kind == "gateway":
            return self._send_by_envoy(target, target, hop)
        return self.receive_at_pod(
            None, target, port, (_find_oldest_service(hop.context, target, port), hop)
        )


def _is_encrypted(client: Workload | None, target: Workload) -> bool:
    """Tell whether a connection is mutual TLS: both ends must be able to speak the same kind
    of it.
    """
    if client is None or not client.is_meshed or not target.is_meshed:
        return False
    if target.captured:
        return client.captured or client.hbone
    return client.proxy is not None or target.labels.get("networking.istio.io/tunnel") == "http"


def _is_tcp(service: Object | None, target: int) -> bool:
    """Tell whether a Service says that what it leads to at a pod's port is TCP."""
    ports = service["spec"].get("ports") or () if service else ()
    return any(
        p.get("targetPort", p["port"]) == target and detect_protocol(p) == "tcp" for p in ports
    )


def _add_host_header(call: Call) -> dict[str, str]:
    return {**call.headers, "host": call.authority}


def _find_oldest_service(context: RequestContext, target: Workload, port: int) -> Object | None:
    """Return the oldest Service that has a pod behind it at that port, as an inbound
    listener is named after one.
    """
    services = context.around.live.services.values()
    own = [
        s
        for s in services
        if s["metadata"]["namespace"] == target.namespace and _is_selected(s, target)
    ]
    fitting = [
        s
        for s in own
        if any(p.get("targetPort", p["port"]) == port for p in s["spec"].get("ports") or ())
    ]
    return min(
        fitting,
        key=lambda s: (s["metadata"].get("creationTimestamp", ""), s["metadata"]["name"]),
        default=None,
    )


def _is_selected(service: Object, target: Workload) -> bool:
    return matches_service_selector(service["spec"].get("selector"), dict(target.labels))
