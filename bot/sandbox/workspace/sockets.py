"""Socket Mode: single-use tickets, hello, envelopes to one of ten connections, acknowledgements over any of them."""

from __future__ import annotations

import asyncio
import itertools
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import WSMsgType, web

from bot.sandbox.workspace.core import Core
from bot.sandbox.workspace.delivery import NOBODY, TOO_LATE, Outcome, Parcel

Json = dict[str, Any]
CONNECTIONS = 10
"""Connections that one app may hold (Slack limit)."""

LIFETIME, CLOSE_AFTER = 18_060, 10.0
"""Seconds that a connection lives by its hello, and wall seconds from a disconnect frame to the close."""

Loss = Literal["close", "abort", "half_open"]


@dataclass(eq=False)
class _Connection:
    socket: web.WebSocketResponse
    request: web.Request
    leaving: bool = False
    frozen: asyncio.Event = field(default_factory=asyncio.Event)
    silent: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def usable(self) -> bool:
        return not self.leaving and not self.socket.closed

    @property
    def gone(self) -> bool:
        transport = self.request.transport
        return transport is None or transport.is_closing()

    async def send(self, frame: Json) -> None:
        if not self.frozen.is_set() and not self.socket.closed and not self.gone:
            await self.socket.send_str(json.dumps(frame))


class Sockets:
    """The Socket Mode server; also the courier that carries parcels over it."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._connections: list[_Connection] = []
        self._pending: dict[str, asyncio.Future[Json | None]] = {}
        self._turn = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()
        self.listeners: list[Callable[[], None]] = []
        """Called whenever a connection has come or gone."""

    @property
    def open_connections(self) -> int:
        """Connections that can be delivered to."""
        return sum(1 for connection in self._connections if connection.usable)

    async def wait_connected(self, count: int = 1) -> None:
        """Returns once this many connections are open."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.open_connections >= count)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One WebSocket connection, for as long as it lasts."""
        if self._core.hurt.no_sockets:
            return web.Response(status=503, text="no connections just now")
        if not self._core.tickets.pop(request.query.get("ticket", ""), False):
            return web.Response(status=404, text="ticket unknown or already used")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        connection = _Connection(socket, request)
        if self.open_connections >= CONNECTIONS:
            await connection.send(self._disconnect("too_many_websockets"))
            await socket.close()
            return socket
        self._connections.append(connection)
        try:
            await connection.send(self._hello())
            await self._announce()
            await self._read(connection)
        finally:
            self._connections.remove(connection)
            await self._announce()
        return socket

    async def carry(self, parcel: Parcel) -> Outcome:
        """Delivers over one connection and waits for the acknowledgement on any."""
        envelope = self._envelope(parcel)
        connection = self._choose()
        if connection is None:
            return Outcome(envelope["envelope_id"], error=NOBODY, reason="timeout")
        answer = self._expect(envelope)
        try:
            await self._send(connection, envelope)
            if self._core.hurt.duplicated():
                await self._send(self._choose() or connection, self._envelope(parcel))
            async with asyncio.timeout(self._core.patience):
                payload = await answer
        except TimeoutError:
            return Outcome(envelope["envelope_id"], error=TOO_LATE, reason="timeout")
        finally:
            self._pending.pop(envelope["envelope_id"], None)
        return Outcome(envelope["envelope_id"], payload if parcel.reply else None)

    async def refresh(self, reason: str = "refresh_requested") -> None:
        """Tells every connection to reconnect; each is closed some seconds later if it has not gone by itself."""
        for connection in list(self._connections):
            await connection.send(self._disconnect(reason))
            connection.leaving = True
            self._spawn(self._close_later(connection))

    async def drop(self, how: Loss = "close") -> None:
        """Loses every connection: by a close frame, by a TCP abort, or by falling silent with the connection open."""
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

    async def stop(self) -> None:
        """Closes everything."""
        for task in list(self._tasks):
            task.cancel()
        for connection in list(self._connections):
            if connection.frozen.is_set() and connection.request.transport is not None:
                connection.request.transport.abort()
            else:
                await connection.socket.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _announce(self) -> None:
        async with self._changed:
            self._changed.notify_all()
        for listener in self.listeners:
            listener()

    async def _read(self, connection: _Connection) -> None:
        """Reads frames, which also answers pings with their own payload, until the end or until it falls silent."""
        frozen = asyncio.create_task(connection.frozen.wait())
        try:
            while not connection.frozen.is_set():
                message = asyncio.create_task(connection.socket.receive())
                await asyncio.wait({message, frozen}, return_when=asyncio.FIRST_COMPLETED)
                if not message.done():
                    message.cancel()
                    await asyncio.gather(message, return_exceptions=True)
                    break
                if message.result().type is not WSMsgType.TEXT:
                    return
                self._receive(message.result().data)
            connection.silent.set()
            while not connection.gone:  # noqa: ASYNC110 - aiohttp has no event for a lost transport
                await asyncio.sleep(0.05)
        finally:
            connection.silent.set()
            frozen.cancel()

    def _receive(self, text: str) -> None:
        frame = json.loads(text)
        if self._core.hurt.ack_delay:
            asyncio.get_running_loop().call_later(self._core.hurt.ack_delay, self._acknowledge, frame)
        else:
            self._acknowledge(frame)

    def _acknowledge(self, frame: Json) -> None:
        answer = self._pending.get(frame.get("envelope_id", ""))
        if answer is not None and not answer.done():
            answer.set_result(frame.get("payload"))

    def _expect(self, envelope: Json) -> asyncio.Future[Json | None]:
        answer: asyncio.Future[Json | None] = asyncio.get_running_loop().create_future()
        self._pending[envelope["envelope_id"]] = answer
        return answer

    def _choose(self) -> _Connection | None:
        usable = [connection for connection in self._connections if connection.usable]
        return usable[next(self._turn) % len(usable)] if usable else None

    async def _send(self, connection: _Connection, envelope: Json) -> None:
        try:
            await connection.send(envelope)
        except (ConnectionError, RuntimeError):
            # The connection went away under the frame: Slack finds out when the acknowledgement does not come.
            connection.leaving = True

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _close_later(self, connection: _Connection) -> None:
        await asyncio.sleep(CLOSE_AFTER)
        await connection.socket.close()

    def _envelope(self, parcel: Parcel) -> Json:
        envelope: Json = {
            "envelope_id": str(uuid.uuid4()),
            "type": parcel.kind,
            "payload": parcel.payload,
            "accepts_response_payload": parcel.reply,
        }
        if parcel.kind == "events_api":
            envelope |= {"retry_attempt": parcel.retry, "retry_reason": parcel.retry_reason}
        return envelope

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": self.open_connections,
            "debug_info": {"host": "sandbox", "build_number": 1, "approximate_connection_time": LIFETIME},
            "connection_info": {"app_id": self._core.state.app_id},
        }

    def _disconnect(self, reason: str) -> Json:
        return {"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}}
