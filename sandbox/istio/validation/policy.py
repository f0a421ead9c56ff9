"""Validation of a DestinationRule's traffic policies."""

from __future__ import annotations

from typing import Any

from sandbox.cluster.contract import Object
from sandbox.istio.validation.parts import (
    Findings,
    ValidationFinding,
    check_not_negative,
    check_port_number,
    filter_objects,
)

_HTTP_POOL = {
    "http1MaxPendingRequests": "http1 max pending requests",
    "http2MaxRequests": "http2 max requests",
    "maxRequestsPerConnection": "max requests per connection",
    "maxRetries": "max retries",
}


def check_traffic_policy(policy: Any) -> Findings:
    """Check the policy of a rule, a subset or a port; `None` when there is none."""
    if policy is None:
        return
    if not policy:
        yield ValidationFinding("traffic policy must have at least one field")
    if "connectionPool" in policy:
        yield from _check_connection_pool(policy["connectionPool"] or {})
    if "outlierDetection" in policy:
        yield from _check_outlier_detection(policy["outlierDetection"] or {})
    if "tls" in policy:
        yield from _check_client_tls(policy["tls"] or {})
    for port in filter_objects(policy.get("portLevelSettings")):
        yield from check_port_number((port.get("port") or {}).get("number", 0))
        yield from check_traffic_policy({k: v for k, v in port.items() if k != "port"})


def _check_connection_pool(pool: Object) -> Findings:
    if not pool.get("http") and not pool.get("tcp"):
        yield ValidationFinding("connection pool must have at least one field")
    yield from check_not_negative(pool.get("http") or {}, _HTTP_POOL)
    yield from check_not_negative(pool.get("tcp") or {}, {"maxConnections": "max connections"})


def _check_outlier_detection(outliers: Object) -> Findings:
    for field, words in {
        "maxEjectionPercent": "max ejection percent",
        "minHealthPercent": "min health percent",
    }.items():
        if not 0 <= (outliers.get(field) or 0) <= 100:
            yield ValidationFinding(f"{words} must be in range [0,100]")


def _check_client_tls(tls: Object) -> Findings:
    if tls.get("mode") == "MUTUAL" and not tls.get("credentialName"):
        if not tls.get("clientCertificate"):
            yield ValidationFinding("client certificate required for mutual tls")
        if not tls.get("privateKey"):
            yield ValidationFinding("private key required for mutual tls")
