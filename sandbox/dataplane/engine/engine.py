"""The path of one request: out of a client, through sidecars, gateway, ztunnels or
waypoint, to an application and back.

`routes.route_request` decides what an Envoy does with it; here is what comes before
and after: encryption, what the server's side does, retries and time limits, and the
reports of the proxies. All is computed at once, in simulated time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sandbox.cluster.contract import Object
from sandbox.dataplane.engine.authorization import Policies, build_denial, build_facts, is_refused
from sandbox.dataplane.engine.envoy import execute_decision
from sandbox.dataplane.engine.http_messages import Call, Reply
from sandbox.dataplane.engine.inbound import Apps, Arrival, PodReceiver, find_oldest_service
from sandbox.dataplane.engine.limits import CircuitBreakers
from sandbox.dataplane.engine.mutual_tls import can_encrypt, find_client_mode
from sandbox.dataplane.engine.network_policies import (
    CONNECT_SECONDS,
    LOOKUP_SECONDS,
    lets_names_through,
    lets_through,
)
from sandbox.dataplane.engine.proxy_reports import (
    ProxiedRequest,
    get_span_reporting,
    report_connection,
    report_request,
    report_tcp,
)
from sandbox.dataplane.engine.request_context import (
    ENVOY_MS,
    ZTUNNEL_MS,
    Hop,
    Parties,
    build_service_labels,
)
from sandbox.dataplane.engine.spans import continue_trace
from sandbox.dataplane.engine.workloads import Workload
from sandbox.dataplane.objects.world import Endpoint, Place, get_hostname
from sandbox.dataplane.routes.clusters import parse_cluster_name
from sandbox.dataplane.routes.decision import Decision, ProxyRequest, route_request

_NETWORK_MS = 0.25
"""Median milliseconds that the network takes from one pod to another."""
_HBONE_PORT = 15008


class MeshEngine:
    """The proxies and connections between applications. `apps` says which of them run."""

    def __init__(self, apps: Apps) -> None:
        # An application's own requests go out of its pod, which leads back here.
        self.receiver = PodReceiver(apps, self.send_from_pod)
        self._breakers = CircuitBreakers()

    # from a pod

    def send_from_pod(self, source: Workload, hop: Hop, address: Endpoint | None = None) -> Reply:
        """Return what a program in a pod gets for a request, through whatever proxies its pod
        has; cut off at `hop.until`. `address` is another pod's own, where no Service is asked.
        """
        if address is None:
            reply = self._send_by_source(source, hop)
        else:
            reply = self._send_by_address(source, address, hop)
        return Reply(hop.until, failure="timeout") if reply.end > hop.until else reply

    def _send_by_source(self, source: Workload, hop: Hop) -> Reply:
        around, call = hop.context.around, hop.call
        service = around.live.find_service(call.host, source.namespace)
        if service is None or not _finds_names(hop, source):
            wait = hop.context.draw_delay(2) if service is None else LOOKUP_SECONDS
            return Reply(hop.now + wait, failure="unknown host")
        if source.kind == "sidecar" and _is_taken(source, service, call.port):
            return self._send_by_envoy(source, source, hop)
        if source.captured:
            return self._send_by_ztunnel(source, service, hop)
        return self._send_plain(source, service, hop)

    def _send_by_address(self, source: Workload, address: Endpoint, hop: Hop) -> Reply:
        """Send to a pod's own address: through its waypoint, where one is for workloads."""
        waypoint = None
        if source.captured and address.pod is not None:
            waypoint = hop.context.around.pushed.find_workload_waypoint(address.pod)
        if waypoint is not None:
            return self._send_to_waypoint(source, waypoint, address, hop)
        return self._send_to_pod(source, address, Arrival(None, hop, _get_plain_mode(source)))

    def _send_by_ztunnel(self, source: Workload, service: Object, hop: Hop) -> Reply:
        around = hop.context.around
        # A captured pod's traffic is redirected into its node's ztunnel, and ends where there is
        # none.
        if source.node not in around.ztunnels:
            return Reply(hop.now + hop.context.draw_delay(1), failure="refused")
        hop = hop.starting_at(hop.now + hop.context.draw_delay(ZTUNNEL_MS))
        waypoint = around.pushed.find_waypoint(service)
        if waypoint is None:
            return self._send_plain(source, service, hop)
        return self._send_to_waypoint(source, waypoint, service, hop)

    def _send_plain(self, source: Workload, service: Object, hop: Hop) -> Reply:
        """Send by the Service's address alone, to any of its ready endpoints."""
        found = hop.context.around.live.list_endpoints(service, hop.call.port)
        there = [e for e in found if e.pod is not None]
        if not there:
            return Reply(hop.now + hop.context.draw_delay(_NETWORK_MS), failure="refused")
        chosen = hop.context.chance.choice(there)
        return self._send_to_pod(source, chosen, Arrival(service, hop, _get_plain_mode(source)))

    def _send_to_waypoint(
        self, source: Workload, waypoint: Place, asked: Object | Endpoint, hop: Hop
    ) -> Reply:
        """Send through one of the waypoint's pods, which sees HTTP, for a Service or a pod that was
        asked; the source's ztunnel counts the connection to it.
        """
        proxy = _reach_waypoint(source, waypoint, hop)
        if isinstance(proxy, Reply):
            return proxy
        onward = hop.starting_at(hop.now + hop.context.draw_delay(_NETWORK_MS))
        address = asked if isinstance(asked, Endpoint) else None
        service = None if isinstance(asked, Endpoint) else asked
        if service is not None:
            # The connection leads to the waypoint; the request is for the Service still, by its
            # full name.
            onward = onward.with_call(
                replace(hop.call, host=get_hostname(service), headers=_add_host_header(hop.call))
            )
        reply = self._send_by_envoy(proxy, source, onward, address)
        if source.captured:
            parties = Parties(source, proxy, build_service_labels(service), "mutual_tls")
            report_connection("source", parties, hop, reply)
        return replace(reply, flags="-")

    # through an Envoy

    def _send_by_envoy(
        self, proxy: Workload, source: Workload, hop: Hop, address: Endpoint | None = None
    ) -> Reply:
        """Send through a sidecar on its way out, a gateway or a waypoint; the source of the
        first two is the proxy. To an `address`, a pod's own, no route leads.
        """
        context = hop.context
        span = continue_trace(hop.call, get_span_reporting(proxy, context), context.chance)
        decision = _decide(proxy, hop, span.call.headers, address)
        if decision.refused or decision.unknown_host:
            return Reply(hop.now + context.draw_delay(ENVOY_MS), failure="refused")
        passage = ProxiedRequest(proxy, source, decision, span)
        onward = hop.with_call(span.call).starting_at(hop.now + context.draw_delay(ENVOY_MS))
        reply = self._carry_out(passage, onward)
        report = report_request if decision.layer7 else report_tcp
        report(passage, hop, reply)
        return reply

    def _carry_out(self, passage: ProxiedRequest, hop: Hop) -> Reply:
        """Carry out what an Envoy has decided, unless a policy refuses the request."""
        proxy, decision = passage.proxy, passage.decision
        if _is_denied(proxy, passage.source, hop):
            return build_denial(hop.now)
        limits = self._breakers.find_limits(proxy, decision, hop)
        self._send_shadows(proxy, decision, hop)

        def send(endpoint: Endpoint, onward: Hop) -> Reply:
            return self._forward_to_endpoint(passage, endpoint, onward)

        return execute_decision(
            limits.leave_out_ejected(decision, hop.now),
            hop,
            lambda endpoint, onward: limits.carry(endpoint, onward, send),
        )

    def _send_shadows(self, proxy: Workload, decision: Decision, hop: Hop) -> None:
        """Send the copies for mirrors. Their answers are thrown away, and only the proxies that
        they reach report them: the sender's own filters never see a copy (Envoy).
        """
        for shadow in decision.mirrors:
            there = [e for e in shadow.endpoints if e.pod is not None]
            if there:
                chosen = hop.context.chance.choice(there)
                marked = {**decision.request.headers, "host": f"{decision.request.host}-shadow"}
                copied = hop.with_call(replace(hop.call, headers=marked))
                self._send_to_pod(proxy, chosen, Arrival(shadow.service, copied))

    def _forward_to_endpoint(self, passage: ProxiedRequest, endpoint: Endpoint, hop: Hop) -> Reply:
        """Send from an Envoy to one endpoint; a gateway may have to go through the Service's
        waypoint.
        """
        around, proxy, service = hop.context.around, passage.proxy, passage.decision.service
        if endpoint.pod is not None and passage.decision.passthrough:
            # What passes through is sent as it came, without mutual TLS.
            asked = around.live.find_service(hop.call.host, proxy.namespace)
            return self._send_to_pod(proxy, endpoint, Arrival(asked, hop, "DISABLE"))
        if endpoint.pod is None:
            return _miss_pod(service, hop)
        passage.target, passage.port = around.get_workload(endpoint.pod), endpoint.port
        if service is None:
            return self._send_to_pod(proxy, endpoint, Arrival(None, hop))
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
        cluster = parse_cluster_name(passage.decision.cluster)
        told = find_client_mode(around.pushed, proxy, service, cluster) if cluster else ""
        return self._send_to_pod(proxy, endpoint, Arrival(service, hop, told))

    # to a pod

    def _send_to_pod(self, client: Workload, endpoint: Endpoint, arrival: Arrival) -> Reply:
        """Send over the network to a pod, through what stands before its application; a proxy's
        flags stay with it.
        """
        assert endpoint.pod is not None
        hop = arrival.hop
        target = hop.context.around.get_workload(endpoint.pod)
        tunnelled = target.captured and can_encrypt(client, target)
        if not _gets_through(hop, client, target, _HBONE_PORT if tunnelled else endpoint.port):
            return Reply(hop.now + CONNECT_SECONDS, failure="timeout")
        hop = hop.starting_at(hop.now + hop.context.draw_delay(_NETWORK_MS))
        if target.kind == "gateway":
            # It has no application: it takes plain text from inside the mesh as from outside.
            hop = hop.with_call(replace(hop.call, port=endpoint.port))
            return replace(self._send_by_envoy(target, target, hop), flags="-")
        arrival = replace(arrival, hop=hop)
        reply = self.receiver.receive_request(client, target, endpoint.port, arrival)
        return replace(reply, flags="-")

    # from outside

    def receive_from_outside(self, target: Workload, port: int, hop: Hop) -> Reply:
        """Return the answer to a request that reaches a pod in plain text from outside the mesh,
        such as the API server's proxy sends.
        """
        # A waypoint takes HBONE alone, which nothing outside the mesh speaks.
        if target.kind == "waypoint":
            return Reply(hop.now, failure="refused")
        if target.kind == "gateway":
            return self._send_by_envoy(target, target, hop)
        return self.receiver.receive_request(
            None, target, port, Arrival(find_oldest_service(hop.context, target, port), hop)
        )


