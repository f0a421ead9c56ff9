"""The last part of a request's path: the pod that it reaches, what stands before the application
there, and the application itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sandbox.cluster.contract import Object
from sandbox.cluster.machinery.selectors import matches_service_selector
from sandbox.dataplane.apps.lines import format_request
from sandbox.dataplane.apps.services import App
from sandbox.dataplane.engine.access_logs import (
    LoggedRequest,
    build_access_line,
    draw_client_address,
    is_logging,
)
from sandbox.dataplane.engine.authorization import (
    Policies,
    RequestFacts,
    build_denial,
    build_facts,
    is_refused,
)
from sandbox.dataplane.engine.http_messages import Call, Reply
from sandbox.dataplane.engine.mesh_state import MeshState
from sandbox.dataplane.engine.mutual_tls import Mode, find_server_mode, settle_connection
from sandbox.dataplane.engine.proxy_reports import get_span_reporting, report_connection
from sandbox.dataplane.engine.request_context import (
    ENVOY_MS,
    ZTUNNEL_MS,
    Hop,
    Parties,
    RequestContext,
    build_http_report,
    build_service_labels,
    build_tcp_report,
)
from sandbox.dataplane.engine.spans import SpanDetails, continue_trace
from sandbox.dataplane.engine.workloads import Workload
from sandbox.dataplane.objects.world import detect_protocol, speaks_http2
from sandbox.dataplane.telemetry import WrittenLine

Apps = Callable[[str, float], App | None]
"""The application that answers in the pod with that uid at that moment; None when nothing listens.
"""


@dataclass(frozen=True)
class Arrival:
    """A request at a pod's door: the Service that it is for, and the `tls.mode` that a
    DestinationRule gives its sender ("" for automatic mutual TLS).
    """

    service: Object | None
    hop: Hop
    told: str = ""


class PodReceiver:
    """Receives requests at pods. `send` carries what an application asks of others."""

    def __init__(self, apps: Apps, send: Callable[[Workload, Hop], Reply]) -> None:
        self._apps, self._send = apps, send

    def receive_request(
        self, client: Workload | None, target: Workload, port: int, arrival: Arrival
    ) -> Reply:
        """Return what a pod answers to a request from a client (None: outside the mesh) for one
        of its ports.
        """
        service, hop = arrival.service, arrival.hop
        around = hop.context.around
        if target.kind == "sidecar" and not target.redirection.takes_inbound(port):
            return self._receive_past_sidecar(client, target, port, arrival)
        mode = find_server_mode(target, port, around.peers)
        policy, failure = settle_connection(client, target, arrival.told, mode)
        if failure:
            return Reply(hop.now, failure=failure)
        # Redirected into a ztunnel that is not there.
        if target.captured and target.node not in around.ztunnels:
            return Reply(hop.now, failure="refused")
        layer7 = target.kind == "sidecar" and not _is_tcp(service, port)
        facts = build_facts(client, port, hop.call, encrypted=policy == "mutual_tls", layer7=layer7)
        refused = _is_refused_at(target, facts, around)
        if refused and not layer7:
            return Reply(hop.now, failure="reset")
        parties = Parties(client, target, build_service_labels(service), policy)
        if speaks_http2(service, port) and not refused and (layer7 or _is_envoy(client)):
            hop = replace(hop, call=replace(hop.call, http2=True))
        if layer7:
            reply = self._receive_at_sidecar(parties, port, hop, refused=refused)
        elif target.kind == "sidecar":
            reply = self._receive_connection(parties, port, hop)
        else:
            behind = hop.context.draw_delay(ZTUNNEL_MS) if target.captured else 0.0
            reply = self.call_app(target, port, hop.starting_at(hop.now + behind))
        _report_connections(parties, hop, reply)
        return reply

    def _receive_past_sidecar(
        self, client: Workload | None, target: Workload, port: int, arrival: Arrival
    ) -> Reply:
        """Receive at an application whose port is kept from its sidecar: mutual TLS, which its
        callers still speak, is not understood there.
        """
        mode = find_server_mode(target, port, arrival.hop.context.around.peers)
        # STRICT is nobody's to enforce here; DISABLE callers are told of.
        taken: Mode = "DISABLE" if mode == "DISABLE" else "PERMISSIVE"
        policy, failure = settle_connection(client, target, arrival.told, taken)
        if failure or policy == "mutual_tls":
            return Reply(arrival.hop.now, failure=failure or "tls")
        return self.call_app(target, port, arrival.hop)

    def _receive_connection(self, parties: Parties, port: int, hop: Hop) -> Reply:
        """Receive at a sidecar that takes the port for TCP: it counts a connection and looks at
        nothing.
        """
        target = parties.destination
        assert target is not None
        reply = self.call_app(target, port, hop)
        report = build_tcp_report(target.uid, "destination", parties, hop, reply)
        hop.context.reports.append(report)
        return reply

    def _receive_at_sidecar(self, parties: Parties, port: int, hop: Hop, *, refused: bool) -> Reply:
        """Receive at the server's sidecar: it counts the request for its Service, and answers
        403 when a policy refuses it, 503 when nothing listens behind it.
        """
        target = parties.destination
        assert target is not None
        own = get_span_reporting(target, hop.context)
        span = continue_trace(hop.call, own, hop.context.chance)
        inside = hop.with_call(span.call).starting_at(hop.now + hop.context.draw_delay(ENVOY_MS))
        reply = build_denial(inside.now) if refused else self.call_app(target, port, inside)
        if reply.failure:
            broken = reply.failure == "protocol"
            text = b"protocol error" if broken else b"connection failure"
            text = (
                b"upstream connect error or disconnect/reset before headers. reset reason: " + text
            )
            status, flags = (502, "UPE") if broken else (503, "UF")
            reply = Reply(reply.end, status, text, {"content-type": "text/plain"}, flags=flags)
        # The server's Envoy knows its peer by the certificate alone.
        known = replace(parties, source=parties.source if parties.policy == "mutual_tls" else None)
        hop.context.reports.append(build_http_report(target, "destination", known, hop, reply))
        operation = f"{parties.service['destination_service']}:{port}/*"
        seen = SpanDetails(own.collector, operation, "server", f"inbound|{port}||")
        hop.context.reports += span.build_spans(target, hop, reply, seen)
        around = hop.context.around
        if is_logging(target, "SERVER", around.pushed.mesh, around.telemetries):
            logged = _describe_arrival(parties, port, hop, span.call.headers, refused=refused)
            hop.context.reports.append(build_access_line(target, hop, reply, logged))
        return reply

    def call_app(self, target: Workload, port: int, hop: Hop) -> Reply:
        """Return the answer of the application itself, whose own requests go out of its pod."""
        app = self._apps(target.uid, hop.now)
        if app is None or port != app.port:
            return Reply(hop.now, failure="refused")
        if hop.call.http2:
            # Bookinfo's programs answer the preface of HTTP/2 as a bad request.
            return Reply(hop.now, failure="protocol")

        def ask(call: Call, now: float, patience: float) -> Reply:
            return self._send(target, Hop(hop.context, call, now, now + patience))

        reply = app.answer(hop.call, hop.now, ask)
        if text := format_request(app, hop.call, reply):
            hop.context.reports.append(WrittenLine(target.uid, "", text))
        return reply


def _is_envoy(client: Workload | None) -> bool:
    """Tell whether what asks is an Envoy, which chooses the protocol by the Service's port."""
    return client is not None and client.kind in ("sidecar", "gateway", "waypoint")


