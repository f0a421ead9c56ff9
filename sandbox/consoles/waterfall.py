"""One trace as a waterfall: its spans below those that caused them, each with a bar for its
time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

ROW, LABEL, WIDTH = 26, 330, 960
DEEP = 14
"""Units by which a span stands further in than the one that caused it."""
COLOURS = 8


@dataclass(frozen=True)
class SpanRow:
    """A span as it is drawn: times in milliseconds from the trace's begin."""

    service: str
    operation: str
    depth: int
    start: float
    milliseconds: float
    failed: bool
    status: str


@dataclass(frozen=True)
class TraceView:
    """A trace: `start` in epoch seconds."""

    id: str
    start: float
    milliseconds: float
    rows: tuple[SpanRow, ...]

    @property
    def services(self) -> tuple[str, ...]:
        """The services in the order in which they were called."""
        return tuple(dict.fromkeys(row.service for row in self.rows))

    @property
    def failed(self) -> int:
        """The number of spans with an error."""
        return sum(row.failed for row in self.rows)


def parse_trace_answer(answer: Any) -> TraceView:
    """Parse one trace of Jaeger's JSON, whose times are microseconds."""
    spans = sorted(answer["spans"], key=lambda span: span["startTime"])
    names = {id_: each["serviceName"] for id_, each in answer["processes"].items()}
    start = spans[0]["startTime"]
    end = max(span["startTime"] + span["duration"] for span in spans)
    known = {span["spanID"] for span in spans}
    children: dict[str, list[Any]] = {}
    for span in spans:
        refs = [ref["spanID"] for ref in span.get("references") or () if ref["spanID"] in known]
        children.setdefault(refs[0] if refs else "", []).append(span)
    rows: list[SpanRow] = []

    def add(parent: str, depth: int) -> None:
        for span in children.get(parent, ()):
            rows.append(_read_span(span, names, start, depth))
            add(span["spanID"], depth + 1)

    add("", 0)
    return TraceView(answer["traceID"], start / 1e6, (end - start) / 1000, tuple(rows))


def _read_span(span: Any, names: Mapping[str, str], start: int, depth: int) -> SpanRow:
    tags = {tag["key"]: str(tag["value"]) for tag in span.get("tags") or ()}
    status = tags.get("http.status_code", "")
    return SpanRow(
        names[span["processID"]],
        span["operationName"],
        depth,
        (span["startTime"] - start) / 1000,
        span["duration"] / 1000,
        tags.get("error") == "true" or status.startswith("5"),
        status,
    )


def render_waterfall(trace: TraceView) -> str:
    """Return the waterfall as SVG, and the same as a list for those who do not see it."""
    height = ROW * (len(trace.rows) + 1) + 8
    scale = (WIDTH - LABEL - 90) / max(trace.milliseconds, 0.001)
    slowest = max(trace.rows, key=lambda row: row.milliseconds, default=None)
    colours = {name: n % COLOURS for n, name in enumerate(trace.services)}
    ticks = "".join(
        f'<path class="grid" d="M{x:.1f} {ROW}V{height}"/>'
        f'<text class="axis" x="{x:.1f}" y="16">{trace.milliseconds * part / 4:.4g} ms</text>'
        for part in range(5)
        for x in [LABEL + (WIDTH - LABEL - 90) * part / 4]
    )
    rows = "".join(
        _render_row(row, ROW * (number + 1), scale, colours[row.service])
        for number, row in enumerate(trace.rows)
    )
    words = "; ".join(describe_spans(trace.rows))
    slow = (
        f"<p>The slowest span: <b>{escape(slowest.service)}</b> {escape(slowest.operation)}, "
        f"{slowest.milliseconds:.4g} ms.</p>"
        if slowest
        else ""
    )
    return (
        f'{slow}<div class="scroll" tabindex="0" role="region" aria-label="Waterfall">'
        f'<svg class="waterfall" role="img" aria-label="{escape(words, quote=True)}" '
        f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">{ticks}{rows}'
        "</svg></div>"
    )


def describe_spans(rows: Iterable[SpanRow]) -> list[str]:
    """Return one line for each span: service, time, error."""
    return [
        f"{row.service} {row.milliseconds:.4g} ms{', failed' if row.failed else ''}" for row in rows
    ]


def _render_row(row: SpanRow, y: float, scale: float, colour: int) -> str:
    x, width = LABEL + row.start * scale, max(row.milliseconds * scale, 2.0)
    left = 6 + min(row.depth, 12) * DEEP
    name = row.service.partition(".")[0]
    status = f" · {row.status}" if row.status else ""
    kind = "bad" if row.failed else f"c{colour}"
    mark = "✕ " if row.failed else ""
    room = max(6, int((LABEL - left - len(name) * 8 - 14) / 6.6))
    what = row.operation if len(row.operation) <= room else f"{row.operation[: room - 1]}…"
    return (
        f'<g class="span"><title>{escape(row.service)} · {escape(row.operation)}</title>'
        f'<text x="{left}" y="{y + 17:.0f}"><tspan class="name">{escape(name)}</tspan> '
        f'<tspan class="quiet">{escape(what)}</tspan></text>'
        f'<rect class="{kind}" x="{x:.1f}" y="{y + 6:.0f}" width="{width:.1f}" height="14" rx="3"/>'
        f'<text class="time" x="{x + width + 6:.1f}" y="{y + 17:.0f}">{mark}'
        f"{row.milliseconds:.4g} ms{escape(status)}</text></g>"
    )