def _get_plain_mode(source: Workload) -> str:
    """Return the mode of what passes a sidecar by or through: without mutual TLS; "" of others."""
    return "DISABLE" if source.kind == "sidecar" else ""


def _is_taken(source: Workload, service: Object, port: int) -> bool:
    """Tell whether a sidecar gets what its pod sends to a Service."""
    return source.redirection.takes_outbound(str(service["spec"].get("clusterIP", "")), port)


def _decide(
    proxy: Workload, hop: Hop, headers: Mapping[str, str], address: Endpoint | None
) -> Decision:
    """Return what an Envoy does with a request; one to a pod's own `address` goes there."""
    context, call = hop.context, hop.call
    path = f"{call.path}?{call.query}" if call.query else call.path
    # Inside the mesh a Service is known by the address called; a gateway has only the Host header.
    host = call.authority if proxy.kind == "gateway" else call.host
    request = ProxyRequest(host, call.port, call.method, path, headers)
    if address is not None:
        return Decision(request, endpoints=(address,))
    return route_request(context.around.pushed, proxy.proxy, request, random=context.chance.random)


def _miss_pod(service: Object | None, hop: Hop) -> Reply:
    """Return what becomes of a request for an address that is no pod's."""
    if service is not None and service.get("kind") != "ServiceEntry":
        # A ServiceEntry has added it to a Service of the cluster, and nothing is there.
        return Reply(hop.now + CONNECT_SECONDS, failure="timeout")
    return Reply(hop.now + hop.context.draw_delay(_NETWORK_MS), failure="refused")


