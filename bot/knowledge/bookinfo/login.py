"""Logging in to Bookinfo's page: any password will do, and a cookie carries the session
(productpage 1.20)."""

from __future__ import annotations

from urllib.parse import urlencode

from bot.ports import HttpRequest, HttpResponse

PAGE = "/productpage"
FOUND = 302
"""The status with which a login ends: it sends back to the Referer, which is not followed."""


def build_login_request(
    namespace: str, service: str, port: int, *, user: str, seconds: float = 10.0
) -> HttpRequest:
    """Return the request that logs a user in through a Service; `seconds` as HttpRequest's."""
    form = urlencode({"username": user, "passwd": user})
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Referer": f"http://{service}{PAGE}",
    }
    return HttpRequest(
        namespace,
        service,
        port,
        "/login",
        method="POST",
        headers=headers,
        body=form.encode(),
        seconds=seconds,
    )


def read_session_cookie(answer: HttpResponse) -> str:
    """Return `session=…` from the cookies that a login sets, or "" when there is none."""
    if answer.status != FOUND:
        return ""
    pairs = [
        line.partition(";")[0].strip() for line in answer.headers.get("set-cookie", "").splitlines()
    ]
    return next(
        (pair for pair in pairs if pair.startswith("session=") and len(pair) > len("session=")), ""
    )
