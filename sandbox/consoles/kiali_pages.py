"""Kiali's stand-in: overview, graph, workloads, Istio config, mesh, and single objects, from what
Kiali's API in the cluster answers, at the paths of Kiali's own console.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import quote

import yaml
from aiohttp import web

from sandbox.consoles.cluster_web import ClusterWeb, NotServed, Place
from sandbox.consoles.document import (
    render_absent,
    render_document,
    render_state,
    render_table,
    render_tabs,
)
from sandbox.consoles.kiali_lists import BASE, OBJECTS, WORKLOADS, list_config, list_workloads
from sandbox.consoles.kiali_parts import (
    describe_membership,
    describe_span,
    parse_seconds,
    render_checks,
    render_findings,
    render_traffic,
    select_neighbours,
)
from sandbox.consoles.mesh_graph import KIALI_API, fetch_graph

ABOUT = "It draws plainly what Kiali’s API in this cluster answers: the paths are Kiali’s own."
KINDS = {"Healthy": "good", "Degraded": "warn", "Failure": "bad", "Unhealthy": "bad"}


class KialiPages:
    """The pages of one cluster's Kiali; `namespace` is the application's."""

    def __init__(self, web_: ClusterWeb, kiali: Place, namespace: str) -> None:
        self._web, self._kiali, self._namespace = web_, kiali, namespace

    def add_routes(self, app: web.Application) -> None:
        """Add the routes of the console."""
        pages = {
            "/overview": self._show_overview,
            "/graph/namespaces": self._show_graph,
            "/workloads": self._show_workloads,
            "/istio": self._show_config,
            "/mesh": self._show_mesh,
            "/namespaces/{namespace}/istio/{place:.+}/{name}": self._show_object,
            "/namespaces/{namespace}/{kind:services|workloads}/{name}": self._show_one,
        }
        for path, page in pages.items():
            app.router.add_get(f"{BASE}{path}", page)
        for path in ("/kiali", "/kiali/", BASE, f"{BASE}/"):
            app.router.add_get(path, _lead_to_overview)

    async def _show_overview(self, request: web.Request) -> web.Response:
        try:
            found = await self._ask("/namespaces")
            findings = await self._ask("/istio/config?validate=true")
        except NotServed as problem:
            return self._show_absent("Overview", problem)
        rows = [
            (
                f'<a href="{_build_graph_url(each["name"])}">{escape(each["name"])}</a>',
                escape(describe_membership(each.get("labels") or {})),
                render_findings(findings.get("validations") or {}, each["name"]),
            )
            for each in found
        ]
        body = render_table(("Namespace", "Mesh", "Istio config"), rows, "There are no namespaces.")
        return self._show("Overview", body)

    async def _show_graph(self, request: web.Request) -> web.Response:
        asked = request.query
        names = ",".join(n for n in asked.get("namespaces", self._namespace).split(",") if n)
        seconds = parse_seconds(asked.get("duration", ""))
        try:
            graph = await fetch_graph(
                self._web,
                self._kiali,
                quote(names, safe=","),
                seconds=seconds,
                services=asked.get("injectServiceNodes") == "true",
            )
        except NotServed as problem:
            return self._show_absent("Graph", problem)
        about = f"Namespaces: {names} · the last {describe_span(seconds)} · versioned apps"
        note = (
            "<p class='quiet'>Kiali would replay the minute that the link names; "
            "this page shows the present.</p>"
            if "replayActive" in asked
            else ""
        )
        body = f'<p class="quiet">{escape(about)}</p>{note}{render_traffic(graph)}'
        return self._show("Graph", body)

    async def _show_workloads(self, request: web.Request) -> web.Response:
        names = request.query.get("namespaces", self._namespace)
        try:
            rows = await list_workloads(self._ask, names)
        except NotServed as problem:
            return self._show_absent("Workloads", problem)
        return self._show("Workloads", render_table(WORKLOADS, rows, "No workloads there."))

    async def _show_config(self, request: web.Request) -> web.Response:
        names = request.query.get("namespaces", self._namespace).split(",")
        try:
            rows = [row for name in names for row in await list_config(self._ask, name)]
        except NotServed as problem:
            return self._show_absent("Istio config", problem)
        return self._show("Istio config", render_table(OBJECTS, rows, "No Istio objects there."))

    async def _show_object(self, request: web.Request) -> web.Response:
        parts = request.match_info
        title = f"{parts['place'].rpartition('/')[2]} {parts['name']}"
        path = f"/namespaces/{parts['namespace']}/istio/{parts['place']}/{parts['name']}"
        try:
            found = await self._ask(f"{path}?validate=true")
        except NotServed as problem:
            return self._show_absent(title, problem)
        obj = found.get("resource") or next(
            (v for v in found.values() if isinstance(v, dict) and "metadata" in v), {}
        )
        shown = {k: v for k, v in obj.items() if k != "status" or v}
        if meta := shown.get("metadata"):
            shown["metadata"] = {k: v for k, v in meta.items() if k != "managedFields"}
        text = yaml.safe_dump(shown, sort_keys=False, allow_unicode=True)
        checks = (found.get("validation") or {}).get("checks") or []
        body = f'<p>{render_checks(checks)}</p><pre tabindex="0">{escape(text)}</pre>'
        return self._show(title, body, "Istio config")

    async def _show_one(self, request: web.Request) -> web.Response:
        parts = request.match_info
        kind, name, namespace = parts["kind"], parts["name"], parts["namespace"]
        title = f"{kind.removesuffix('s').capitalize()} {name}"
        try:
            graph = await fetch_graph(self._web, self._kiali, quote(namespace), services=True)
            mine = await list_workloads(self._ask, namespace, name) if kind == "workloads" else []
            objects = await list_config(self._ask, namespace)
        except NotServed as problem:
            return self._show_absent(title, problem)
        body = "<h2>Traffic of the last minute</h2>" + render_traffic(
            select_neighbours(graph, name)
        )
        if mine:
            body = render_table(WORKLOADS, mine, "") + body
        config = [row for row in objects if f">{escape(name)}<" in row[0]]
        body += "<h2>Istio config of that name</h2>" + render_table(OBJECTS, config, "None.")
        return self._show(title, body, "Workloads")

    async def _show_mesh(self, request: web.Request) -> web.Response:
        try:
            parts = await self._ask("/istio/status")
            tls = await self._ask("/mesh/tls")
            status = await self._ask("/status")
        except NotServed as problem:
            return self._show_absent("Mesh", problem)
        rows = [
            (escape(each["name"]), render_state(each["status"], KINDS.get(each["status"], "warn")))
            for each in parts
        ]
        versions = ", ".join(
            f"{each['name']} {each.get('version', '')}".strip()
            for each in status.get("externalServices") or ()
        )
        body = (
            f"<p>{escape(versions)}</p><p>Mesh-wide mutual TLS: "
            f"<b>{escape(str(tls.get('status', 'unknown')))}</b></p>"
        )
        return self._show("Mesh", body + render_table(("Component", "State"), rows, "None."))

    async def _ask(self, path: str) -> Any:
        return await self._web.fetch_json(self._kiali, f"{KIALI_API}{path}")

    def _show(self, title: str, body: str, tab: str = "") -> web.Response:
        tabs = render_tabs("Kiali", self._list_tabs(), tab or title)
        return render_document("Kiali", title, body, tabs=tabs, about=ABOUT)

    def _show_absent(self, title: str, problem: NotServed) -> web.Response:
        return self._show(title, render_absent("Kiali", problem, "/mesh kiali"))

    def _list_tabs(self) -> Mapping[str, str]:
        name = quote(self._namespace)
        return {
            "Overview": f"{BASE}/overview",
            "Graph": _build_graph_url(self._namespace),
            "Workloads": f"{BASE}/workloads?namespaces={name}",
            "Istio config": f"{BASE}/istio?namespaces={name}",
            "Mesh": f"{BASE}/mesh",
        }


async def _lead_to_overview(request: web.Request) -> web.Response:
    raise web.HTTPFound(f"{BASE}/overview")


def _build_graph_url(namespace: str) -> str:
    return f"{BASE}/graph/namespaces?namespaces={quote(namespace)}&amp;injectServiceNodes=true"
