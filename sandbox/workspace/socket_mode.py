"""Socket Mode: single-use tickets, hello, envelopes to one of ten connections, acknowledgements
over any of them."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

from aiohttp import WSMsgType, web

from sandbox.workspace.connections import Connection, ConnectionPool, build_disconnect
from sandbox.workspace.core import Core
from sandbox.workspace.delivery import NOBODY, TOO_LATE, Delivery, DeliveryResult

Json = dict[str, Any]
LIFETIME = 18_060
"""Seconds that a connection lives by its hello."""


class SocketModeServer:
    """The Socket Mode server; also the transport that delivers over it."""

    def __init__(self, core: Core, connections: ConnectionPool) -> None:
        self._core, self._connections = core, connections
        self._pending: dict[str, asyncio.Future[Json | None]] = {}

    async def handle_connection(self, request: web.Request) -> web.StreamResponse:
        """Serve one WebSocket connection for as long as it lasts."""
        if self._core.faults.no_sockets:
            return web.Response(status=503, text="no connections just now")
        if not self._core.tickets.pop(request.query.get("ticket", ""), False):
            return web.Response(status=404, text="ticket unknown or already used")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        connection = Connection(socket, request)
        if self._connections.is_full:
            await connection.send_frame(build_disconnect("too_many_websockets"))
            await socket.close()
            return socket
        self._connections.add(connection)
        try:
            await connection.send_frame(self._build_hello())
            await self._connections.notify_listeners()
            await self._read_frames(connection)
        finally:
            self._connections.remove(connection)
            await self._connections.notify_listeners()
        return socket

    async def carry(self, delivery: Delivery) -> DeliveryResult:
        """Deliver over one connection and wait for the acknowledgement on any."""
        envelope = _build_envelope(delivery)
        connection = self._connections.choose_connection()
        if connection is None:
            return DeliveryResult(envelope["envelope_id"], error=NOBODY, reason="timeout")
        answer = self._register_pending(envelope)
        try:
            await self._send_envelope(connection, envelope)
            # The copy has an envelope_id of its own: a bot can know it only by its payload.
            if self._core.faults.consume_duplicate():
                await self._send_envelope(
                    self._connections.choose_connection() or connection, _build_envelope(delivery)
                )
            async with asyncio.timeout(self._core.patience):
                payload = await answer
        except TimeoutError:
            return DeliveryResult(envelope["envelope_id"], error=TOO_LATE, reason="timeout")
        finally:
            self._pending.pop(envelope["envelope_id"], None)
        return DeliveryResult(envelope["envelope_id"], payload if delivery.reply else None)

    async def _read_frames(self, connection: Connection) -> None:
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
        # Late at Slack, not read late: a reader that waited would hold up the pings as well.
        if self._core.faults.ack_delay:
            asyncio.get_running_loop().call_later(
                self._core.faults.ack_delay, self._acknowledge_envelope, frame
            )
        else:
            self._acknowledge_envelope(frame)

    def _acknowledge_envelope(self, frame: Json) -> None:
        # Whichever connection it came over: Slack takes the acknowledgement of an envelope on any.
        answer = self._pending.get(frame.get("envelope_id", ""))
        if answer is not None and not answer.done():
            answer.set_result(frame.get("payload"))

    def _register_pending(self, envelope: Json) -> asyncio.Future[Json | None]:
        answer: asyncio.Future[Json | None] = asyncio.get_running_loop().create_future()
        self._pending[envelope["envelope_id"]] = answer
        return answer

    async def _send_envelope(self, connection: Connection, envelope: Json) -> None:
        try:
            await connection.send_frame(envelope)
        except (ConnectionError, RuntimeError):
            # The connection went away under the frame: Slack finds out when the acknowledgement
            # does not come.
            connection.leaving = True

    def _build_hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": self._connections.count,
            "debug_info": {
                "host": "sandbox",
                "build_number": 1,
                "approximate_connection_time": LIFETIME,
            },
            "connection_info": {"app_id": self._core.state.app_id},
        }


def _build_envelope(delivery: Delivery) -> Json:
    envelope: Json = {
        "envelope_id": str(uuid.uuid4()),
        "type": delivery.kind,
        "payload": delivery.payload,
        "accepts_response_payload": delivery.reply,
    }
    if delivery.kind == "events_api":
        envelope |= {"retry_attempt": delivery.retry, "retry_reason": delivery.retry_reason}
    return envelope
