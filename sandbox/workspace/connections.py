"""The Socket Mode connections that a bot holds: which can be delivered to, and how they end."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from sandbox.tasks import Tasks

Json = dict[str, Any]
CONNECTIONS = 10
"""Connections that one app may hold (Slack limit)."""

CLOSE_AFTER = 10.0
"""Wall seconds from a disconnect frame to the close."""

Loss = Literal["close", "abort", "half_open"]


@dataclass(eq=False)
class Connection:
    """One WebSocket. `leaving` ends deliveries to it; `frozen` asks it to fall silent, which it has
    done once `silent` is set."""

    socket: web.WebSocketResponse
    request: web.Request
    leaving: bool = False
    frozen: asyncio.Event = field(default_factory=asyncio.Event)
    silent: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_usable(self) -> bool:
        """Tell whether it can be delivered to."""
        # A half-open connection counts: neither side knows yet that the other is gone.
        return not self.leaving and not self.socket.closed

    @property
    def is_gone(self) -> bool:
        """Tell whether its transport is lost."""
        transport = self.request.transport
        return transport is None or transport.is_closing()

    async def send_frame(self, frame: Json) -> None:
        """Send one frame, unless the connection is silent or over."""
        if not self.frozen.is_set() and not self.socket.closed and not self.is_gone:
            await self.socket.send_str(json.dumps(frame))


class ConnectionPool:
    """The connections of one app. `listeners` are called whenever one has come or gone."""

    def __init__(self) -> None:
        self._connections: list[Connection] = []
        self._turn = itertools.count()
        self._tasks = Tasks()
        self._changed = asyncio.Condition()
        self.listeners: list[Callable[[], None]] = []

    @property
    def count(self) -> int:
        """The number of connections that can be delivered to."""
        return sum(1 for connection in self._connections if connection.is_usable)

    @property
    def is_full(self) -> bool:
        """Tell whether the app holds as many connections as Slack lets it."""
        return self.count >= CONNECTIONS

    async def wait_for_count(self, count: int = 1) -> None:
        """Wait until the bot holds this many connections."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.count >= count)

    def add(self, connection: Connection) -> None:
        """Take in a connection; it counts from now on, also in its own hello."""
        self._connections.append(connection)

    def remove(self, connection: Connection) -> None:
        """Forget a connection that is over."""
        self._connections.remove(connection)

    async def notify_listeners(self) -> None:
        """Tell those who wait, and the listeners, that a connection has come or gone."""
        async with self._changed:
            self._changed.notify_all()
        for listener in self.listeners:
            listener()

    def choose_connection(self) -> Connection | None:
        """Return the next connection to deliver over, or None when there is none.

        Slack spreads deliveries over all connections of an app; here they take turns.
        """
        usable = [connection for connection in self._connections if connection.is_usable]
        return usable[next(self._turn) % len(usable)] if usable else None

    async def refresh_all(self, reason: str = "refresh_requested") -> None:
        """Ask every connection to reconnect, as Slack does every few hours.

        Each is closed ten wall seconds later if it has not gone by itself.
        """
        for connection in list(self._connections):
            await connection.send_frame(build_disconnect(reason))
            connection.leaving = True
            self._tasks.spawn(_close_later(connection), "socket mode: close")

    async def drop_all(self, how: Loss = "close") -> None:
        """Drop every connection.

        `how` is "close" (a close frame), "abort" (TCP), or "half_open" (silence, with the
        connection open).
        """
        for connection in list(self._connections):
            if how == "half_open":
                connection.frozen.set()
                await connection.silent.wait()
            elif how == "abort" and connection.request.transport is not None:
                connection.leaving = True
                connection.request.transport.abort()
            else:
                connection.leaving = True
                await connection.socket.close()

    async def close_all(self) -> None:
        """Close every connection and cancel what is still to be closed."""
        await self._tasks.close()
        for connection in list(self._connections):
            # A silent connection stays silent: it ends without a close frame.
            if connection.frozen.is_set() and connection.request.transport is not None:
                connection.request.transport.abort()
            else:
                await connection.socket.close()


async def _close_later(connection: Connection) -> None:
    await asyncio.sleep(CLOSE_AFTER)
    await connection.socket.close()


def build_disconnect(reason: str) -> Json:
    """Build the frame that asks a bot to reconnect."""
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}}
