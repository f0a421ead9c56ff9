"""Grafana's stand-in: charts of the mesh's requests, from Prometheus in the cluster, below the
paths of Grafana's dashboards.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

from aiohttp import web

from sandbox.consoles.charts import Series, render_chart
from sandbox.consoles.cluster_web import ClusterWeb, NotServed, Place
from sandbox.consoles.document import render_absent, render_document, render_table, render_tabs

ABOUT = (
    "It draws the requests that Prometheus in this cluster has counted; the real Grafana has more "
    "charts at the same paths."
)
MINUTES, STEP = 10, 15
"""How far back charts go, and the seconds between their points (Prometheus' scrape interval)."""
REPORTED = 'reporter=~"source|waypoint"'


@dataclass(frozen=True)
class Chart:
    """One chart: `query` gives a line for each value of `label`."""

    title: str
    unit: str
    label: str
    query: str


def list_charts(service: str) -> tuple[Chart, ...]:
    """Return the charts, of one Service's requests if one is named.

    In ambient mode a request may be counted by a gateway and by the waypoint: the larger counts.
    """
    where = f'{REPORTED},destination_service_name="{service}"' if service else REPORTED
    rate = f"rate(istio_requests_total{{{where}}}[1m])"
    buckets = f"rate(istio_request_duration_milliseconds_bucket{{{where}}}[1m])"
    failed = f'rate(istio_requests_total{{{where},response_code=~"5..|0"}}[1m])'
    by = "destination_service_name"
    return (
        Chart(
            "Requests by service",
            "req/s",
            by,
            f"max by ({by}) (sum by ({by}, reporter) ({rate}))",
        ),
        Chart("Requests that failed, by service", "req/s", by, f"sum by ({by}) ({failed})"),
        Chart(
            "Requests by version",
            "req/s",
            "destination_workload",
            f"sum by (destination_workload) ({rate})",
        ),
        Chart("Requests by status", "req/s", "response_code", f"sum by (response_code) ({rate})"),
        Chart(
            "95 % of requests within",
            "ms",
            by,
            f"histogram_quantile(0.95, sum by ({by}, le) ({buckets}))",
        ),
    )


class GrafanaPages:
    """The pages of one cluster's Grafana, over its Prometheus."""

    def __init__(self, web_: ClusterWeb, grafana: Place, prometheus: Place) -> None:
        self._web, self._grafana, self._prometheus = web_, grafana, prometheus

    def add_routes(self, app: web.Application) -> None:
        """Add the routes of the console."""
        for path in ("/grafana", "/grafana/", "/grafana/dashboards", "/grafana/d/{uid}"):
            app.router.add_get(path, self._show_board)
        app.router.add_get("/grafana/d/{uid}/{slug}", self._show_board)

    async def _show_board(self, request: web.Request) -> web.Response:
        uid = request.match_info.get("uid", "")
        # Dashboards of Istio name a Service by its host in the cluster.
        service = request.query.get("var-service", "").partition(".")[0]
        service = service if service.replace("-", "").isalnum() else ""
        try:
            boards = await self._web.fetch_json(self._grafana, "/api/search?type=dash-db")
            charts = await self._draw_charts(service)
        except NotServed as problem:
            body = render_absent("Grafana or Prometheus", problem, "/mesh addons")
            return self._show("Requests in the mesh", body)
        named = {each["uid"]: str(each["title"]) for each in boards}
        if uid and uid not in named:
            return self._show("No such dashboard", _list_boards(named))
        about = f" of {service}" if service else ""
        title = f"{named.get(uid, 'Requests in the mesh')}{about}"
        body = f"{charts}<h2>Dashboards</h2>{_list_boards(named)}"
        return self._show(title, body)

    async def _draw_charts(self, service: str) -> str:
        end = time.time() // STEP * STEP
        span = (end - MINUTES * 60, end)
        found = ""
        for chart in list_charts(service):
            series = await self._query(chart, span)
            found += render_chart(chart.title, chart.unit, series, span)
        about = f'<p class="quiet">The last {MINUTES} minutes, UTC.</p>'
        return f'{about}<div class="charts">{found}</div>'

    async def _query(self, chart: Chart, span: tuple[float, float]) -> list[Series]:
        asked = {"query": chart.query, "start": span[0], "end": span[1], "step": STEP}
        answer = await self._web.fetch_json(
            self._prometheus, f"/api/v1/query_range?{urlencode(asked)}"
        )
        return [
            Series(
                str(each["metric"].get(chart.label, "unknown")),
                tuple(
                    (float(at), number)
                    for at, text in each["values"]
                    if (number := float(text)) == number
                ),
            )
            for each in answer["data"]["result"]
        ]

    def _show(self, title: str, body: str) -> web.Response:
        tabs = render_tabs("Grafana", {"Requests in the mesh": "/grafana"}, title)
        return render_document("Grafana", title, body, tabs=tabs, about=ABOUT)


def _list_boards(named: Mapping[str, str]) -> str:
    rows = [
        (f'<a href="/grafana/d/{escape(uid, quote=True)}">{escape(title)}</a>',)
        for uid, title in sorted(named.items(), key=lambda item: item[1])
    ]
    return render_table(("Dashboard",), rows, "Grafana has no dashboards.")
