"""Jaeger's stand-in: its search, and a trace as a waterfall, from what Jaeger's API in the cluster
answers, at the paths of Jaeger's own pages.
"""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import web

from sandbox.consoles.cluster_web import ClusterWeb, NotServed, Place
from sandbox.consoles.document import (
    render_absent,
    render_document,
    render_state,
    render_table,
    render_tabs,
)
from sandbox.consoles.waterfall import TraceView, parse_trace_answer, render_waterfall

ABOUT = "It draws plainly what Jaeger’s API in this cluster answers: the paths are Jaeger’s own."
LIMITS = ("20", "50", "100")


class JaegerPages:
    """The pages of one cluster's Jaeger."""

    def __init__(self, web_: ClusterWeb, jaeger: Place) -> None:
        self._web, self._jaeger = web_, jaeger

    def add_routes(self, app: web.Application) -> None:
        """Add the routes of the console."""
        app.router.add_get("/jaeger", _lead_to_search)
        app.router.add_get("/jaeger/", _lead_to_search)
        app.router.add_get("/jaeger/search", self._show_search)
        app.router.add_get("/jaeger/trace/{trace}", self._show_trace)

    async def _show_search(self, request: web.Request) -> web.Response:
        asked = request.query
        try:
            services = sorted(await self._ask("services"))
            chosen = asked.get("service") or next(
                (name for name in services if name.startswith("productpage.")),
                next(iter(services), ""),
            )
            limit = asked.get("limit", "")
            limit = limit if limit in LIMITS else LIMITS[0]
            query = {"service": chosen, "limit": limit, "lookback": asked.get("lookback") or "1h"}
            query |= {name: asked[name] for name in ("start", "end", "tags") if asked.get(name)}
            found = await self._ask(f"traces?{urlencode(query)}") if chosen else []
        except NotServed as problem:
            return self._show("Search", render_absent("Jaeger", problem, "/mesh addons"))
        traces = [parse_trace_answer(each) for each in found if each.get("spans")]
        form = _render_form(services, chosen, limit)
        empty = (
            "No traces of this service. /mesh traffic makes some, and /mesh traces says why not."
        )
        heads = ("Trace", "Began (UTC)", "Took", "Spans", "Services")
        body = form + render_table(heads, [_render_trace_row(each) for each in traces], empty)
        return self._show("Search", body)

    async def _show_trace(self, request: web.Request) -> web.Response:
        id_ = request.match_info["trace"]
        try:
            found = await self._ask(f"traces/{quote(id_, safe='')}")
        except NotServed as problem:
            return self._show(f"Trace {id_[:8]}", render_absent("Jaeger", problem, "/mesh traces"))
        trace = parse_trace_answer(found[0])
        about = (
            f"<p>{_format_time(trace)} UTC · {trace.milliseconds:.4g} ms · "
            f"{len(trace.rows)} spans in {len(trace.services)} services"
            f"{f' · {_render_failed(trace)}' if trace.failed else ''}</p>"
        )
        return self._show(f"Trace {trace.id[:8]}", about + render_waterfall(trace))

    async def _ask(self, path: str) -> list[Any]:
        answer = await self._web.fetch_json(self._jaeger, f"/jaeger/api/{path}")
        return list(answer.get("data") or ())

    def _show(self, title: str, body: str) -> web.Response:
        tabs = render_tabs("Jaeger", {"Search": "/jaeger/search"}, title)
        return render_document("Jaeger", title, body, tabs=tabs, about=ABOUT)


async def _lead_to_search(request: web.Request) -> web.Response:
    raise web.HTTPFound("/jaeger/search")


def _render_form(services: list[str], chosen: str, limit: str) -> str:
    def options(values: tuple[str, ...], current: str) -> str:
        return "".join(
            f'<option value="{escape(each, quote=True)}"{" selected" if each == current else ""}>'
            f"{escape(each)}</option>"
            for each in values
        )

    return (
        '<form action="/jaeger/search" method="get" class="ask">'
        f'<label>Service <select name="service">{options(tuple(services), chosen)}</select></label>'
        f'<label>At most <select name="limit">{options(LIMITS, limit)}</select></label>'
        "<button>Find traces</button></form>"
    )


def _render_trace_row(trace: TraceView) -> tuple[str, ...]:
    first = trace.rows[0]
    name = f"{first.service.partition('.')[0]}: {first.operation}"
    return (
        f'<a href="/jaeger/trace/{escape(trace.id, quote=True)}">{escape(trace.id[:8])}</a> '
        f"{escape(name)}",
        _format_time(trace),
        f"{trace.milliseconds:.4g} ms",
        f"{len(trace.rows)}{f' {_render_failed(trace)}' if trace.failed else ''}",
        escape(" → ".join(each.partition(".")[0] for each in trace.services)),
    )


def _render_failed(trace: TraceView) -> str:
    return render_state(f"✕ {trace.failed} with an error", "bad")


def _format_time(trace: TraceView) -> str:
    return f"{datetime.fromtimestamp(trace.start, UTC):%H:%M:%S}"
