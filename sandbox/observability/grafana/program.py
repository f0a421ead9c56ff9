"""Grafana as the addon runs it: health, and the dashboards that its ConfigMaps hold, by title and
by uid."""

from __future__ import annotations

import hashlib
import json
import re

from sandbox.cluster.contract import Client, Object, Ref, Request, Response
from sandbox.observability.answers import (
    build_json_response,
    build_text_response,
    get_first,
    parse_parameters,
)
from sandbox.observability.process_registry import ProcessRegistry

PORT = 3000
_MAPS = Ref("", "configmaps")
_FOLDER = "istio"


class Grafana:
    """The program of pods labelled `app.kubernetes.io/name=grafana`."""

    def __init__(self, processes: ProcessRegistry) -> None:
        self._processes = processes

    def runs_in(self, pod: Object) -> bool:
        """Tell whether a pod is Grafana's."""
        return bool(
            (pod["metadata"].get("labels") or {}).get("app.kubernetes.io/name") == "grafana"
        )

    async def start(self, pod: Object, client: Client) -> RunningGrafana:
        """Read the dashboards that are mounted, once, and start."""
        boards: list[Object] = []
        for volume in pod["spec"].get("volumes") or []:
            name = (volume.get("configMap") or {}).get("name", "")
            found = await client.get(_MAPS, name, pod["metadata"]["namespace"]) if name else None
            for key, text in ((found or {}).get("data") or {}).items():
                if key.endswith(".json"):
                    boards.append(json.loads(text))
        running = RunningGrafana(pod, boards, self._processes)
        self._processes.add(running)
        return running


class RunningGrafana:
    """One Grafana; a dashboard without a fixed uid gets one of this pod's own."""

    def __init__(self, pod: Object, boards: list[Object], processes: ProcessRegistry) -> None:
        self.pod, self._processes = pod, processes
        seed = str(pod["metadata"].get("uid", ""))
        self._boards = {
            board.get("uid") or _derive_uid(seed, board["title"]): board for board in boards
        }

    @property
    def version(self) -> str:
        """The version in its image's tag."""
        return str(self.pod["spec"]["containers"][0].get("image", "")).rpartition(":")[2]

    async def handle(self, port: int, request: Request) -> Response | None:
        """Answer the HTTP API on port 3000; None on other ports.

        Anonymous visitors are administrators, as in Istio's sample.
        """
        if port != PORT:
            return None
        if request.path == "/api/health":
            return build_json_response(
                {"database": "ok", "version": self.version, "commit": "sandbox"}
            )
        if request.path == "/api/search":
            return self._search_dashboards(get_first(parse_parameters(request), "query"))
        if found := re.fullmatch(r"/api/dashboards/uid/([^/]+)", request.path):
            return self._get_dashboard(found[1])
        if found := re.fullmatch(r"/d/([^/]+)(?:/[^/]*)?", request.path):
            return self._serve_dashboard_page(found[1])
        if request.path == "/":
            return _build_html_response("Grafana")
        return build_json_response({"message": "Not found"}, 404)

    async def stop(self) -> None:
        """Leave the registry of running programs."""
        self._processes.remove(self)

    def _search_dashboards(self, words: str) -> Response:
        rows = [_build_search_row(uid, board["title"]) for uid, board in self._boards.items()]
        found = [row for row in rows if words.lower() in row["title"].lower()]
        return build_json_response(sorted(found, key=lambda row: str(row["title"])))

    def _get_dashboard(self, uid: str) -> Response:
        board = self._boards.get(uid)
        if board is None:
            return build_json_response({"message": "Dashboard not found"}, 404)
        meta = {
            "folderTitle": _FOLDER,
            "slug": _slugify_title(board["title"]),
            "url": _build_search_row(uid, board["title"])["url"],
        }
        return build_json_response({"meta": meta, "dashboard": {**board, "uid": uid}})

    def _serve_dashboard_page(self, uid: str) -> Response:
        board = self._boards.get(uid)
        return (
            _build_html_response(str(board["title"]))
            if board
            else build_text_response("Not found", 404)
        )


def _build_search_row(uid: str, title: str) -> Object:
    slug = _slugify_title(title)
    link = {"uri": f"db/{slug}", "url": f"/d/{uid}/{slug}"}
    return {
        "uid": uid,
        "title": title,
        **link,
        "type": "dash-db",
        "tags": [],
        "folderTitle": _FOLDER,
    }


def _derive_uid(seed: str, title: str) -> str:
    return hashlib.sha256(f"{seed}/{title}".encode()).hexdigest()[:14]


def _slugify_title(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _build_html_response(title: str) -> Response:
    page = (
        f"<!doctype html><title>{title} - Grafana</title><p>The sandbox's Grafana has nothing to "
        f"draw.</p>"
    )
    return Response(200, page.encode(), {"Content-Type": "text/html; charset=utf-8"})