def _report_connections(parties: Parties, hop: Hop, reply: Reply) -> None:
    """Report a connection for each end that a ztunnel has."""
    for reporter, side in (("source", parties.source), ("destination", parties.destination)):
        if side is not None and side.captured:
            report_connection(reporter, parties, hop, reply)


def _is_refused_at(target: Workload, facts: RequestFacts, around: MeshState) -> bool:
    """Tell whether what stands before a pod refuses a request; nothing does outside the mesh."""
    policies = Policies(around.policies, around.pushed.mesh)
    return target.is_meshed and is_refused(policies, target, facts)


def _describe_arrival(
    parties: Parties, port: int, hop: Hop, headers: Mapping[str, str], *, refused: bool
) -> LoggedRequest:
    """Return what the access log of a server's sidecar says of a request."""
    target = parties.destination
    assert target is not None
    place = f"{target.address}:{port}"
    host = parties.service.get("destination_service", "unknown")
    encrypted = parties.policy == "mutual_tls"
    return LoggedRequest(
        upstream="" if refused else place,
        cluster=f"inbound|{port}||",
        local=place,
        remote=draw_client_address(hop, parties.source),
        server_name=f"outbound_.{port}_._.{host}" if encrypted else "-",
        route="default",
        headers=headers,
        # The sidecar's own connections to its application come from here (Istio).
        sent_from="127.0.0.6",
    )


def find_oldest_service(context: RequestContext, target: Workload, port: int) -> Object | None:
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


def _is_tcp(service: Object | None, target: int) -> bool:
    """Tell whether a Service says that what it leads to at a pod's port is TCP."""
    ports = service["spec"].get("ports") or () if service else ()
    return any(
        p.get("targetPort", p["port"]) == target and detect_protocol(p) == "tcp" for p in ports
    )


def _is_selected(service: Object, target: Workload) -> bool:
    return matches_service_selector(service["spec"].get("selector"), dict(target.labels))
