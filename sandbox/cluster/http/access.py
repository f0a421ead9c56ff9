"""Who may ask: whoever has the token of the kubeconfig, and never a page in a browser.

Every page that somebody has open may send requests to their own machine, and by a name of its own
that it makes point here (DNS rebinding) it reads the answers too.
"""

from __future__ import annotations

import hmac
import secrets
from urllib.parse import urlsplit

from aiohttp import web

from sandbox.cluster.api_refusals import foreign_request_error, unauthorized_error

HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
"""Names of this machine; the port is not asked, for requests may come through a tunnel."""

SAME = frozenset({"", "none", "same-origin"})
"""Sec-Fetch-Site of requests that no other site makes."""


class AccessCheck:
    """Checks each request before anything looks into it; `token` is new at each start."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(32)

    def check_request(self, request: web.BaseRequest) -> None:
        """Raise ApiError: 403 for a request of another site, 401 for one without the token."""
        host = request.headers.get("Host", "")
        if "@" in host or _read_host(f"//{host}") not in HOSTS:
            raise foreign_request_error("the Host header does not name this machine")
        origin = request.headers.get("Origin", "")
        if origin and (urlsplit(origin).netloc != host or _read_host(origin) not in HOSTS):
            raise foreign_request_error("the Origin header names another site")
        if request.headers.get("Sec-Fetch-Site", "") not in SAME:
            raise foreign_request_error("the request was made by another site")
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        given = token.strip().encode(errors="surrogateescape")
        if kind.lower() != "bearer" or not hmac.compare_digest(given, self.token.encode()):
            raise unauthorized_error()


def _read_host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
