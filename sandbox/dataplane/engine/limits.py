"""Circuit breakers as an Envoy applies them to one request: who may be asked, and whether there is
a connection for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sandbox.cluster.contract import Object
from sandbox.dataplane.engine.connection_pools import OVERFLOW, ConnectionPools, Key
from sandbox.dataplane.engine.http_messages import Reply
from sandbox.dataplane.engine.request_context import Hop
from sandbox.dataplane.engine.workloads import Workload
from sandbox.dataplane.objects.world import Endpoint
from sandbox.dataplane.routes.clusters import find_cluster_policy, parse_cluster_name
from sandbox.dataplane.routes.decision import Decision

Send = Callable[[Endpoint, Hop], Reply]


@dataclass(frozen=True)
class RequestLimits:
    """The trafficPolicy that holds for one request at one Envoy; empty for none."""

    pools: ConnectionPools
    key: Key
    policy: Object
    everyone: tuple[Endpoint, ...] = ()

    def leave_out_ejected(self, decision: Decision, now: float) -> Decision:
        """Return the decision without endpoints that are ejected; with none left it is UH."""
        if not self.policy.get("outlierDetection") or not decision.endpoints:
            return decision
        there = self.pools.list_healthy(self.key, decision.endpoints, now)
        if there:
            return replace(decision, endpoints=there)
        flags = (*(f for f in decision.flags if f == "DI"), "UH")
        return replace(decision, endpoints=(), status=503, body="no healthy upstream", flags=flags)

    def carry(self, endpoint: Endpoint, hop: Hop, send: Send) -> Reply:
        """Return what an endpoint answers, or that there is no connection for the request."""
        pool, outliers = self.policy.get("connectionPool"), self.policy.get("outlierDetection")
        wall = hop.context.tell_wall_time(hop.now)
        start = self.pools.find_start(self.key, pool, wall) if pool else wall
        if start is None:
            headers = {"content-type": "text/plain", "x-envoy-overloaded": "true"}
            return Reply(hop.now, 503, OVERFLOW, headers, flags="UO")
        reply = send(endpoint, hop.starting_at(hop.now + start - wall))
        if pool:
            end = hop.context.tell_wall_time(min(reply.end, hop.until))
            self.pools.note_request(self.key, start, end)
        if outliers is not None:
            self.pools.note_reply(self.key, (endpoint, self.everyone), outliers, reply)
        return reply


class CircuitBreakers:
    """The circuit breakers of all Envoys of one data plane."""

    def __init__(self) -> None:
        self._pools = ConnectionPools()

    def find_limits(self, proxy: Workload, decision: Decision, hop: Hop) -> RequestLimits:
        """Return the limits for a request that an Envoy sends on."""
        cluster, service = parse_cluster_name(decision.cluster), decision.service
        key = proxy.uid, decision.cluster
        if cluster is None or service is None or proxy.proxy is None:
            return RequestLimits(self._pools, key, {})
        policy = find_cluster_policy(hop.context.around.pushed, proxy.proxy, service, cluster)
        return RequestLimits(self._pools, key, policy, decision.endpoints)
