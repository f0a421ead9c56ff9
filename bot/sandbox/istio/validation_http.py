"""Validation of a VirtualService's routes."""

from __future__ import annotations

import re
from typing import Any

from bot.sandbox.cluster.contract import Object
from bot.sandbox.istio.validation_parts import (
    Finding,
    Findings,
    check_domain,
    check_percentage,
    check_port,
    check_subset_name,
    each,
)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*"})
_RETRY_ON = frozenset(
    "5xx gateway-error reset reset-before-request connect-failure envoy-ratelimited retriable-4xx refused-stream"
    " retriable-status-codes retriable-headers http3-post-connect-failure cancelled deadline-exceeded internal"
    " resource-exhausted unavailable".split()
)
"""Envoy's retry policies, HTTP and gRPC."""
_RE2_HINT = "Istio uses RE2 style regex-based match (https://github.com/google/re2/wiki/Syntax)"


def check_http(route: Object, *, delegate: bool) -> Findings:
    """One HTTP route of a VirtualService; `delegate` when the VirtualService has no hosts of its own."""
    if delegate and "delegate" in route:
        yield Finding("delegate HTTP route cannot contain delegate")
    yield from _action(route, delegate=delegate)
    for match in each(route.get("match")):
        yield from _match(match)
    yield from _cors(route.get("corsPolicy"))
    if "fault" in route:
        yield from _fault(route["fault"] or {})
    yield from _mirror(route)
    if "rewrite" in route and not any((route["rewrite"] or {}).get(k) for k in ("uri", "authority", "uriRegexRewrite")):
        options = "URI, UriRegexRewrite, or authority"
        only = "Only one of URI or UriRegexRewrite may be specified"
        yield Finding(f"rewrite must specify at least one of {options}. {only}")
    if "retries" in route:
        yield from _retries(route["retries"] or {})
    yield from _destinations(each(route.get("route")))


def check_tcp(route: Object) -> Findings:
    """One TCP route."""
    if not route.get("route"):
        yield Finding("TCP route is required")
    yield from _destinations(each(route.get("route")))


def check_tls(route: Object) -> Findings:
    """One TLS route."""
    if not route.get("match"):
        yield Finding("TLS route must have at least one match condition")
    for match in each(route.get("match")):
        if not match.get("sniHosts"):
            yield Finding("TLS match must have at least one SNI host")
    if not route.get("route"):
        yield Finding("TLS route is required")
    yield from _destinations(each(route.get("route")))


def unused_rules(routes: list[Object]) -> list[str]:
    """Warnings: rules behind one that matches everything are never reached."""
    for place, route in enumerate(routes):
        if not route.get("match"):
            words = "not used (route without matches defined before)"
            return [f"virtualService rule #{later} {words}" for later in range(place + 1, len(routes))]
    return []


def _action(route: Object, *, delegate: bool) -> Findings:
    has_route, redirect = bool(route.get("route")), route.get("redirect")
    direct = "directResponse" in route
    if redirect is not None:
        if has_route:
            yield Finding("HTTP route cannot contain both route and redirect")
        for other in ("fault", "rewrite"):
            if other in route:
                yield Finding(f"HTTP route cannot contain both {other} and redirect")
        keys = ("uri", "authority", "scheme", "port", "derivePort")
        if not any(redirect.get(k) for k in keys):
            yield Finding("redirect must specify URI, authority, scheme, or port")
    elif direct and has_route:
        yield Finding("HTTP route cannot contain both route and direct_response")
    elif not (direct or has_route or ("delegate" in route and not delegate)):
        yield Finding("HTTP route, redirect or direct_response is required")


def _match(match: Object) -> Findings:
    for name, rule in (match.get("headers") or {}).items():
        if not name:
            yield Finding("header name cannot be empty")
        yield from _regex(f'"{name}"', rule)
    for key in ("uri", "scheme", "method", "authority"):
        yield from _regex(f'"{key}"', match.get(key))
    if match.get("port") is not None:
        yield from check_port(match["port"])


def _regex(where: str, rule: Any) -> Findings:
    pattern = rule.get("regex") if isinstance(rule, dict) else None
    if not pattern:
        return
    try:
        re.compile(pattern)
    except re.error as problem:
        said = "missing closing )" if "missing )" in str(problem) else str(problem)
        yield Finding(f"{where}: error parsing regexp: {said}: `{pattern}`; {_RE2_HINT}")


def _cors(policy: Any) -> Findings:
    for method in (policy or {}).get("allowMethods") or []:
        if method not in _METHODS:
            yield Finding(f'"{method}" is not a supported HTTP method')
    if re.search(r"\.\d*[1-9]|[mun]s", str((policy or {}).get("maxAge", ""))):
        yield Finding("max_age duration is accurate only to seconds precision")


def _fault(fault: Object) -> Findings:
    if not fault.get("abort") and not fault.get("delay"):
        yield Finding("HTTP fault injection must have an abort and/or a delay", counted=True)
    for kind in ("abort", "delay"):
        yield from check_percentage((fault.get(kind) or {}).get("percentage"))
        if kind == "abort" and fault.get(kind):
            yield from _status(fault[kind].get("httpStatus"))


def _status(status: Any) -> Findings:
    if status is not None and not 200 <= int(status) <= 600:
        yield Finding(f"HTTP status {status} is not in range 200-599")


def _mirror(route: Object) -> Findings:
    value = (route.get("mirrorPercentage") or {}).get("value") or 0
    if value > 100:
        yield Finding(f"mirror_percentage must have a max value of 100 (it has {value:f})")
    if value < 0:
        yield Finding(f"mirror_percentage must have a min value of 0 (it has {value:f})")
    if route.get("mirror"):
        yield from check_destination(route["mirror"])


def _retries(retries: Object) -> Findings:
    attempts = retries.get("attempts") or 0
    if attempts < 0:
        yield Finding("attempts cannot be negative", counted=True)
    if attempts == 0 and any(retries.get(k) for k in ("perTryTimeout", "retryOn", "retryRemoteLocalities")):
        yield Finding("http retry policy configured when attempts are set to 0 (disabled)")
    for policy in filter(None, str(retries.get("retryOn", "")).split(",")):
        if policy not in _RETRY_ON and not re.fullmatch(r"\d{3}", policy):
            yield Finding(f'"{policy}" is not a valid retryOn policy')


def _destinations(routes: list[Object]) -> Findings:
    weights = [int(r.get("weight") or 0) for r in routes]
    for route in routes:
        if route.get("destination") is None:
            yield Finding("destination is required")
        else:
            yield from check_destination(route["destination"])
    for weight in weights:
        if weight < 0:
            yield Finding(f"weight {weight} < 0")
    if len(routes) > 1 and sum(weights) == 0:
        yield Finding("total destination weight = 0")


def check_destination(destination: Object) -> Findings:
    """Where a route leads: host, subset, port."""
    host = destination.get("host") or ""
    if host == "*":
        yield Finding("invalid destination host *")
    else:
        yield from check_domain(host)
    if destination.get("subset"):
        yield from check_subset_name(destination["subset"])
    if "port" in destination:
        yield from check_port((destination["port"] or {}).get("number", 0))
