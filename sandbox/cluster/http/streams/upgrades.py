"""How a request becomes a connection: the upgrade to SPDY, and SPDY inside a WebSocket.

kubectl asks for WebSocket first (since 1.30 for exec, 1.31 for port-forward) and for SPDY when that
is refused; older ones ask for SPDY at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from aiohttp import WSMsgType, web

from sandbox.cluster.api_refusals import bad_request_error
from sandbox.cluster.http.streams.spdy import SpdyConnection, SpdyStream

SPDY = "SPDY/3.1"
TUNNEL = "SPDY/3.1+portforward.k8s.io"
"""The WebSocket subprotocol that carries SPDY in binary messages."""


def list_asked_protocols(request: web.Request, header: str) -> list[str]:
    """Return the protocols that a header names, which may stand there several times."""
    return [
        name.strip() for value in request.headers.getall(header, ()) for name in value.split(",")
    ]


def is_websocket(request: web.Request) -> bool:
    """Tell whether a request asks for a WebSocket."""
    return request.headers.get("Upgrade", "").lower() == "websocket"


def check_spdy_upgrade(request: web.Request) -> None:
    """Raise ApiError(400) in the API server's words when a request asks for no upgrade."""
    if request.headers.get("Upgrade", "").lower() != SPDY.lower():
        raise bad_request_error("Upgrade request required")


class _SpdyProtocol(asyncio.Protocol):
    """Reads the connection after the upgrade, in the place of aiohttp's HTTP parser."""

    def __init__(self, received: asyncio.Queue[bytes]) -> None:
        self._received = received
        self._writable = asyncio.Event()
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._received.put_nowait(data)

    def eof_received(self) -> bool:
        self._received.put_nowait(b"")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._received.put_nowait(b"")
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    async def drain(self) -> None:
        """Wait until the client has taken what was sent."""
        await self._writable.wait()


async def serve_spdy(
    request: web.Request, headers: Mapping[str, str], opened: Callable[[SpdyStream], None]
) -> None:
    """Upgrade a request's connection to SPDY and serve it until the client closes it or the task is
    cancelled; `headers` go into the answer.
    """
    transport = request.transport
    if not isinstance(transport, asyncio.Transport):
        return
    received: asyncio.Queue[bytes] = asyncio.Queue()
    protocol, before = _SpdyProtocol(received), transport.get_protocol()
    # aiohttp would read the frames as HTTP requests: the connection is SPDY's from here on.
    transport.set_protocol(protocol)
    lines = ["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", f"Upgrade: {SPDY}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    transport.write("\r\n".join([*lines, "", ""]).encode())

    async def send(data: bytes) -> None:
        if not transport.is_closing():
            transport.write(data)
            await protocol.drain()

    connection = SpdyConnection(send, opened)
    try:
        while data := await received.get():
            await connection.receive(data)
    finally:
        connection.close()
        transport.close()
        before.connection_lost(None)


async def serve_tunnel(
    request: web.Request, opened: Callable[[SpdyStream], None]
) -> web.WebSocketResponse:
    """Serve SPDY inside a WebSocket until the client closes it."""
    socket = web.WebSocketResponse(protocols=(TUNNEL,), heartbeat=None)
    await socket.prepare(request)

    async def send(data: bytes) -> None:
        if not socket.closed:
            await socket.send_bytes(data)

    connection = SpdyConnection(send, opened)
    try:
        async for message in socket:
            if message.type == WSMsgType.BINARY:
                await connection.receive(message.data)
    finally:
        connection.close()
        await socket.close()
    return socket
