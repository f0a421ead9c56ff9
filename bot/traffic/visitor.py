"""One visitor of the application: the Service through which the page is reached, the
login, and requests for the page.
"""

from __future__ import annotations

from typing import NamedTuple

from bot.errors import Unavailable
from bot.kinds import GATEWAY, SERVICE, Object
from bot.knowledge.bookinfo.login import PAGE, build_login_request, read_session_cookie
from bot.ports import Cluster, HttpRequest, HttpResponse, Web
from bot.text import Text

MOST_PAGE = 1_000_000
"""Bytes of a page that are read; Bookinfo's has ten thousand, and 32 may be under way at once."""
GATEWAY_NAME = "bookinfo-gateway"
"""The Gateway of the workshop; Istio calls its Service by name and class."""


class EntryPoint(NamedTuple):
    """A Service and port that serve the page."""

    service: str
    port: int


THROUGH_GATEWAY = EntryPoint(f"{GATEWAY_NAME}-istio", 80)
DIRECT = EntryPoint("productpage", 9080)


async def find_entry_point(cluster: Cluster, namespace: str) -> EntryPoint:
    """Return the gateway's Service when it serves, otherwise productpage itself. Raises
    `bot.errors.ClusterError`.
    """
    gateway = await cluster.get(GATEWAY, GATEWAY_NAME, namespace)
    if gateway is None or not is_serving(gateway):
        return DIRECT
    return (
        THROUGH_GATEWAY
        if await cluster.get(SERVICE, THROUGH_GATEWAY.service, namespace)
        else DIRECT
    )


def is_serving(gateway: Object) -> bool:
    """Tell whether a gateway is programmed, or lacks nothing but a load balancer's address,
    which requests from inside do not need.
    """
    conditions = (gateway.get("status") or {}).get("conditions") or []
    found: Object = next((c for c in conditions if c.get("type") == "Programmed"), {})
    return found.get("status") == "True" or "address pending" in str(found.get("message", ""))


class Visitor:
    """Someone who asks for the page, as nobody ("") or logged in. The page knows its user only by
    session cookie."""

    def __init__(self, web: Web, namespace: str, user: str = "") -> None:
        self._web, self._namespace, self._user = web, namespace, user
        self._cookie = ""

    async def log_in(self, entry_point: EntryPoint) -> None:
        """Log in where that is wanted and not done yet; raise ClusterError when it cannot be
        done.
        """
        if self._user and not self._cookie:
            self._cookie = await self._fetch_session_cookie(entry_point)

    async def fetch_page(self, entry_point: EntryPoint) -> HttpResponse:
        """Return the answer to one request for the page. Raises ClusterError when nothing
        answers.
        """
        headers = {"Cookie": self._cookie} if self._cookie else {}
        return await self._web.ask(
            HttpRequest(
                self._namespace,
                entry_point.service,
                entry_point.port,
                PAGE,
                headers=headers,
                most=MOST_PAGE,
            )
        )

    async def _fetch_session_cookie(self, entry_point: EntryPoint) -> str:
        """Log in and return the session cookie."""
        ask = build_login_request(
            self._namespace, entry_point.service, entry_point.port, user=self._user
        )
        answer = await self._web.ask(ask)
        cookie = read_session_cookie(answer)
        if not cookie:
            raise Unavailable(
                Text(
                    "{service} did not log {user} in (it answered {status})",
                    service=entry_point.service,
                    user=self._user,
                    status=answer.status,
                )
            )
        return cookie
