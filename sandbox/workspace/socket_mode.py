"""Socket Mode: single-use tickets, hello, envelopes to one of ten connections, acknowledgements
over any of them."""

from __future__ import annotations

import asyncio
import itertools
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import WSMsgType, web

from sandbox.tasks import Tasks
from sandbox.workspace.core import Core
from sandbox.workspace.delivery import NOBODY, TOO_LATE, Delivery, DeliveryResult

Json = dict[str, Any]
CONNECTIONS = 10
"""Connections that one app may hold (Slack limit)."""

LIFETIME, CLOSE_AFTER = 18_060, 10.0
"""Seconds that a connection lives by its hello, and wall seconds from a disconnect frame to the
close."""

Loss = Literal["close", "abort", "half_open"]


@dataclass(eq=False)
class _Connection:
    socket: web.WebSocketResponse
    request: web.Request
    leaving: bool = False
    frozen: asyncio.Event = field(default_factory=asyncio.Event)
    silent: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_usable(self) -> bool:
        return not self.leaving and not self.socket.closed

    @property
    def is_gone(self) -> bool:
        transport = self.request.transport
        return transport is None or transport.is_closing()

    async def send_frame(self, frame: Json) -> None:
        if not self.frozen.is_set() and not self.socket.closed and not self.is_gone:
            await self.socket.send_str(json.dumps(frame))


class SocketModeServer:
    """The Socket Mode server; also the transport that delivers over it."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._connections: list[_Connection] = []
        self._pending: dict[str, asyncio.Future[Json | None]] = {}
        self._turn = itertools.count()
        self._tasks = Tasks()
        self._changed = asyncio.Condition()
        self.listeners: list[Callable[[], None]] = []
        """Called whenever a connection has come or gone."""

    @property
    def open_connections(self) -> int:
        """The number of connections that can be delivered to."""
        return sum(1 for connection in self._connections if connection.is_usable)

    async def wait_for_connections(self, count: int = 1) -> None:
        """Wait until this many connections are open."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.open_connections >= count)

    async def handle_connection(self, request: web.Request) -> web.StreamResponse:
        """Serve one WebSocket connection for as long as it lasts."""
        if self._core.faults.no_sockets:
            return web.Response(status=503, text="no connections just now")
        if not self._core.tickets.pop(request.query.get("ticket", ""), False):
            return web.Response(status=404, text="ticket unknown or already used")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        connection = _Connection(socket, request)
        if self.open_connections >= CONNECTIONS:
            await connection.send_frame(self._build_disconnect("too_many_websockets"))
            await socket.close()
            return socket
        self._connections.append(connection)
        try:
            await connection.send_frame(self._build_hello())
            await self._notify_listeners()
            await self._read_frames(connection)
        finally:
            self._connections.remove(connection)
            await self._notify_listeners()
        return socket

    async def carry(self, delivery: Delivery) -> DeliveryResult:
        """Deliver over one connection and wait for the acknowledgement on any."""
        envelope = self._build_envelope(delivery)
        connection = self._choose_connection()
        if connection is None:
            return DeliveryResult(envelope["envelope_id"], error=NOBODY, reason="timeout")
        answer = self._register_pending(envelope)
        try:
            await self._send_envelope(connection, envelope)
            if self._core.faults.consume_duplicate():
                await self._send_envelope(
                    self._choose_connection() or connection, self._build_envelope(delivery)
                )
            async with asyncio.timeout(self._core.patience):
                payload = await answer
        except TimeoutError:
            return DeliveryResult(envelope["envelope_id"], error=TOO_LATE, reason="timeout")
        finally:
            self._pending.pop(envelope["envelope_id"], None)
        return DeliveryResult(envelope["envelope_id"], payload if delivery.reply else None)

    async def refresh_connections(self, reason: str = "refresh_requested") -> None:
        """Tell every connection to reconnect.

        Each is closed ten wall seconds later if it has not gone by itself.
        """
        for connection in list(self._connections):
            await connection.send_frame(self._build_disconnect(reason))
            connection.leaving = True
            self._tasks.spawn(self._close_connection_later(connection), "socket mode: close")

    async def drop_connections(self, how: Loss = "close") -> None:
        """Drop every connection: by a close frame, by a TCP abort, or by silence with the
        connection open.
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

    async def stop(self) -> None:
        """Close every connection and cancel pending work."""
        await self._tasks.close()
        for connection in list(self._connections):
            if connection.frozen.is_set() and connection.request.transport is not None:
                connection.request.transport.abort()
            else:
                await connection.socket.close()

    async def _notify_listeners(self) -> None:
        async with self._changed:
            self._changed.notify_all()
        for listener in self.listeners:
            listener()

    async def _read_frames(self, connection: _Connection) -> None:
        """Read frames until the connection ends or is to fall silent; reading also answers
        pings."""
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
                self._receive_frame(message.result().data)
            connection.silent.set()
            # Aiohttp has no event for a lost transport.
            while not connection.is_gone:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        finally:
            connection.silent.set()
            frozen.cancel()

    def _receive_frame(self, text: str) -> None:
        frame = json.loads(text)
        if self._core.faults.ack_delay:
            asyncio.get_running_loop().call_later(
                self._core.faults.ack_delay, self._acknowledge_envelope, frame
            )
        else:
            self._acknowledge_envelope(frame)

    def _acknowledge_envelope(self, frame: Json) -> None:
        answer = self._pending.get(frame.get("envelope_id", ""))
        if answer is not None and not answer.done():
            answer.set_result(frame.get("payload"))

    def _register_pending(self, envelope: Json) -> asyncio.Future[Json | None]:
        answer: asyncio.Future[Json | None] = asyncio.get_running_loop().create_future()
        self._pending[envelope["envelope_id"]] = answer
        return answer

    def _choose_connection(self) -> _Connection | None:
        usable = [connection for connection in self._connections if connection.is_usable]
        return usable[next(self._turn) % len(usable)] if usable else None

    async def _send_envelope(self, connection: _Connection, envelope: Json) -> None:
        try:
            await connection.send_frame(envelope)
        except (ConnectionError, RuntimeError):
            # The connection went away under the frame: Slack finds out when the acknowledgement
            # does not come.
            connection.leaving = True

    async def _close_connection_later(self, connection: _Connection) -> None:
        await asyncio.sleep(CLOSE_AFTER)
        await connection.socket.close()

    def _build_envelope(self, delivery: Delivery) -> Json:
        envelope: Json = {
            "envelope_id": str(uuid.uuid4()),
            "type": delivery.kind,
            "payload": delivery.payload,
            "accepts_response_payload": delivery.reply,
        }
        if delivery.kind == "events_api":
            envelope |= {"retry_attempt": delivery.retry, "retry_reason": delivery.retry_reason}
        return envelope

    def _build_hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": self.open_connections,
            "debug_info": {
                "host": "sandbox",
                "build_number": 1,
                "approximate_connection_time": LIFETIME,
            },
            "connection_info": {"app_id": self._core.state.app_id},
        }

    def _build_disconnect(self, reason: str) -> Json:
        return {"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}}
