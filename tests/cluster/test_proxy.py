"""HTTP to Services through the API server's proxy."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from bot.cluster import KubernetesCluster, connect
from bot.cluster.proxy import ServiceProxy
from bot.errors import Forbidden, Unavailable
from bot.ports import HttpRequest

Handler = Callable[[web.Request], Awaitable[web.Response]]


@asynccontextmanager
async def proxy_to(handler: Handler, home: Path) -> AsyncIterator[ServiceProxy]:
    """An API server that only proxies, and the bot's way through it."""
    app = web.Application()
    app.router.add_route(
        "*", "/api/v1/namespaces/bookinfo/services/productpage:9080/proxy/{path:.*}", handler
    )
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server = {"server": f"http://127.0.0.1:{runner.addresses[0][1]}"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": server}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }
    (home / "config").write_text(json.dumps(config))
    api = await connect(kubeconfig=home / "config", context=None, in_cluster=False)
    yield KubernetesCluster(api).web
    await api.close()
    await runner.cleanup()


@pytest.mark.parametrize("status", [200, 302, 404, 503])
async def test_the_services_own_answer_is_given(tmp_path: Path, status: int) -> None:
    """Whatever its status, with its headers, and no redirect followed."""

    async def handler(request: web.Request) -> web.Response:
        cookie = {
            "Set-Cookie": f"session={request.headers.get('X-Who', '')}",
            "Location": "/elsewhere",
        }
        return web.Response(status=status, text=request.path_qs, headers=cookie)

    async with proxy_to(handler, tmp_path) as proxy:
        answer = await proxy.ask(
            HttpRequest("bookinfo", "productpage", 9080, "/x?y=1", headers={"X-Who": "jason"})
        )
    assert answer.status == status
    assert answer.text.endswith("/proxy/x?y=1")
    assert answer.headers["set-cookie"] == "session=jason"


async def test_no_cookie_goes_from_one_answer_into_the_next_request(tmp_path: Path) -> None:
    """Each request is its own person."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(
            text=request.headers.get("Cookie", "none"),
            headers={"Set-Cookie": "session=jason; Path=/"},
        )

    async with proxy_to(handler, tmp_path) as proxy:
        answers = [
            (await proxy.ask(HttpRequest("bookinfo", "productpage", 9080, "/"))).text
            for _ in range(2)
        ]
    assert answers == ["none", "none"]


@pytest.mark.parametrize(
    ("status", "kind"), [(503, Unavailable), (404, Unavailable), (403, Forbidden)]
)
async def test_what_the_api_server_says_itself_is_raised(
    tmp_path: Path, status: int, kind: type[Exception]
) -> None:
    """No endpoints is not an answer of the application."""

    async def handler(request: web.Request) -> web.Response:
        said = {
            "kind": "Status",
            "apiVersion": "v1",
            "message": 'no endpoints available for service "productpage"',
        }
        return web.json_response(said, status=status)

    async with proxy_to(handler, tmp_path) as proxy:
        with pytest.raises(kind, match="no endpoints available"):
            await proxy.ask(HttpRequest("bookinfo", "productpage", 9080, "/"))
