"""A small application behind an API server's service proxy, and the bot's traffic going to it over
real connections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from bot.cluster import KubernetesCluster, connect
from bot.traffic import Generator
from bot.traffic.visitor import find_entry_point

SERVED = (
    "<title>Simple Bookstore App</title>Book Reviews Reviews served by:\n   "
    "reviews-{version}-7d9-x {extra}"
)
STARS = '<div class="flex gap-x-1 text-black-500"></div>'
GONE = '<p class="text-red-500">Ratings service is currently unavailable</p>'
BROKEN = (
    '<title>Simple Bookstore App</title><p class="text-red-500">Error fetching product reviews</p>'
)


@dataclass
class App:
    """What the application does: `pages` by user ("" is nobody), `delays` one for each request in
    turn, then none."""

    pages: dict[str, str] = field(
        default_factory=lambda: {"": SERVED.format(version="v1", extra="")}
    )
    delays: list[float] = field(default_factory=list)
    gateway: dict[str, Any] | None = None
    away: bool = False
    cut: bool = False
    locked: bool = False
    logins: int = 0
    calls: list[str] = field(default_factory=list)

    async def page(self, request: web.Request) -> web.StreamResponse:
        """One request for a page, through whichever Service."""
        self.calls.append(request.match_info["service"])
        delay = self.delays.pop(0) if self.delays else 0.0
        await asyncio.sleep(delay)
        if self.away:
            return said(503, 'no endpoints available for service "productpage"')
        if self.cut:
            assert request.transport is not None
            request.transport.close()
        user = request.cookies.get("session", "").removeprefix("signed-")
        return web.Response(text=self.pages.get(user, self.pages[""]), content_type="text/html")

    async def login(self, request: web.Request) -> web.Response:
        """Bookinfo's login: any password, a cookie, and back to the Referer."""
        self.logins += 1
        user = (await request.post())["username"]
        headers = {"Location": request.headers.get("Referer", "None")}
        if not self.locked:
            headers["Set-Cookie"] = f"session=signed-{user!s}; HttpOnly; Path=/"
        return web.Response(status=302, headers=headers)

    async def look_up(self, request: web.Request) -> web.Response:
        """The API server's own part: the Gateway and its Service."""
        if self.gateway is None:
            return said(404, "not found")
        return web.json_response(self.gateway)


def said(status: int, message: str) -> web.Response:
    """The API server speaks itself."""
    return web.json_response(
        {"kind": "Status", "apiVersion": "v1", "message": message}, status=status
    )


def gateway(status: str, message: str = "") -> dict[str, Any]:
    """The workshop's Gateway with this Programmed condition."""
    condition = {"type": "Programmed", "status": status, "message": message}
    return {"metadata": {"name": "bookinfo-gateway"}, "status": {"conditions": [condition]}}


@asynccontextmanager
async def sending_to(app: App, home: Path, *, patience: float = 300.0) -> AsyncIterator[Generator]:
    """The bot's traffic for that application."""
    server = web.Application()
    proxy = "/api/v1/namespaces/bookinfo/services/{service}:{port}/proxy"
    server.router.add_get(proxy + "/productpage", app.page)
    server.router.add_post(proxy + "/login", app.login)
    server.router.add_get("/{rest:.*}", app.look_up)
    runner = web.AppRunner(server)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{runner.addresses[0][1]}"}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    users = [{"name": "u", "user": {}}]
    config = {"current-context": "c", "clusters": [cluster], "users": users, "contexts": [context]}
    (home / "config").write_text(json.dumps({"apiVersion": "v1", "kind": "Config"} | config))
    api = await connect(kubeconfig=home / "config", context=None, in_cluster=False)
    kubernetes = KubernetesCluster(api)
    traffic = Generator(kubernetes.web, partial(find_entry_point, kubernetes), patience=patience)
    yield traffic
    await traffic.close()
    await api.close()
    await runner.cleanup()
