"""Asking Jaeger, version 1 (with Istio 1.23) and 2 (with Istio 1.30): both serve the same queries
under `/jaeger`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from bot.knowledge.observe.http_json import get_json
from bot.steps import Context

SERVICE, PORT = "tracing", 80


@dataclass(frozen=True)
class Span:
    """One span of a trace, `depth` spans below one that no other caused.

    `start` is in milliseconds from the trace's own, `milliseconds` how long it took, and `own`
    how much of that no span below it was under way. `operation` is as the proxy names it, and
    `status` the HTTP status, "" where it is not known.
    """

    service: str
    operation: str
    depth: int
    start: float
    milliseconds: float
    own: float
    failed: bool = False
    status: str = ""


@dataclass(frozen=True)
class Trace:
    """One request's way: `start` in epoch seconds, `milliseconds` from its first span to the end
    of its last, `failed` spans with errors; `tree` has each span before those that it caused."""

    id: str
    start: float
    milliseconds: float
    spans: int
    services: tuple[str, ...]
    operation: str
    failed: int
    tree: tuple[Span, ...] = ()


async def list_services(context: Context) -> list[str]:
    """Return the services that have sent spans, as `<app>.<namespace>`. Raises ClusterError."""
    answer = await get_json(context, SERVICE, PORT, "/jaeger/api/services")
    return sorted(str(name) for name in answer.get("data") or ())


async def list_traces(
    context: Context, service: str, *, limit: int = 20, lookback: str = "1h"
) -> list[Trace]:
    """Return a service's newest traces, newest first. Raises ClusterError."""
    query = {"service": service, "limit": str(limit), "lookback": lookback}
    answer = await get_json(context, SERVICE, PORT, "/jaeger/api/traces", query)
    found = [parse_trace(one) for one in answer.get("data") or () if one.get("spans")]
    return sorted(found, key=lambda t: t.start, reverse=True)


def parse_trace(answer: Any) -> Trace:
    """Parse one trace of Jaeger's JSON, whose times are microseconds."""
    spans = sorted(answer["spans"], key=lambda s: s["startTime"])
    start = spans[0]["startTime"]
    end = max(s["startTime"] + s["duration"] for s in spans)
    names = dict.fromkeys(answer["processes"][s["processID"]]["serviceName"] for s in spans)
    return Trace(
        id=answer["traceID"],
        start=start / 1e6,
        milliseconds=(end - start) / 1000,
        spans=len(spans),
        services=tuple(names),
        operation=str(spans[0]["operationName"]),
        failed=sum(map(is_failed_span, spans)),
        tree=tuple(list_tree(spans, answer["processes"])),
    )


def list_tree(spans: Sequence[Any], processes: Mapping[str, Any]) -> Iterator[Span]:
    """Yield the spans of a trace in the order of a tree; those of one parent by their start.

    One whose parent has not come, or is itself below it, stands at the top.
    """
    begin, caused = spans[0]["startTime"], defaultdict[str, list[Any]](list)
    known = {str(span.get("spanID", "")) for span in spans}
    for span in spans:
        parent = get_parent_id(span)
        caused[parent if parent in known else ""].append(span)
    left = list(spans)

    def walk(span: Any, depth: int) -> Iterator[Span]:
        if not any(one is span for one in left):
            return
        left[:] = [one for one in left if one is not span]
        below = [one for one in caused[str(span.get("spanID", "")) or "-"] if one is not span]
        yield Span(
            service=str(processes[span["processID"]]["serviceName"]),
            operation=str(span["operationName"]),
            depth=depth,
            start=(span["startTime"] - begin) / 1000,
            milliseconds=span["duration"] / 1000,
            own=measure_own_time(span, below) / 1000,
            failed=is_failed_span(span),
            status=read_tags(span).get("http.status_code", ""),
        )
        for one in below:
            yield from walk(one, depth + 1)

    for top in caused[""]:
        yield from walk(top, 0)
    while left:
        yield from walk(left[0], 0)


def get_parent_id(span: Any) -> str:
    """Return the id of the span that caused this one, "" when none did."""
    references = span.get("references") or ()
    return next((str(r["spanID"]) for r in references if r.get("spanID")), "")


def measure_own_time(span: Any, below: Sequence[Any]) -> float:
    """Return how many microseconds of a span none of those below it was under way."""
    start, end = span["startTime"], span["startTime"] + span["duration"]
    covered, reached = 0, start
    for one in sorted(below, key=lambda s: s["startTime"]):
        first, last = max(one["startTime"], reached), min(one["startTime"] + one["duration"], end)
        covered += max(0, last - first)
        reached = max(reached, last)
    return float(span["duration"] - covered)


def is_failed_span(span: Any) -> bool:
    """Tell whether a span is marked as an error, or its status is 5xx."""
    tags = read_tags(span)
    return tags.get("error") == "true" or tags.get("http.status_code", "").startswith("5")


def read_tags(span: Any) -> dict[str, str]:
    """Return a span's tags as text; true and false in small letters."""
    return {
        tag["key"]: str(tag["value"]).lower()
        if tag["value"] in (True, False)
        else str(tag["value"])
        for tag in span.get("tags") or ()
    }


def build_trace_url(base: str, id_: str) -> str:
    """Return the URL of one trace's page; `base` ends in `/jaeger`."""
    return f"{base.rstrip('/')}/trace/{quote(id_)}"


def build_search_url(base: str, service: str) -> str:
    """Return the URL of the page that lists a service's traces."""
    query = urlencode({"service": service, "lookback": "1h", "limit": "20"})
    return f"{base.rstrip('/')}/search?{query}"