def _reach_waypoint(source: Workload, waypoint: Place, hop: Hop) -> Workload | Reply:
    """Return a pod of the waypoint, or what its client gets where none can be reached: without a
    ready pod, ztunnel closes the connection that it took from the client.
    """
    around = hop.context.around
    place = around.live.services.get(waypoint)
    pods = around.live.list_endpoints(place, _HBONE_PORT) if place else ()
    there = [around.get_workload(e.pod) for e in pods if e.pod is not None]
    if not there:
        return Reply(hop.now + hop.context.draw_delay(_NETWORK_MS), failure="reset")
    proxy = hop.context.chance.choice(there)
    if not _gets_through(hop, source, proxy, _HBONE_PORT):
        return Reply(hop.now + CONNECT_SECONDS, failure="timeout")
    return proxy


def _gets_through(hop: Hop, source: Workload, target: Workload, port: int) -> bool:
    """Tell whether NetworkPolicies let a connection through."""
    around = hop.context.around
    return lets_through(around.network_policies, around.live.namespaces, source, target, port)


def _finds_names(hop: Hop, source: Workload) -> bool:
    """Tell whether a program in a pod gets addresses for names: for a captured pod ztunnel answers
    for those that it knows."""
    around = hop.context.around
    return source.captured or lets_names_through(
        around.network_policies, around.live.namespaces, source
    )


def _is_denied(proxy: Workload, source: Workload, hop: Hop) -> bool:
    """Tell whether an AuthorizationPolicy at a gateway or a waypoint refuses a request."""
    if proxy.kind not in ("gateway", "waypoint"):
        return False
    around, waypoint = hop.context.around, proxy.kind == "waypoint"
    asked = around.live.find_service(hop.call.host, proxy.namespace) if waypoint else None
    facts = build_facts(
        source if waypoint else None,
        hop.call.port,
        hop.call,
        encrypted=waypoint and source.is_meshed,
    )
    return is_refused(Policies(around.policies, around.pushed.mesh), proxy, facts, asked)


def _add_host_header(call: Call) -> dict[str, str]:
    return {**call.headers, "host": call.authority}
