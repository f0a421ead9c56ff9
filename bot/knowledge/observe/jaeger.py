"""Asking Jaeger, version 1 (with Istio 1.23) and 2 (with Istio 1.30): both serve the same queries
under `/jaeger`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from bot.knowledge.observe.http_json import get_json
from bot.steps import Context

SERVICE, PORT = "tracing", 80


@dataclass(frozen=True)
class Trace:
    """One request's way: `start` in epoch seconds, `milliseconds` of its longest span, `failed`
    spans with errors."""

    id: str
    start: float
    milliseconds: float
    spans: int
    services: tuple[str, ...]
    operation: str
    failed: int


async def list_services(context: Context) -> list[str]:
    """Return the services that have sent spans, as `<app>.<namespace>`. Raises ClusterError."""
    said = await get_json(context, SERVICE, PORT, "/jaeger/api/services")
    return sorted(str(name) for name in said.get("data") or ())


async def list_traces(
    context: Context, service: str, *, limit: int = 20, lookback: str = "1h"
) -> list[Trace]:
    """Return a service's newest traces, newest first. Raises ClusterError."""
    query = {"service": service, "limit": str(limit), "lookback": lookback}
    said = await get_json(context, SERVICE, PORT, "/jaeger/api/traces", query)
    found = [parse_trace(one) for one in said.get("data") or () if one.get("spans")]
    return sorted(found, key=lambda t: t.start, reverse=True)


def parse_trace(said: Any) -> Trace:
    """Parse one trace of Jaeger's JSON, whose times are microseconds."""
    spans = sorted(said["spans"], key=lambda s: s["startTime"])
    start = spans[0]["startTime"]
    end = max(s["startTime"] + s["duration"] for s in spans)
    names = dict.fromkeys(said["processes"][s["processID"]]["serviceName"] for s in spans)
    return Trace(
        id=said["traceID"],
        start=start / 1e6,
        milliseconds=(end - start) / 1000,
        spans=len(spans),
        services=tuple(names),
        operation=str(spans[0]["operationName"]),
        failed=sum(map(is_failed_span, spans)),
    )


def is_failed_span(span: Any) -> bool:
    """Tell whether a span is marked as an error, or its status is 5xx."""
    tags = {tag["key"]: str(tag["value"]) for tag in span.get("tags") or ()}
    return tags.get("error") == "true" or tags.get("http.status_code", "").startswith("5")


def build_trace_url(base: str, id_: str) -> str:
    """Return the URL of one trace's page; `base` ends in `/jaeger`."""
    return f"{base.rstrip('/')}/trace/{quote(id_)}"


def build_search_url(base: str, service: str) -> str:
    """Return the URL of the page that lists a service's traces."""
    return f"{base.rstrip('/')}/search?{urlencode({'service': service, 'lookback': '1h', 'limit': '20'})}"  # noqa: E501
