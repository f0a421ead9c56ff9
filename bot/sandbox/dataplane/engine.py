"""One request's way: out of a client, through sidecars, gateway, ztunnels or waypoint, to an application and back.

What an Envoy does with it is `routes.route`'s to say; here is what comes before and after: encryption, what the
server's side does, retries and time limits, and who tells what of it. All is computed at once, in simulated time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from bot.sandbox.cluster.contract import Object
from bot.sandbox.dataplane.apps import PORT, App
from bot.sandbox.dataplane.clusters import parse_cluster
from bot.sandbox.dataplane.engine_envoy import carried
from bot.sandbox.dataplane.engine_messages import Call, Reply
from bot.sandbox.dataplane.engine_spans import NONE, Reporting, Seen, SpanContext, follow, reporting
from bot.sandbox.dataplane.engine_trip import Leg, Parties, Trip, http_report, service_labels, tcp_report
from bot.sandbox.dataplane.engine_workloads import Workload
from bot.sandbox.dataplane.objects import Endpoint, Place, hostname
from bot.sandbox.dataplane.routes import Decision, HttpRequest, route

Apps = Callable[[str, float], App | None]
"""The application that answers in the pod with that uid at that moment; None when nothing listens."""
_NETWORK_MS, _ZTUNNEL_MS, _ENVOY_MS = 0.25, 0.15, 0.5
"""Median milliseconds that a hop, a ztunnel and an Envoy take."""
_HBONE_PORT = 15008


@dataclass
class Passage:
    """One request at one Envoy: on whose behalf, what was decided, and the endpoint that it was sent to last."""

    proxy: Workload
    source: Workload
    decision: Decision
    span: SpanContext
    target: Workload | None = None


class Engine:
    """The proxies and wires between applications. `apps` says which of them run."""

    def __init__(self, apps: Apps) -> None:
        self._apps = apps

    # from a pod

    def ask(self, source: Workload, leg: Leg) -> Reply:
        """What a program in a pod gets for a request, through whatever proxies its pod has; cut off at `leg.until`."""
        reply = self._leave(source, leg)
        return Reply(leg.until, failure="timeout") if reply.end > leg.until else reply

    def _leave(self, source: Workload, leg: Leg) -> Reply:
        around, call = leg.trip.around, leg.call
        service = around.live.service_for(call.host, source.namespace)
        if service is None:
            return Reply(leg.now + leg.trip.seconds(2), failure="unknown host")
        if source.kind == "sidecar":
            return self._envoy(source, source, leg)
        if source.captured:
            return self._by_ztunnel(source, service, leg)
        return self._plain(source, service, leg)

    def _by_ztunnel(self, source: Workload, service: Object, leg: Leg) -> Reply:
        around = leg.trip.around
        if source.node not in around.ztunnels:
            return Reply(leg.now + leg.trip.seconds(1), failure="refused")
        leg = leg.at(leg.now + leg.trip.seconds(_ZTUNNEL_MS))
        waypoint = around.pushed.waypoint_of(service)
        if waypoint is None:
            return self._plain(source, service, leg)
        return self._to_waypoint(source, waypoint, service, leg)

    def _plain(self, source: Workload, service: Object, leg: Leg) -> Reply:
        """By the Service's address alone, any of its ready endpoints."""
        there = [e for e in leg.trip.around.live.endpoints(service, leg.call.port) if e.pod is not None]
        if not there:
            return Reply(leg.now + leg.trip.seconds(_NETWORK_MS), failure="refused")
        chosen = leg.trip.chance.choice(there)
        return self._reach(source, chosen, service, leg)

    def _to_waypoint(self, source: Workload, waypoint: Place, service: Object, leg: Leg) -> Reply:
        """Through one of the waypoint's pods, which sees HTTP; the source's ztunnel counts the connection to it."""
        around = leg.trip.around
        place = around.live.services.get(waypoint)
        pods = around.live.endpoints(place, _HBONE_PORT) if place else ()
        there = [around.workload(e.pod) for e in pods if e.pod is not None]
        if not there:
            return Reply(leg.now + leg.trip.seconds(_NETWORK_MS), failure="reset")
        proxy = leg.trip.chance.choice(there)
        onward = leg.at(leg.now + leg.trip.seconds(_NETWORK_MS))
        onward = onward.sending(replace(leg.call, host=hostname(service), headers=_host(leg.call)))
        reply = self._envoy(proxy, source, onward)
        if source.captured:
            self._count_tcp("source", Parties(source, proxy, service_labels(service), "mutual_tls"), leg, reply)
        return replace(reply, flags="-")

    # through an Envoy

    def _envoy(self, proxy: Workload, source: Workload, leg: Leg) -> Reply:
        """What a sidecar on its way out, a gateway or a waypoint does; the source of the first two is the proxy."""
        trip, call = leg.trip, leg.call
        span = follow(call, self._reporting(proxy, trip), trip.chance)
        path = f"{call.path}?{call.query}" if call.query else call.path
        host = call.authority if proxy.kind == "gateway" else call.host
        request = HttpRequest(host, call.port, call.method, path, span.call.headers)
        decision = route(trip.around.pushed, proxy.proxy, request, random=trip.chance.random)
        if decision.refused or decision.unknown_host:
            return Reply(leg.now + trip.seconds(_ENVOY_MS), failure="refused")
        passage = Passage(proxy, source, decision, span)
        onward = leg.sending(span.call).at(leg.now + trip.seconds(_ENVOY_MS))
        reply = carried(decision, onward, lambda endpoint, to: self._forward(passage, endpoint, to))
        if decision.layer7:
            self._tell(passage, leg, reply)
        return reply

    def _forward(self, passage: Passage, endpoint: Endpoint, leg: Leg) -> Reply:
        """From an Envoy to one endpoint; a gateway may have to go through the Service's waypoint."""
        around, proxy, service = leg.trip.around, passage.proxy, passage.decision.service
        if endpoint.pod is None or service is None:
            return Reply(leg.now + leg.trip.seconds(_NETWORK_MS), failure="refused")
        passage.target = around.workload(endpoint.pod)
        waypoint = around.pushed.waypoint_of(service)
        if waypoint is not None and proxy.kind == "gateway" and around.pushed.ingress_uses_waypoint(service):
            cluster = parse_cluster(passage.decision.cluster)
            port = cluster.port if cluster else leg.call.port
            return self._to_waypoint(proxy, waypoint, service, leg.sending(replace(leg.call, port=port)))
        return self._reach(proxy, endpoint, service, leg)

    def _tell(self, passage: Passage, leg: Leg, reply: Reply) -> None:
        """An Envoy's report and span of a request that it sent on, or answered itself."""
        proxy, decision = passage.proxy, passage.decision
        asked = decision.service or leg.trip.around.live.service_for(leg.call.host, proxy.namespace)
        service = service_labels(None if proxy.kind == "gateway" and not decision.cluster else asked)
        waypoint = proxy.kind == "waypoint"
        policy = "mutual_tls" if waypoint and passage.source.meshed else "unknown"
        parties = Parties(passage.source, passage.target, service, policy)
        leg.trip.reports.append(http_report(proxy, "waypoint" if waypoint else "source", parties, leg, reply))
        cluster = parse_cluster(decision.cluster)
        operation = f"{service['destination_service']}:{cluster.port if cluster else leg.call.port}/*"
        seen = Seen(self._reporting(proxy, leg.trip).collector, operation, "client", decision.cluster)
        leg.trip.reports += passage.span.finished(proxy, leg, reply, seen)

    def _reporting(self, proxy: Workload, trip: Trip) -> Reporting:
        return reporting(proxy, trip.around.pushed.mesh, trip.around.telemetries) if proxy.proxy else NONE

    # to a pod

    def _reach(self, client: Workload | None, endpoint: Endpoint, service: Object, leg: Leg) -> Reply:
        """Over the network to a pod, through what stands before its application; a proxy's flags stay with it."""
        assert endpoint.pod is not None
        target = leg.trip.around.workload(endpoint.pod)
        leg = leg.at(leg.now + leg.trip.seconds(_NETWORK_MS))
        return replace(self.arrive(client, target, endpoint.port, (service, leg)), flags="-")

    def arrive(self, client: Workload | None, target: Workload, port: int, what: tuple[Object | None, Leg]) -> Reply:
        """What a pod does with a request from a client (None: outside the mesh) for one of its ports."""
        service, leg = what
        around = leg.trip.around
        policy = "mutual_tls" if _encrypted(client, target) else "none"
        if policy == "none" and around.strict(target):
            return Reply(leg.now, failure="reset")
        if target.captured and target.node not in around.ztunnels:
            return Reply(leg.now, failure="refused")
        parties = Parties(client, target, service_labels(service), policy)
        if target.kind == "sidecar":
            reply = self._inbound(parties, port, leg)
        else:
            behind = leg.trip.seconds(_ZTUNNEL_MS) if target.captured else 0.0
            reply = self._answer(target, port, leg.at(leg.now + behind))
        for reporter, side in (("source", client), ("destination", target)):
            if side is not None and side.captured:
                self._count_tcp(reporter, parties, leg, reply)
        return reply

    def _count_tcp(self, reporter: str, parties: Parties, leg: Leg, reply: Reply) -> None:
        side = parties.source if reporter == "source" else parties.destination
        ztunnel = leg.trip.around.ztunnels.get(side.node if side else "")
        if ztunnel:
            leg.trip.reports.append(tcp_report(ztunnel, reporter, parties, leg, reply))

    def _inbound(self, parties: Parties, port: int, leg: Leg) -> Reply:
        """The server's sidecar: it counts the request for its Service, and answers 503 when nothing listens behind."""
        target = parties.destination
        assert target is not None
        own = self._reporting(target, leg.trip)
        span = follow(leg.call, own, leg.trip.chance)
        inside = leg.sending(span.call).at(leg.now + leg.trip.seconds(_ENVOY_MS))
        reply = self._answer(target, port, inside)
        if reply.failure:
            text = b"upstream connect error or disconnect/reset before headers. reset reason: connection failure"
            reply = Reply(reply.end, 503, text, {"content-type": "text/plain"}, flags="UF")
        known = replace(parties, source=parties.source if parties.policy == "mutual_tls" else None)
        leg.trip.reports.append(http_report(target, "destination", known, leg, reply))
        operation = f"{parties.service['destination_service']}:{port}/*"
        seen = Seen(own.collector, operation, "server", f"inbound|{port}||")
        leg.trip.reports += span.finished(target, leg, reply, seen)
        return reply

    def _answer(self, target: Workload, port: int, leg: Leg) -> Reply:
        """The application itself, whose own requests go out of its pod."""
        app = self._apps(target.uid, leg.now) if port == PORT else None
        if app is None:
            return Reply(leg.now, failure="refused")

        def ask(call: Call, now: float, patience: float) -> Reply:
            return self.ask(target, Leg(leg.trip, call, now, now + patience))

        return app.answer(leg.call, leg.now, ask)

    # from outside

    def enter(self, target: Workload, port: int, leg: Leg) -> Reply:
        """A request that reaches a pod in plain text from outside the mesh, such as the API server's proxy sends."""
        if target.kind == "waypoint":
            return Reply(leg.now, failure="refused")
        if target.kind == "gateway":
            return self._envoy(target, target, leg)
        return self.arrive(None, target, port, (_service_of(leg.trip, target, port), leg))


def _encrypted(client: Workload | None, target: Workload) -> bool:
    """Whether a connection is mutual TLS: both ends must be able to speak the same kind of it."""
    if client is None or not client.meshed or not target.meshed:
        return False
    if target.captured:
        return client.captured or client.hbone
    return client.proxy is not None or target.labels.get("networking.istio.io/tunnel") == "http"


def _host(call: Call) -> dict[str, str]:
    return {**call.headers, "host": call.authority}


def _service_of(trip: Trip, target: Workload, port: int) -> Object | None:
    """The oldest Service that has a pod behind it at that port, as an inbound listener is named after one."""
    services = trip.around.live.services.values()
    own = [s for s in services if s["metadata"]["namespace"] == target.namespace and _selects(s, target)]
    fitting = [s for s in own if any(p.get("targetPort", p["port"]) == port for p in s["spec"].get("ports") or ())]
    return min(fitting, key=lambda s: (s["metadata"].get("creationTimestamp", ""), s["metadata"]["name"]), default=None)


def _selects(service: Object, target: Workload) -> bool:
    selector = service["spec"].get("selector") or {}
    return bool(selector) and selector.items() <= dict(target.labels).items()
