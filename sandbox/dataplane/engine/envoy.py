"""Execution of an Envoy's decision: faults, its own answers, tries at endpoints, time
limits, words for failures.

Bodies, status codes and response flags are Envoy's: FI and DI for faults, NR, NC and
UH for routes that lead nowhere, UF and UC for connections, UT for time limits, URX
when all tries are used up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sandbox.dataplane.engine.http_messages import Reply
from sandbox.dataplane.engine.request_context import Hop
from sandbox.dataplane.objects.world import Endpoint
from sandbox.dataplane.routes.decision import Decision, ProxyRequest
from sandbox.dataplane.routes.route_model import Retries

_CONNECT = b"upstream connect error or disconnect/reset before headers. reset reason: "
_BROKEN = {
    "refused": ("UF", b"remote connection failure"),
    "reset": ("UC", b"connection termination"),
    "protocol": ("UPE", b"protocol error"),
    "timeout": ("UF", b"connection timeout"),
    "tls": (
        "UF",
        b"remote connection failure, transport failure reason: TLS_error:|268435703:SSL routines:"
        b"OPENSSL_internal:WRONG_VERSION_NUMBER:TLS_error_end",
    ),
}
_BACKOFF_MS = 12.5
"""Median milliseconds between two tries (Envoy's base interval of 25 ms, jittered)."""


Send = Callable[[Endpoint, Hop], Reply]


def execute_decision(decision: Decision, hop: Hop, send: Send) -> Reply:
    """Return the answer that the proxy's client gets: always an HTTP one."""
    hop = hop.starting_at(hop.now + decision.delay_seconds)
    own = ",".join(f for f in decision.flags if f == "DI") or "-"
    if decision.status:
        headers = (
            {"location": decision.location} if decision.location else {"content-type": "text/plain"}
        )
        return Reply(
            hop.now, decision.status, decision.body.encode(), headers, flags=decision.response_flags
        )
    if not decision.endpoints:
        return _build_failure_reply(Reply(hop.now, failure="refused"), own)
    call = _build_onward_call(decision.request, hop)
    limit = hop.now + decision.timeout_seconds if decision.timeout_seconds else float("inf")
    reply = _try_endpoints(decision, replace(call, until=min(call.until, limit)), send)
    if reply.end > limit:
        return _build_timeout_reply(limit, _join_flags(own, "UT"))
    reply = reply if not reply.failure else _build_failure_reply(reply, own)
    headers = decision.response_headers.apply_to(reply.headers)
    return replace(reply, headers=headers, flags=_join_flags(own, reply.flags))


def _build_onward_call(request: ProxyRequest, hop: Hop) -> Hop:
    path, _, query = request.path.partition("?")
    return hop.with_call(replace(hop.call, path=path, query=query, headers=dict(request.headers)))


def _try_endpoints(decision: Decision, hop: Hop, send: Send) -> Reply:
    """Try one endpoint after the other, each another one while there are others, as the
    retry policy allows.
    """
    chance = hop.context.chance
    left = list(decision.endpoints)
    chance.shuffle(left)
    tries = 1 + (decision.retries.attempts if decision.retries else 0)
    for number in range(tries):
        endpoint = left[number % len(left)]
        reply = _try_endpoint(decision.retries, endpoint, hop, send)
        if not _needs_retry(decision.retries, reply):
            return reply
        hop = hop.starting_at(reply.end + hop.context.draw_delay(_BACKOFF_MS))
        # The limit is for all tries together.
        if hop.now > hop.until:
            break
    used_up = tries > 1 and not reply.failure
    return replace(reply, flags=_join_flags("URX", reply.flags)) if used_up else reply


def _try_endpoint(retries: Retries | None, endpoint: Endpoint, hop: Hop, send: Send) -> Reply:
    """Try one endpoint, for no longer than a try may take."""
    end = hop.now + retries.per_try_seconds if retries and retries.per_try_seconds else hop.until
    reply = send(endpoint, replace(hop, until=min(hop.until, end)))
    return _build_timeout_reply(end, "UT") if end < hop.until and reply.end > end else reply


def _build_timeout_reply(end: float, flags: str) -> Reply:
    headers = {"content-type": "text/plain"}
    return Reply(end, 504, b"upstream request timeout", headers, flags=flags)


def _needs_retry(retries: Retries | None, reply: Reply) -> bool:
    # What overflows carries `x-envoy-overloaded`, and is not sent again.
    if retries is None or reply.flags == "UO":
        return False
    causes = retries.on.split(",")
    if reply.failure:
        return bool({"connect-failure", "5xx", "gateway-error"} & {*causes})
    gateway = reply.status in (502, 503, 504) and "gateway-error" in causes
    return gateway or reply.status in retries.statuses or (reply.status >= 500 and "5xx" in causes)


def _build_failure_reply(reply: Reply, own: str) -> Reply:
    flag, words = _BROKEN.get(reply.failure, _BROKEN["refused"])
    return Reply(
        reply.end,
        502 if reply.failure == "protocol" else 503,
        _CONNECT + words,
        {"content-type": "text/plain"},
        flags=_join_flags(own, flag),
    )


def _join_flags(*flags: str) -> str:
    return ",".join(f for f in flags if f not in ("-", "")) or "-"
