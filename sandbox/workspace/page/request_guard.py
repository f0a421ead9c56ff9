"""Access check of the page: what is typed on it makes a bot act, so it is for this machine
and this start alone.

It consists of a token of each start in the page's URL, loopback peers, our own Host and
Origin (against other sites' pages and against names that are made to point here), and a
content security policy that lets nothing foreign in.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from sandbox.workspace.core import Core

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "
        "object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""What every answer of the page carries."""

_OURS = ("", "none", "same-origin")
"""Sec-Fetch-Site of requests that this page or the address bar makes; browsers that do not send it
are held by Host."""


@web.middleware
async def refuse_foreign_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what a page in a browser sends, to the Web API and the other ports of call as well.

    The page's own routes look closer. Bots send no Origin.
    """
    host, origin = request.headers.get("Host", ""), request.headers.get("Origin", "")
    if not _names_this_machine(f"//{host}"):
        raise web.HTTPForbidden(text="this workspace is for this machine alone", headers=HEADERS)
    if origin and origin != f"http://{host}":
        raise web.HTTPForbidden(text="wrong origin", headers=HEADERS)
    return await handler(request)


class RequestGuard:
    """Holds the token, and refuses requests that are not of this page."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.token = secrets.token_urlsafe(16)

    def check_origin(self, request: web.Request, *, writing: bool = False) -> None:
        """Raise HTTPForbidden for what does not come from this machine and from this page.

        With `writing` the request must state its Origin. The link that is printed at the start
        may be followed from anywhere: it opens a document of its own.
        """
        port = self._core.origin.rpartition(":")[2]
        hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        origin = request.headers.get("Origin", "")
        if request.host not in hosts or not _is_loopback(request.remote):
            raise web.HTTPForbidden(text="this page is for this machine alone", headers=HEADERS)
        followed = not writing and request.headers.get("Sec-Fetch-Dest") == "document"
        foreign = request.headers.get("Sec-Fetch-Site", "") not in _OURS and not followed
        if foreign or ((writing or origin) and origin not in {f"http://{host}" for host in hosts}):
            raise web.HTTPForbidden(text="wrong origin", headers=HEADERS)

    def check_token(self, request: web.Request, *, writing: bool = False) -> None:
        """Raise HTTPForbidden as check_origin does, and for a request without this start's
        token."""
        self.check_origin(request, writing=writing)
        if not hmac.compare_digest(request.query.get("t", "").encode(), self.token.encode()):
            raise web.HTTPForbidden(
                text="open the link that was printed at the start", headers=HEADERS
            )


def _names_this_machine(url: str) -> bool:
    try:
        name = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return "@" not in url and (name == "localhost" or _is_loopback(name))


def _is_loopback(remote: str | None) -> bool:
    try:
        return ipaddress.ip_address(remote or "").is_loopback
    except ValueError:
        return False
