"""productpage, the application that people look at: it asks details, reviews and ratings, and never fails itself."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from dataclasses import dataclass
from typing import Any

from bot.sandbox.dataplane.apps_pages import index_page, not_found_page, product_page
from bot.sandbox.dataplane.engine_messages import Ask, Call, Reply

_PORT = 9080
_PATIENCE = 3.0
"""Seconds that it waits for each of the others."""
_KEY = b"the sandbox's productpage"
_PRODUCTS = [{"id": 0, "title": "The Comedy of Errors", "descriptionHtml": "Two pairs of twins meet in one town."}]
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
    asked: int = 0

    def answer(self, call: Call, now: float, ask: Ask) -> Reply:
        """All its paths; the page itself is always 200, whatever the others say."""
        now += self._work(6)
        match call.path.rstrip("/") or "/":
            case "/productpage":
                return self._page(call, now, ask)
            case "/login" if call.method == "POST":
                return _redirect(now, call, _signed({"user": call.form.get("username", "")}))
            case "/logout":
                return _redirect(now, call, "")
            case "/health":
                return Reply(now, 200, b"Product page is healthy", dict(_HTML))
            case "/" | "/index.html":
                return Reply(now, 200, index_page().encode(), dict(_HTML))
            case "/metrics":
                text = f"# TYPE request_result_total counter\nrequest_result_total {self.asked}\n"
                return Reply(now, 200, text.encode(), {"content-type": "text/plain; version=0.0.4"})
        return self._other(call, now, ask)

    def _work(self, milliseconds: float) -> float:
        return milliseconds / 1000 * self.chance.lognormvariate(0, 0.35)

    def _other(self, call: Call, now: float, ask: Ask) -> Reply:
        parts = call.path.strip("/").split("/")
        if parts[:3] == ["api", "v1", "products"]:
            return self._api(call, parts[3:], now, ask)
        if parts[0] == "static" and len(parts) > 1:
            return Reply(now, 200, b"", {"content-type": "text/css; charset=utf-8"})
        status = 405 if parts == ["login"] else 404
        return Reply(now, status, not_found_page(status).encode(), dict(_HTML))

    def _api(self, call: Call, rest: list[str], now: float, ask: Ask) -> Reply:
        if not rest:
            return _as_json(now, 200, _PRODUCTS)
        if not rest[0].isdigit() or len(rest) > 2:
            return Reply(now, 404, not_found_page(404).encode(), dict(_HTML))
        headers, number = forwarded(call), rest[0]
        match rest[1:]:
            case []:
                reply, body = self._details(number, headers, now, ask)
            case ["reviews"]:
                reply, body = self._reviews(number, headers, now, ask)
            case ["ratings"]:
                reply, body = self._fetch("ratings", number, headers, now, ask)
            case _:
                return Reply(now, 404, not_found_page(404).encode(), dict(_HTML))
        return _as_json(reply.end + self._work(2), reply.status or 500, body)

    def _page(self, call: Call, now: float, ask: Ask) -> Reply:
        headers = forwarded(call)
        got_details, details = self._details("0", headers, now, ask)
        got_reviews, reviews = self._reviews("0", headers, got_details.end, ask)
        page = product_page(
            user=user_of(call),
            details=(got_details.ok, details),
            reviews=(got_reviews.ok, reviews),
        )
        return Reply(got_reviews.end + self._work(8), 200, page.encode(), dict(_HTML))

    def _details(self, number: str, headers: dict[str, str], now: float, ask: Ask) -> tuple[Reply, Any]:
        return self._fetch("details", number, headers, now, ask)

    def _reviews(self, number: str, headers: dict[str, str], now: float, ask: Ask) -> tuple[Reply, Any]:
        """Asks twice when the first answer is not 200."""
        reply, body = self._fetch("reviews", number, headers, now, ask)
        return (reply, body) if reply.ok else self._fetch("reviews", number, headers, reply.end, ask)

    def _fetch(self, app: str, number: str, headers: dict[str, str], now: float, ask: Ask) -> tuple[Reply, Any]:
        self.asked += 1
        reply = ask(Call(app, _PORT, f"/{app}/{number}", headers=headers), now, _PATIENCE)
        if not reply.ok:
            return reply, {"error": _SORRY.format(app)}
        return reply, json.loads(reply.body)


def forwarded(call: Call) -> dict[str, str]:
    """The headers that go on to the other applications."""
    headers = {name: call.headers[name] for name in _PASSED_ON if name in call.headers}
    user = user_of(call)
    return {**headers, "end-user": user} if user else headers


def user_of(call: Call) -> str:
    """Who is logged in, by the session cookie; "" for nobody."""
    for pair in call.headers.get("cookie", "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == "session":
            return _opened(value)
    return ""


def _signature(payload: str) -> str:
    return base64.urlsafe_b64encode(hmac.new(_KEY, payload.encode(), hashlib.sha256).digest()).decode().rstrip("=")


def _signed(session: dict[str, str]) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(session, separators=(",", ":")).encode()).decode().rstrip("=")
    return f"{payload}.{_signature(payload)}"


def _opened(cookie: str) -> str:
    payload, _, signature = cookie.strip('"').partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(payload).encode()):
        return ""
    return str(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))).get("user", ""))


def _redirect(now: float, call: Call, session: str) -> Reply:
    """Back to where the client says that it comes from; without a Referer that is a page called `None`."""
    gone = "session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; HttpOnly; Path=/"
    cookie = f"session={session}; HttpOnly; Path=/" if session else gone
    headers = {"location": call.headers.get("referer") or "None", "set-cookie": cookie, "vary": "Cookie"}
    return Reply(now, 302, b"", {**_HTML, **headers})


def _as_json(end: float, status: int, body: object) -> Reply:
    return Reply(end, status, json.dumps(body).encode(), {"content-type": "application/json"})
