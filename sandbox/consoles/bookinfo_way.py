"""The application for a browser: each request enters the mesh through the application's gateway,
and its answer is handed on as it came.
"""

from __future__ import annotations

from aiohttp import web

from sandbox.consoles.cluster_web import ClusterWeb, NotServed, Place, WebAnswer
from sandbox.consoles.document import render_absent, render_document

PASSED_IN = ("accept", "accept-language", "content-type", "cookie", "referer", "user-agent")
PASSED_OUT = ("content-type", "location", "server", "set-cookie", "vary")
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)
"""The application's own pages have styles and scripts in them."""


class BookinfoWay:
    """The way from a browser through the gateway to the application."""

    def __init__(self, web_: ClusterWeb, gateway: Place) -> None:
        self._web, self._gateway = web_, gateway

    def add_routes(self, app: web.Application) -> None:
        """Add the paths that the workshop's route takes to the application."""
        for path in ("/productpage", "/login", "/logout", "/static/{rest:.*}"):
            app.router.add_route("*", path, self._pass_on)
        app.router.add_route("*", "/api/v1/products{rest:.*}", self._pass_on)

    async def _pass_on(self, request: web.Request) -> web.Response:
        headers = {name: request.headers[name] for name in PASSED_IN if name in request.headers}
        try:
            found = await self._web.fetch(
                self._gateway,
                request.path_qs,
                method=request.method,
                headers=headers,
                body=await request.read(),
            )
        except NotServed as problem:
            body = render_absent("The application’s gateway", problem, "/mesh expose")
            return render_document("Bookinfo", "Bookinfo", body, status=503)
        return build_response(found)


def build_response(found: WebAnswer) -> web.Response:
    """Return an answer of the application's for the browser, with a policy of our own."""
    answer = web.Response(status=found.status, body=found.body)
    answer.headers["Content-Security-Policy"] = POLICY
    answer.headers["X-Content-Type-Options"] = "nosniff"
    for name in PASSED_OUT:
        answer.headers.popall(name, None)
        for value in found.headers.getall(name, ()):
            answer.headers.add(name, value)
    return answer
