"""Circuit breakers of Envoys: connections and waiting requests per cluster, and endpoints that
are ejected after errors (`connectionPool` and `outlierDetection` of DestinationRules).

Requests are of HTTP/1.1, so that each one has a connection to itself while it lasts. Requests meet
each other by the wall's clock, which is how long they last; ejections last simulated seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sandbox.cluster.contract import Object
from sandbox.dataplane.engine.http_messages import Reply
from sandbox.dataplane.objects.world import Endpoint
from sandbox.dataplane.routes.translate import parse_seconds

_ERRORS, _SHARE, _EJECTION_SECONDS = 5, 10.0, 30.0
"""Istio's defaults: errors in a row, per cent of a cluster's endpoints, seconds."""
OVERFLOW = b"upstream connect error or disconnect/reset before headers. reset reason: overflow"

Key = tuple[str, str]
"""A proxy's uid and the name of one of its clusters."""


@dataclass
class _Host:
    """What one Envoy remembers of one endpoint."""

    errors: int = 0
    gateway_errors: int = 0
    ejections: int = 0
    until: float = 0.0


@dataclass
class ConnectionPools:
    """The pools of all Envoys of one data plane."""

    _busy: dict[Key, list[tuple[float, float]]] = field(default_factory=dict)
    _hosts: dict[tuple[Key, str], _Host] = field(default_factory=dict)

    def find_start(self, key: Key, pool: Object, now: float) -> float | None:
        """Return when a request that comes now gets a connection; None when there are too many
        waiting already. Times are the wall's.
        """
        most = int((pool.get("tcp") or {}).get("maxConnections") or 0)
        waiting = int((pool.get("http") or {}).get("http1MaxPendingRequests") or 0)
        there = [span for span in self._busy.get(key, ()) if span[1] > now]
        self._busy[key] = there
        if not most or len(there) < most:
            return now
        queued = sum(begin > now for begin, _ in there)
        if waiting and queued >= waiting:
            return None
        # The first connection that is free when all that wait already have had theirs.
        return sorted(end for _, end in there)[len(there) - most]

    def note_request(self, key: Key, begin: float, end: float) -> None:
        """Note from when to when a request has a connection, by the wall's clock."""
        self._busy.setdefault(key, []).append((begin, end))

    def list_healthy(
        self, key: Key, endpoints: Sequence[Endpoint], now: float
    ) -> tuple[Endpoint, ...]:
        """Return the endpoints that are not ejected at a simulated moment."""
        return tuple(e for e in endpoints if not self._is_ejected(key, e, now))

    def _is_ejected(self, key: Key, endpoint: Endpoint, now: float) -> bool:
        host = self._hosts.get((key, endpoint.address))
        return host is not None and host.until > now

    def note_reply(
        self, key: Key, told: tuple[Endpoint, Sequence[Endpoint]], outliers: Object, reply: Reply
    ) -> None:
        """Count what came of a request at one endpoint of a cluster, and eject it when it is time;
        `told` is that endpoint, and all of them.
        """
        endpoint, everyone = told
        host = self._hosts.setdefault((key, endpoint.address), _Host())
        failed = bool(reply.failure) or reply.status >= 500
        gateway = bool(reply.failure) or reply.status in (502, 503, 504)
        host.errors = host.errors + 1 if failed else 0
        host.gateway_errors = host.gateway_errors + 1 if gateway else 0
        bound = outliers.get("consecutive5xxErrors", _ERRORS)
        other = outliers.get("consecutiveGatewayErrors", 0)
        if (bound and host.errors >= bound) or (other and host.gateway_errors >= other):
            self._eject(key, host, everyone, outliers, reply.end)

    def _eject(
        self, key: Key, host: _Host, everyone: Sequence[Endpoint], outliers: Object, now: float
    ) -> None:
        out = sum(self._is_ejected(key, e, now) for e in everyone)
        share = outliers.get("maxEjectionPercent", _SHARE)
        # One endpoint may always be ejected, whatever its share of them.
        if host.until > now or (out and (out + 1) * 100 > share * len(everyone)):
            return
        host.ejections += 1
        host.errors = host.gateway_errors = 0
        seconds = parse_seconds(outliers.get("baseEjectionTime")) or _EJECTION_SECONDS
        host.until = now + seconds * host.ejections
