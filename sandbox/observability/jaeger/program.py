"""Jaeger as the addon runs it: receives the spans sent to its collector's Service, and
answers trace queries.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.clock import Clock
from sandbox.cluster.contract import Client, Object, Request, Response
from sandbox.observability.answers import (
    build_json_response,
    build_text_response,
    get_first,
    parse_parameters,
)
from sandbox.observability.process_registry import ProcessRegistry, Unreachable
from sandbox.observability.sources import Span, Spans

QUERY_PORT = 16686
_HEALTH = {14269: "/", 13133: "/status"}
"""Health checks: Jaeger 1 and Jaeger 2."""
_BASE = "/jaeger"
_MOST_TRACES = 5000
_DEFAULT_LIMIT = 100
_HOUR = 3_600_000_000
_MICROSECONDS = {
    "ns": 0.001,
    "us": 1.0,
    "µs": 1.0,
    "ms": 1e3,
    "s": 1e6,
    "m": 60e6,
    "h": 3600e6,
    "d": 86400e6,
}


class Jaeger:
    """The program of pods labelled `app=jaeger`."""

    def __init__(self, clock: Clock, spans: Spans, processes: ProcessRegistry) -> None:
        self._clock, self._spans, self._processes = clock, spans, processes

    def runs_in(self, pod: Object) -> bool:
        """Tell whether a pod is Jaeger's."""
        return bool((pod["metadata"].get("labels") or {}).get("app") == "jaeger")

    async def start(self, pod: Object, client: Client) -> RunningJaeger:
        """Start with an empty store."""
        running = RunningJaeger(pod, client, self._clock, self._processes)
        running.subscribe_to_spans(self._spans)
        self._processes.add(running)
        return running


class RunningJaeger:
    """One Jaeger; its traces live as long as its pod."""

    def __init__(
        self, pod: Object, client: Client, clock: Clock, processes: ProcessRegistry
    ) -> None:
        self.pod = pod
        self._client, self._clock, self._processes = client, clock, processes
        self._traces: dict[str, list[Span]] = {}
        self._arrivals: asyncio.Queue[Span] = asyncio.Queue()
        self._taking = asyncio.create_task(self._receive_spans())

    def subscribe_to_spans(self, spans: Spans) -> None:
        """Receive what proxies send from now on."""
        self._unsubscribe = spans.subscribe(self._arrivals.put_nowait)

    async def stop(self) -> None:
        """Stop; the traces are gone."""
        self._processes.remove(self)
        self._unsubscribe()
        self._taking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._taking

    async def _receive_spans(self) -> None:
        """Keep the spans whose collector's address leads to this Jaeger; others are lost."""
        while True:
            batch = [await self._arrivals.get()]
            while not self._arrivals.empty():
                batch.append(self._arrivals.get_nowait())
            here = {
                address: await self._is_here(address)
                for address in {span.collector for span in batch}
            }
            for span in batch:
                if here[span.collector]:
                    self._traces.setdefault(span.trace_id, []).append(span)
            while len(self._traces) > _MOST_TRACES:
                del self._traces[next(iter(self._traces))]

    async def _is_here(self, address: str) -> bool:
        try:
            return await self._processes.find_process(self._client, address) is self
        except Unreachable:
            return False

    async def handle(self, port: int, request: Request) -> Response | None:
        """Answer health checks, and the query service under `/jaeger`; None on other ports."""
        if port in _HEALTH:
            healthy = {"status": "Server available"} if port == 14269 else {"status": "StatusOK"}
            return (
                build_json_response(healthy)
                if request.path == _HEALTH[port]
                else build_text_response("404 page not found\n", 404)
            )
        if port != QUERY_PORT:
            return None
        path = request.path.removeprefix(f"{_BASE}/api/")
        if path == request.path:
            return _serve_console(request.path)
        if path == "services":
            return _build_data_response(
                sorted({span.service for spans in self._traces.values() for span in spans})
            )
        if path == "traces":
            return self._search_traces(parse_parameters(request))
        if path.startswith("traces/"):
            spans = self._traces.get(path.removeprefix("traces/").rjust(32, "0"))
            return (
                _build_data_response([_build_trace(spans)])
                if spans
                else _build_error_response(404, "trace not found")
            )
        if found := re.fullmatch(r"services/([^/]+)/operations", path):
            return _build_data_response(
                sorted(
                    {
                        s.operation
                        for spans in self._traces.values()
                        for s in spans
                        if s.service == found[1]
                    }
                )
            )
        return build_text_response("404 page not found\n", 404)

    def _search_traces(self, asked: dict[str, list[str]]) -> Response:
        service = get_first(asked, "service")
        if not service:
            return _build_error_response(400, "parameter 'service' is required")
        try:
            limit = int(get_first(asked, "limit", str(_DEFAULT_LIMIT)))
            end = int(get_first(asked, "end") or self._clock.now().timestamp() * 1e6)
            start = int(
                get_first(asked, "start")
                or end - (parse_microseconds(get_first(asked, "lookback")) or _HOUR)
            )
            shortest = parse_microseconds(get_first(asked, "minDuration"))
            tags = {
                str(key): str(value)
                for key, value in json.loads(get_first(asked, "tags") or "{}").items()
            }
        except (ValueError, AttributeError) as error:
            return _build_error_response(400, f"cannot parse the query: {error}")
        operation = get_first(asked, "operation")

        def wanted(span: Span) -> bool:
            return (
                span.service == service
                and start <= span.start <= end
                and span.duration >= shortest
                and operation in ("", "all", span.operation)
                and tags.items() <= span.tags.items()
            )

        found = [spans for spans in self._traces.values() if any(wanted(span) for span in spans)]
        found.sort(key=lambda spans: min(span.start for span in spans), reverse=True)
        return _build_data_response([_build_trace(spans) for spans in found[:limit]])


