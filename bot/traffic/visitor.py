"""One person at the application: through which door they come in, how they log in, and their requests for the page."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlencode

from bot.errors import Unavailable
from bot.kinds import GATEWAY, SERVICE, Object
from bot.ports import Answer, Ask, Cluster, Web

PAGE = "/productpage"
GATEWAY_NAME = "bookinfo-gateway"
"""The Gateway of the workshop; Istio calls its Service by name and class."""


class Door(NamedTuple):
    """A Service that serves the page."""

    service: str
    port: int


THROUGH_GATEWAY = Door(f"{GATEWAY_NAME}-istio", 80)
DIRECT = Door("productpage", 9080)


async def door(cluster: Cluster, namespace: str) -> Door:
    """The gateway when it serves, otherwise productpage itself. Raises `bot.errors.ClusterError`."""
    gateway = await cluster.get(GATEWAY, GATEWAY_NAME, namespace)
    if gateway is None or not serves(gateway):
        return DIRECT
    return THROUGH_GATEWAY if await cluster.get(SERVICE, THROUGH_GATEWAY.service, namespace) else DIRECT


def serves(gateway: Object) -> bool:
    """Programmed, or lacking nothing but a load balancer's address, which requests from inside do not need."""
    conditions = (gateway.get("status") or {}).get("conditions") or []
    found: Object = next((c for c in conditions if c.get("type") == "Programmed"), {})
    return found.get("status") == "True" or "address pending" in str(found.get("message", ""))


class Visitor:
    """Someone who asks for the page, as nobody ("") or logged in. The page knows its user only by session cookie."""

    def __init__(self, web: Web, namespace: str, user: str = "") -> None:
        self._web, self._namespace, self._user = web, namespace, user
        self._cookie = ""

    async def enter(self, door: Door) -> None:
        """Logs in where that is wanted and not done yet; raises ClusterError when it cannot be done."""
        if self._user and not self._cookie:
            self._cookie = await self._login(door)

    async def look(self, door: Door) -> Answer:
        """One request for the page. Raises ClusterError when nothing answers."""
        headers = {"Cookie": self._cookie} if self._cookie else {}
        return await self._web.ask(Ask(self._namespace, door.service, door.port, PAGE, headers=headers))

    async def _login(self, door: Door) -> str:
        """The session cookie. Bookinfo takes any password and sends back to the Referer, which is not followed."""
        form = urlencode({"username": self._user, "passwd": self._user})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Referer": f"http://{door.service}{PAGE}"}
        ask = Ask(
            self._namespace, door.service, door.port, "/login", method="POST", headers=headers, body=form.encode()
        )
        answer = await self._web.ask(ask)
        cookie = session(answer)
        if answer.status != 302 or not cookie:
            raise Unavailable(f"{door.service} did not log {self._user} in (it answered {answer.status})")
        return cookie


def session(answer: Answer) -> str:
    """`session=…` from the cookies that an answer sets, or ""."""
    pairs = [line.partition(";")[0].strip() for line in answer.headers.get("set-cookie", "").splitlines()]
    return next((pair for pair in pairs if pair.startswith("session=") and len(pair) > len("session=")), "")
