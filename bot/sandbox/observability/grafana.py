"""Grafana as the addon runs it: health, and the dashboards that its ConfigMaps hold, by title and by uid."""

from __future__ import annotations

import hashlib
import json
import re

from bot.sandbox.cluster.contract import Client, Object, Ref, Request, Response
from bot.sandbox.observability.answers import first, json_answer, parameters, text_answer
from bot.sandbox.observability.neighbours import Neighbours

PORT = 3000
_MAPS = Ref("", "configmaps")
_FOLDER = "istio"


class Grafana:
    """The program of pods labelled `app.kubernetes.io/name=grafana`."""

    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours

    def runs_in(self, pod: Object) -> bool:
        """Whether a pod is Grafana's."""
        return bool((pod["metadata"].get("labels") or {}).get("app.kubernetes.io/name") == "grafana")

    async def start(self, pod: Object, client: Client) -> RunningGrafana:
        """Reads the dashboards that are mounted, once."""
        boards: list[Object] = []
        for volume in pod["spec"].get("volumes") or []:
            name = (volume.get("configMap") or {}).get("name", "")
            found = await client.get(_MAPS, name, pod["metadata"]["namespace"]) if name else None
            for key, text in ((found or {}).get("data") or {}).items():
                if key.endswith(".json"):
                    boards.append(json.loads(text))
        running = RunningGrafana(pod, boards, self._neighbours)
        self._neighbours.add(running)
        return running


class RunningGrafana:
    """One Grafana; a dashboard without a fixed uid gets one of this pod's own."""

    def __init__(self, pod: Object, boards: list[Object], neighbours: Neighbours) -> None:
        self.pod, self._neighbours = pod, neighbours
        seed = str(pod["metadata"].get("uid", ""))
        self._boards = {board.get("uid") or _uid(seed, board["title"]): board for board in boards}

    @property
    def version(self) -> str:
        """The version in its image's tag."""
        return str(self.pod["spec"]["containers"][0].get("image", "")).rpartition(":")[2]

    async def handle(self, port: int, request: Request) -> Response | None:
        """The HTTP API on 3000; anonymous visitors are administrators, as in the sample."""
        if port != PORT:
            return None
        if request.path == "/api/health":
            return json_answer({"database": "ok", "version": self.version, "commit": "sandbox"})
        if request.path == "/api/search":
            return self._search(first(parameters(request), "query"))
        if found := re.fullmatch(r"/api/dashboards/uid/([^/]+)", request.path):
            return self._dashboard(found[1])
        if found := re.fullmatch(r"/d/([^/]+)(?:/[^/]*)?", request.path):
            return self._page(found[1])
        if request.path == "/":
            return _html("Grafana")
        return json_answer({"message": "Not found"}, 404)

    async def stop(self) -> None:
        """Nothing to end but to be found no more."""
        self._neighbours.remove(self)

    def _search(self, words: str) -> Response:
        rows = [_row(uid, board["title"]) for uid, board in self._boards.items()]
        found = [row for row in rows if words.lower() in row["title"].lower()]
        return json_answer(sorted(found, key=lambda row: str(row["title"])))

    def _dashboard(self, uid: str) -> Response:
        board = self._boards.get(uid)
        if board is None:
            return json_answer({"message": "Dashboard not found"}, 404)
        meta = {"folderTitle": _FOLDER, "slug": _slug(board["title"]), "url": _row(uid, board["title"])["url"]}
        return json_answer({"meta": meta, "dashboard": {**board, "uid": uid}})

    def _page(self, uid: str) -> Response:
        board = self._boards.get(uid)
        return _html(str(board["title"])) if board else text_answer("Not found", 404)


def _row(uid: str, title: str) -> Object:
    slug = _slug(title)
    link = {"uri": f"db/{slug}", "url": f"/d/{uid}/{slug}"}
    return {"uid": uid, "title": title, **link, "type": "dash-db", "tags": [], "folderTitle": _FOLDER}


def _uid(seed: str, title: str) -> str:
    return hashlib.sha256(f"{seed}/{title}".encode()).hexdigest()[:14]


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _html(title: str) -> Response:
    page = f"<!doctype html><title>{title} - Grafana</title><p>The sandbox's Grafana has nothing to draw.</p>"
    return Response(200, page.encode(), {"Content-Type": "text/html; charset=utf-8"})