def parse_microseconds(duration: str) -> float:
    """Return a duration such as `100ms` or `1h30m` in microseconds; "" is 0.

    Raises ValueError when it is no duration.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)", duration)
    if "".join(number + unit for number, unit in parts) != duration:
        raise ValueError(f"invalid duration {duration!r}")
    return sum(float(number) * _MICROSECONDS[unit] for number, unit in parts)


def _build_trace(spans: Iterable[Span]) -> Object:
    ordered = sorted(spans, key=lambda span: span.start)
    processes: dict[str, str] = {}
    for span in ordered:
        processes.setdefault(span.service, f"p{len(processes) + 1}")
    return {
        "traceID": ordered[0].trace_id,
        "spans": [_build_span(span, processes[span.service]) for span in ordered],
        "processes": {
            name: {"serviceName": service, "tags": []} for service, name in processes.items()
        },
        "warnings": None,
    }


def _build_span(span: Span, process: str) -> Object:
    parent = {"refType": "CHILD_OF", "traceID": span.trace_id, "spanID": span.parent_id}
    return {
        "traceID": span.trace_id,
        "spanID": span.span_id,
        "operationName": span.operation,
        "references": [parent] if span.parent_id else [],
        "startTime": span.start,
        "duration": span.duration,
        "tags": _build_tags(span.tags),
        "logs": [],
        "processID": process,
        "warnings": None,
    }


def _build_tags(tags: Mapping[str, str]) -> list[Object]:
    return [{"key": key, "type": "string", "value": value} for key, value in tags.items()]


def _build_data_response(data: list[Any]) -> Response:
    return build_json_response(
        {"data": data, "total": len(data), "limit": 0, "offset": 0, "errors": None}
    )


def _build_error_response(code: int, message: str) -> Response:
    errors = [{"code": code, "msg": message}]
    return build_json_response(
        {"data": None, "total": 0, "limit": 0, "offset": 0, "errors": errors}, code
    )


def _serve_console(path: str) -> Response:
    """Return the page that a browser loads; 404 outside the base path."""
    if path == "/":
        # People open the port that was forwarded; the console is below its base path.
        return Response(302, headers={"Location": f"{_BASE}/search"})
    if path != _BASE and not path.startswith(f"{_BASE}/"):
        return build_text_response("404 page not found\n", 404)
    page = (
        b"<!doctype html><title>Jaeger UI</title><p>The sandbox shows traces through "
        b"/jaeger/api/traces only.</p>"
    )
    return Response(200, page, {"Content-Type": "text/html; charset=utf-8"})
