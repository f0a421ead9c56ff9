"""The server of the consoles: on loopback, for browsers of this machine, beside the channel's
page.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from sandbox.consoles.bookinfo_way import BookinfoWay
from sandbox.consoles.cluster_web import ClusterWeb, Place
from sandbox.consoles.document import ASSETS, HEADERS, TYPES
from sandbox.consoles.grafana_pages import GrafanaPages
from sandbox.consoles.jaeger_pages import JaegerPages
from sandbox.consoles.kiali_pages import KialiPages

HOST = "127.0.0.1"
MOST_BODY = 64 * 1024


class ConsoleServer:
    """Serves the application and a plain page for each console of one cluster."""

    def __init__(self, cluster: ClusterWeb, *, mesh_namespace: str, app_namespace: str) -> None:
        self._runner: web.AppRunner | None = None
        self.kiali = Place(mesh_namespace, "http:kiali", 20001)
        self.gateway = Place(app_namespace, "http:bookinfo-gateway-istio", 80)
        self._app = web.Application(client_max_size=MOST_BODY, middlewares=[refuse_strangers])
        self._app.router.add_get("/", _lead_to_application)
        self._app.router.add_get("/consoles/{asset}", _serve_asset)
        self._app.router.add_get("/favicon.ico", _serve_icon)
        grafana = Place(mesh_namespace, "http:grafana", 3000)
        prometheus = Place(mesh_namespace, "http:prometheus", 9090)
        for part in (
            BookinfoWay(cluster, self.gateway),
            KialiPages(cluster, self.kiali, app_namespace),
            JaegerPages(cluster, Place(mesh_namespace, "http:tracing", 80)),
            GrafanaPages(cluster, grafana, prometheus),
        ):
            part.add_routes(self._app)

    async def start(self, port: int) -> str:
        """Serve on a port, 0 for a free one; return the origin, http://HOST:PORT.

        Raises OSError when the port is taken.
        """
        self._runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, port).start()
        except OSError:
            await self.stop()
            raise
        return f"http://{HOST}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop serving."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


@web.middleware
async def refuse_strangers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse requests under another name than this machine's, and writes of other sites' pages.

    A page in a browser can send requests to loopback: none may use a name of its own for it (DNS
    rebinding), and none may sign somebody in.
    """
    host, origin = request.headers.get("Host", ""), request.headers.get("Origin", "")
    if not _is_this_machine(host) or not _is_loopback(request.remote or ""):
        raise web.HTTPForbidden(text="these pages are for this machine alone", headers=HEADERS)
    if request.method not in ("GET", "HEAD") and origin != f"http://{host}":
        raise web.HTTPForbidden(text="wrong origin", headers=HEADERS)
    return await handler(request)


def _is_this_machine(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return "@" not in host and (name == "localhost" or _is_loopback(name))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


async def _lead_to_application(request: web.Request) -> web.Response:
    raise web.HTTPFound("/productpage")


async def _serve_icon(request: web.Request) -> web.Response:
    """Serve the icon that browsers ask for where a page, such as the application's, names none."""
    return web.Response(text=ASSETS["icon.svg"], content_type=TYPES[".svg"], headers=HEADERS)


async def _serve_asset(request: web.Request) -> web.Response:
    name = request.match_info["asset"]
    kind = next((kind for end, kind in TYPES.items() if name.endswith(end)), "")
    if not kind or name not in ASSETS:
        raise web.HTTPNotFound(text="no such asset", headers=HEADERS)
    return web.Response(text=ASSETS[name], content_type=kind, headers=HEADERS)
