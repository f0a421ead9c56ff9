"""Validation of a VirtualService's routes."""

from __future__ import annotations

import re
from typing import Any

from sandbox.cluster.contract import Object
from sandbox.istio.validation.parts import (
    GRPC_STATUSES,
    Findings,
    ValidationFinding,
    check_domain,
    check_percentage,
    check_port_number,
    check_subset_name,
    filter_objects,
)
from sandbox.istio.validation.regexp import find_regexp_error

_METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*"}
)
_RETRY_ON = frozenset(
    "5xx gateway-error reset reset-before-request connect-failure envoy-ratelimited retriable-4xx "
    "refused-stream"
    " retriable-status-codes retriable-headers http3-post-connect-failure cancelled "
    "deadline-exceeded internal"
    " resource-exhausted unavailable".split()
)
"""Envoy's retry policies, HTTP and gRPC."""
_RE2_HINT = "Istio uses RE2 style regex-based match (https://github.com/google/re2/wiki/Syntax)"


def check_http_route(route: Object, *, delegate: bool) -> Findings:
    """Check one HTTP route of a VirtualService.

    `delegate` is set when the VirtualService has no hosts of its own.
    """
    if delegate and "delegate" in route:
        yield ValidationFinding("delegate HTTP route cannot contain delegate")
    if not delegate and "delegate" in route:
        for field in (each for each in ("redirect", "route") if route.get(each)):
            words = f"root HTTP route {route.get('name', '')} must not specify {field}"
            yield ValidationFinding(words)
    yield from _check_route_action(route, delegate=delegate)
    for match in filter_objects(route.get("match")):
        yield from _check_match(match)
    yield from _check_cors_policy(route.get("corsPolicy"))
    if "fault" in route:
        yield from _check_fault(route["fault"] or {})
    yield from _check_mirror(route)
    if "rewrite" in route and not any(
        (route["rewrite"] or {}).get(k) for k in ("uri", "authority", "uriRegexRewrite")
    ):
        options = "URI, UriRegexRewrite, or authority"
        only = "Only one of URI or UriRegexRewrite may be specified"
        yield ValidationFinding(f"rewrite must specify at least one of {options}. {only}")
    if "retries" in route:
        yield from _check_retries(route["retries"] or {})
    yield from _check_destinations(filter_objects(route.get("route")))


def check_tcp_route(route: Object) -> Findings:
    """Check one TCP route."""
    if not route.get("route"):
        yield ValidationFinding("TCP route is required")
    yield from _check_destinations(filter_objects(route.get("route")))


def check_tls_route(route: Object) -> Findings:
    """Check one TLS route."""
    if not route.get("match"):
        yield ValidationFinding("TLS route must have at least one match condition")
    for match in filter_objects(route.get("match")):
        if not match.get("sniHosts"):
            yield ValidationFinding("TLS match must have at least one SNI host")
    if not route.get("route"):
        yield ValidationFinding("TLS route is required")
    yield from _check_destinations(filter_objects(route.get("route")))


def _check_route_action(route: Object, *, delegate: bool) -> Findings:
    has_route, redirect = bool(route.get("route")), route.get("redirect")
    direct = "directResponse" in route
    if redirect is not None:
        if has_route:
            yield ValidationFinding("HTTP route cannot contain both route and redirect")
        for other in ("fault", "rewrite"):
            if other in route:
                yield ValidationFinding(f"HTTP route cannot contain both {other} and redirect")
        keys = ("uri", "authority", "scheme", "port", "derivePort")
        if not any(redirect.get(k) for k in keys):
            yield ValidationFinding("redirect must specify URI, authority, scheme, or port")
    elif direct and has_route:
        yield ValidationFinding("HTTP route cannot contain both route and direct_response")
    elif not (direct or has_route or ("delegate" in route and not delegate)):
        yield ValidationFinding("HTTP route, redirect or direct_response is required")


