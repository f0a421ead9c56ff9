"""Programs of a cluster as the tests play them, behind a server that passes requests on as the API
server's proxy does."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

PROXY = "/api/v1/namespaces/{namespace}/services/{name}/proxy/{rest:.*}"


class Programs:
    """What the programs in the cluster answer, by Service and path; and what they were asked."""

    def __init__(self) -> None:
        self.answers: dict[str, object] = {}
        self.pages: dict[str, str] = {}
        self.asked: list[str] = []

    async def handle(self, request: web.Request) -> web.Response:
        """Answers as the API server's proxy does."""
        parts = request.match_info
        path = f"{parts['name'].split(':')[1]}/{parts['rest']}"
        self.asked.append(f"{request.method} {path}?{request.query_string}")
        if path == "bookinfo-gateway-istio/login":
            user = str((await request.post())["username"])
            headers = {"Set-Cookie": f"session={user}; Path=/", "Location": "/productpage"}
            return web.Response(status=302, headers=headers)
        if path == "bookinfo-gateway-istio/productpage":
            who = request.headers.get("Cookie", "nobody").removeprefix("session=")
            return web.Response(text=self.pages.get(who, f"<p>{who}</p>"), content_type="text/html")
        if path in self.answers:
            found = self.answers[path]
            status = 403 if isinstance(found, dict) and "error" in found else 200
            return web.json_response(found, status=status)
        message = f'services "{parts["name"]}" not found'
        return web.json_response({"kind": "Status", "message": message}, status=404)


@pytest.fixture
async def programs() -> AsyncIterator[tuple[Programs, str]]:
    """The programs, and the address of their API server."""
    programs, app = Programs(), web.Application()
    app.router.add_route("*", PROXY, programs.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield programs, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()
