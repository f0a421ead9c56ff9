"""Validation of a DestinationRule's traffic policies."""

from __future__ import annotations

from typing import Any

from bot.sandbox.cluster.contract import Object
from bot.sandbox.istio.validation_parts import Finding, Findings, check_not_negative, check_port, each

_HTTP_POOL = {
    "http1MaxPendingRequests": "http1 max pending requests",
    "http2MaxRequests": "http2 max requests",
    "maxRequestsPerConnection": "max requests per connection",
    "maxRetries": "max retries",
}


def check_traffic_policy(policy: Any) -> Findings:
    """The rule's own policy, a subset's or a port's; `None` when there is none."""
    if policy is None:
        return
    if not policy:
        yield Finding("traffic policy must have at least one field")
    if "connectionPool" in policy:
        yield from _pool(policy["connectionPool"] or {})
    if "outlierDetection" in policy:
        yield from _outliers(policy["outlierDetection"] or {})
    if "tls" in policy:
        yield from _tls(policy["tls"] or {})
    for port in each(policy.get("portLevelSettings")):
        yield from check_port((port.get("port") or {}).get("number", 0))
        yield from check_traffic_policy({k: v for k, v in port.items() if k != "port"})


def _pool(pool: Object) -> Findings:
    if not pool.get("http") and not pool.get("tcp"):
        yield Finding("connection pool must have at least one field")
    yield from check_not_negative(pool.get("http") or {}, _HTTP_POOL)
    yield from check_not_negative(pool.get("tcp") or {}, {"maxConnections": "max connections"})


def _outliers(outliers: Object) -> Findings:
    for field, words in {
        "maxEjectionPercent": "max ejection percent",
        "minHealthPercent": "min health percent",
    }.items():
        if not 0 <= (outliers.get(field) or 0) <= 100:
            yield Finding(f"{words} must be in range [0,100]")


def _tls(tls: Object) -> Findings:
    if tls.get("mode") == "MUTUAL" and not tls.get("credentialName"):
        if not tls.get("clientCertificate"):
            yield Finding("client certificate required for mutual tls")
        if not tls.get("privateKey"):
            yield Finding("private key required for mutual tls")
