"""productpage, the application that people look at: it asks details, reviews and ratings, and never
fails itself."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from dataclasses import dataclass
from typing import Any

from sandbox.dataplane.apps.app_settings import PORT, AppSettings
from sandbox.dataplane.apps.pages import (
    STYLE,
    STYLE_PATH,
    render_error_page,
    render_index_page,
    render_product_page,
)
from sandbox.dataplane.engine.http_messages import Ask, Call, Reply

_PATIENCE = 3.0
"""Seconds that it waits for each of the others."""
_KEY = b"the sandbox's productpage"
_PRODUCTS = [
    {
        "id": 0,
        "title": "The Comedy of Errors",
        "descriptionHtml": "Two pairs of twins meet in one town.",
    }
]
_PASSED_ON = (
    "x-request-id",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
    "traceparent",
    "tracestate",
    "user-agent",
    "cookie",
    "authorization",
    "jwt",
)
"""Headers handed on as they came. `end-user` is not among them: it comes from the session alone."""
_SORRY = "Sorry, product {} are currently unavailable for this book."
_HTML = {"content-type": "text/html; charset=utf-8"}


@dataclass
class ProductPage:
    """productpage-v1."""

    chance: random.Random
    start_seconds: float = 2.0
    port: int = PORT
    asked: int = 0
    settings: AppSettings = AppSettings()

    def answer(self, call: Call, now: float, ask: Ask) -> Reply:
        """Answer all its paths; the page itself is always 200, whatever the others say."""
        now += self._draw_work_time(6)
        match call.path.rstrip("/") or "/":
            case "/productpage":
                return self._answer_page(call, now, ask)
            case "/login" if call.method == "POST":
                return _redirect_to_referer(
                    now, call, _encode_session({"user": call.form.get("username", "")})
                )
            case "/logout":
                return _redirect_to_referer(now, call, "")
            case "/health":
                return Reply(now, 200, b"Product page is healthy", dict(_HTML))
            case "/" | "/index.html":
                return Reply(now, 200, render_index_page().encode(), dict(_HTML))
            case "/metrics":
                text = f"# TYPE request_result_total counter\nrequest_result_total {self.asked}\n"
                return Reply(now, 200, text.encode(), {"content-type": "text/plain; version=0.0.4"})
        return self._answer_other_path(call, now, ask)

    def _draw_work_time(self, milliseconds: float) -> float:
        return milliseconds / 1000 * self.chance.lognormvariate(0, 0.35)

    def _answer_other_path(self, call: Call, now: float, ask: Ask) -> Reply:
        parts = call.path.strip("/").split("/")
        if parts[:3] == ["api", "v1", "products"]:
            return self._answer_api(call, parts[3:], now, ask)
        if parts[0] == "static" and len(parts) > 1:
            style = STYLE.encode() if call.path == STYLE_PATH else b""
            return Reply(now, 200, style, {"content-type": "text/css; charset=utf-8"})
        status = 405 if parts == ["login"] else 404
        return Reply(now, status, render_error_page(status).encode(), dict(_HTML))

    def _answer_api(self, call: Call, rest: list[str], now: float, ask: Ask) -> Reply:
        if not rest:
            return _build_json_reply(now, 200, _PRODUCTS)
        if not rest[0].isdigit() or len(rest) > 2:
            return Reply(now, 404, render_error_page(404).encode(), dict(_HTML))
        headers, number = select_forwarded_headers(call), rest[0]
        match rest[1:]:
            case []:
                reply, body = self._fetch_details(number, headers, now, ask)
            case ["reviews"]:
                reply, body = self._fetch_reviews(number, headers, now, ask)
            case ["ratings"]:
                reply, body = self._fetch_json("ratings", number, headers, now, ask)
            case _:
                return Reply(now, 404, render_error_page(404).encode(), dict(_HTML))
        return _build_json_reply(reply.end + self._draw_work_time(2), reply.status or 500, body)

    def _answer_page(self, call: Call, now: float, ask: Ask) -> Reply:
        headers = select_forwarded_headers(call)
        got_details, details = self._fetch_details("0", headers, now, ask)
        got_reviews, reviews = self._fetch_reviews("0", headers, got_details.end, ask)
        page = render_product_page(
            user=read_session_user(call),
            details=(got_details.ok, details),
            reviews=(got_reviews.ok, reviews),
        )
        return Reply(got_reviews.end + self._draw_work_time(8), 200, page.encode(), dict(_HTML))

    def _fetch_details(
        self, number: str, headers: dict[str, str], now: float, ask: Ask
    ) -> tuple[Reply, Any]:
        return self._fetch_json("details", number, headers, now, ask)

    def _fetch_reviews(
        self, number: str, headers: dict[str, str], now: float, ask: Ask
    ) -> tuple[Reply, Any]:
        """Fetch the reviews, twice when the first answer is not 200."""
        reply, body = self._fetch_json("reviews", number, headers, now, ask)
        return (
            (reply, body)
            if reply.ok
            else self._fetch_json("reviews", number, headers, reply.end, ask)
        )

    def _fetch_json(
        self, app: str, number: str, headers: dict[str, str], now: float, ask: Ask
    ) -> tuple[Reply, Any]:
        self.asked += 1
        place = self.settings.find_address(app)
        reply = ask(Call(*place, f"/{app}/{number}", headers=headers), now, _PATIENCE)
        if not reply.ok:
            return reply, {"error": _SORRY.format(app)}
        return reply, json.loads(reply.body)


def select_forwarded_headers(call: Call) -> dict[str, str]:
    """Return the headers that go on to the other applications."""
    headers = {name: call.headers[name] for name in _PASSED_ON if name in call.headers}
    user = read_session_user(call)
    return {**headers, "end-user": user} if user else headers


def read_session_user(call: Call) -> str:
    """Return who is logged in, by the session cookie; "" for nobody."""
    for pair in call.headers.get("cookie", "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == "session":
            return _decode_session(value)
    return ""


def _compute_signature(payload: str) -> str:
    return (
        base64.urlsafe_b64encode(hmac.new(_KEY, payload.encode(), hashlib.sha256).digest())
        .decode()
        .rstrip("=")
    )


def _encode_session(session: dict[str, str]) -> str:
    payload = (
        base64.urlsafe_b64encode(json.dumps(session, separators=(",", ":")).encode())
        .decode()
        .rstrip("=")
    )
    return f"{payload}.{_compute_signature(payload)}"


def _decode_session(cookie: str) -> str:
    payload, _, signature = cookie.strip('"').partition(".")
    if not hmac.compare_digest(signature.encode(), _compute_signature(payload).encode()):
        return ""
    return str(
        json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))).get("user", "")
    )


def _redirect_to_referer(now: float, call: Call, session: str) -> Reply:
    """Send the client back to where it says that it comes from; without a Referer that is a
    page called `None`.
    """
    gone = "session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; HttpOnly; Path=/"
    cookie = f"session={session}; HttpOnly; Path=/" if session else gone
    headers = {
        "location": call.headers.get("referer") or "None",
        "set-cookie": cookie,
        "vary": "Cookie",
    }
    return Reply(now, 302, b"", {**_HTML, **headers})


def _build_json_reply(end: float, status: int, body: object) -> Reply:
    return Reply(end, status, json.dumps(body).encode(), {"content-type": "application/json"})