def _check_match(match: Object) -> Findings:
    for field in ("headers", "withoutHeaders", "queryParams"):
        for name, rule in (match.get(field) or {}).items():
            if not name and field != "queryParams":
                yield ValidationFinding("header name cannot be empty")
            yield from _check_regex(f'"{field}"', rule)
    for key in ("uri", "scheme", "method", "authority"):
        yield from _check_regex(f'"{key}"', match.get(key))
    if match.get("port") is not None:
        yield from check_port_number(match["port"])


def _check_regex(where: str, rule: Any) -> Findings:
    pattern = rule.get("regex") if isinstance(rule, dict) else None
    if not pattern:
        return
    if problem := find_regexp_error(pattern):
        yield ValidationFinding(f"{where}: error parsing regexp: {problem}; {_RE2_HINT}")


def _check_cors_policy(policy: Any) -> Findings:
    for method in (policy or {}).get("allowMethods") or []:
        if method not in _METHODS:
            yield ValidationFinding(f'"{method}" is not a supported HTTP method')
    if re.search(r"\.\d*[1-9]|[mun]s", str((policy or {}).get("maxAge", ""))):
        yield ValidationFinding("max_age duration is accurate only to seconds precision")


def _check_fault(fault: Object) -> Findings:
    if not fault.get("abort") and not fault.get("delay"):
        yield ValidationFinding(
            "HTTP fault injection must have an abort and/or a delay", counted=True
        )
    for kind in ("abort", "delay"):
        yield from check_percentage((fault.get(kind) or {}).get("percentage"))
        if kind == "abort" and fault.get(kind):
            yield from _check_abort_status(fault[kind].get("httpStatus"))
            yield from _check_grpc_status(fault[kind].get("grpcStatus"))


def _check_abort_status(status: Any) -> Findings:
    if status is not None and not 200 <= int(status) <= 600:
        yield ValidationFinding(f"HTTP status {status} is not in range 200-599")


def _check_grpc_status(status: Any) -> Findings:
    if status is not None and status not in GRPC_STATUSES:
        codes = "https://github.com/grpc/grpc/blob/master/doc/statuscodes.md"
        yield ValidationFinding(
            f'gRPC status "{status}" is not supported. See {codes} for a list of supported codes, '
            "for example 'NOT_FOUND'"
        )


def _check_mirror(route: Object) -> Findings:
    value = (route.get("mirrorPercentage") or {}).get("value") or 0
    if value > 100:
        yield ValidationFinding(
            f"mirror_percentage must have a max value of 100 (it has {value:f})"
        )
    if value < 0:
        yield ValidationFinding(f"mirror_percentage must have a min value of 0 (it has {value:f})")
    if route.get("mirror"):
        yield from check_destination(route["mirror"])


def _check_retries(retries: Object) -> Findings:
    attempts = retries.get("attempts") or 0
    if attempts < 0:
        yield ValidationFinding("attempts cannot be negative", counted=True)
    if attempts == 0 and any(
        retries.get(k) for k in ("perTryTimeout", "retryOn", "retryRemoteLocalities")
    ):
        yield ValidationFinding(
            "http retry policy configured when attempts are set to 0 (disabled)"
        )
    for policy in filter(None, str(retries.get("retryOn", "")).split(",")):
        if policy not in _RETRY_ON and not re.fullmatch(r"\d{3}", policy):
            yield ValidationFinding(f'"{policy}" is not a valid retryOn policy')


def _check_destinations(routes: list[Object]) -> Findings:
    weights = [int(r.get("weight") or 0) for r in routes]
    for route in routes:
        if route.get("destination") is None:
            yield ValidationFinding("destination is required")
        else:
            yield from check_destination(route["destination"])
    for weight in weights:
        if weight < 0:
            yield ValidationFinding(f"weight {weight} < 0")
    if len(routes) > 1 and sum(weights) == 0:
        yield ValidationFinding("total destination weight = 0")


def check_destination(destination: Object) -> Findings:
    """Check a route's destination: host, subset, port."""
    host = destination.get("host") or ""
    if host == "*":
        yield ValidationFinding("invalid destination host *")
    else:
        yield from check_domain(host)
    if destination.get("subset"):
        yield from check_subset_name(destination["subset"])
    if "port" in destination:
        yield from check_port_number((destination["port"] or {}).get("number", 0))
