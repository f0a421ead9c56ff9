"""An API server that does as a test tells it: it serves ConfigMaps, and refuses, cuts, ends or
garbles on demand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from bot.cluster import Api, RetryPolicy, connect

LIST = "list"
WATCH = "watch"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
PATH = "/api/v1/namespaces/shop/configmaps"
TOKEN = "not-for-logs"


def status(code: int, message: str = "no", **headers: str) -> Answer:
    """Answers with a Kubernetes Status."""

    async def answer(request: web.Request) -> web.StreamResponse:
        body = {"kind": "Status", "apiVersion": "v1", "message": message, "code": code}
        return web.json_response(
            body, status=code, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    return answer


async def cut(request: web.Request) -> web.StreamResponse:
    """Closes the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


class Stage:
    """The server's contents, what it was asked, and the answers that are put in the way of the next
    requests."""

    def __init__(self) -> None:
        self.items: dict[str, Any] = {}
        self.version = 100
        self.history: list[tuple[int, bytes]] = []
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.instead: dict[str, list[Answer]] = {}
        self.watchers: list[asyncio.Queue[bytes | None]] = []
        self.opened = asyncio.Condition()
        self.runner: web.AppRunner | None = None
        self.port = 0

    async def start(self, port: int = 0) -> None:
        """Serves on a loopback port."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", port)
        await site.start()
        self.port = self.runner.addresses[0][1]

    async def stop(self) -> None:
        """Goes away, connections included."""
        if self.runner is not None:
            await self.runner.cleanup()
            self.runner = None

    def next(self, what: str, *answers: Answer) -> None:
        """The next requests of this sort (`list`, `watch`, or an HTTP method) are answered so."""
        self.instead.setdefault(what, []).extend(answers)

    def put(self, name: str, text: str = "") -> None:
        """Creates or changes a ConfigMap, and tells the watchers."""
        change = "MODIFIED" if name in self.items else "ADDED"
        self.version += 1
        metadata = {
            "name": name,
            "namespace": "shop",
            "uid": name,
            "resourceVersion": str(self.version),
        }
        self.items[name] = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata,
            "data": {"text": text},
        }
        self.say(change, self.items[name])

    def drop(self, name: str, *, unseen: bool = False) -> None:
        """Deletes a ConfigMap; `unseen` keeps it from the watchers, as when they were cut off."""
        self.version += 1
        gone = self.items.pop(name)
        if not unseen:
            self.say(
                "DELETED",
                gone | {"metadata": gone["metadata"] | {"resourceVersion": str(self.version)}},
            )

    def say(self, change: str, obj: Any) -> None:
        """Sends one event to every open watch."""
        raw = json.dumps({"type": change, "object": obj}).encode() + b"\n"
        if change in ("ADDED", "MODIFIED", "DELETED"):
            self.history.append((self.version, raw))
        self.send(raw)

    def send(self, raw: bytes | None) -> None:
        """Sends bytes to every open watch; None ends it."""
        for queue in self.watchers:
            queue.put_nowait(raw)

    def asked_for(self, what: str) -> list[dict[str, str]]:
        """The queries of the requests of this sort."""
        return [query for sort, _, query in self.asked if sort == what]

    async def watched(self, count: int = 1) -> None:
        """Returns when so many watches have been opened in all."""
        async with asyncio.timeout(40), self.opened:
            await self.opened.wait_for(
                lambda: len(self.asked_for(WATCH)) >= count and bool(self.watchers)
            )

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        sort = self._sort(request)
        self.asked.append((sort, request.path, dict(request.query)))
        if waiting := self.instead.get(sort):
            return await waiting.pop(0)(request)
        if sort == WATCH:
            return await self._watch(request)
        if sort == LIST:
            return web.json_response(
                {
                    "metadata": {"resourceVersion": str(self.version)},
                    "items": list(self.items.values()),
                }
            )
        if request.path.count("/") <= 3:
            resource = {"name": "configmaps", "kind": "ConfigMap", "namespaced": True}
            return web.json_response({"resources": [resource]})
        return web.json_response({"metadata": {"name": request.path.rpartition("/")[2]}})

    @staticmethod
    def _sort(request: web.Request) -> str:
        if request.method == "GET" and request.path.endswith("/configmaps"):
            return WATCH if "watch" in request.query else LIST
        return request.method

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        response = web.StreamResponse()
        await response.prepare(request)
        since = int(request.query["resourceVersion"])
        for version, event in self.history:
            if version > since:
                queue.put_nowait(event)
        self.watchers.append(queue)
        async with self.opened:
            self.opened.notify_all()
        try:
            while (raw := await queue.get()) is not None:
                if raw == b"cut":
                    return await cut(request)
                await response.write(raw)
        finally:
            self.watchers.remove(queue)
        return response


async def api_of(
    stage: Stage, folder: Path, retry_policy: RetryPolicy | None = None, seconds: float = 5.0
) -> Api:
    """A connection to the stage by way of a kubeconfig, as everywhere."""
    file = folder / "kubeconfig"
    text = json.dumps(kubeconfig(f"http://127.0.0.1:{stage.port}", {"token": TOKEN}))
    file.write_text(text)
    quick = retry_policy or RetryPolicy(total=2.0, first=0.005, longest=0.02)
    return await connect(
        kubeconfig=file, context=None, in_cluster=False, retry_policy=quick, seconds=seconds
    )


def kubeconfig(server: str, user: dict[str, Any]) -> dict[str, Any]:
    """A kubeconfig with one context, `stage`."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "stage",
        "clusters": [{"name": "stage", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": user}],
        "contexts": [{"name": "stage", "context": {"cluster": "stage", "user": "me"}}],
    }
