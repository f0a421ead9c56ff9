"""The API server's port, which takes TLS and plain HTTP.

kubectl sends a token by TLS alone, and everything else that knows the token is spared it.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress

from aiohttp import web

from sandbox.tasks import Tasks

HANDSHAKE = 0x16
"""The first byte of a TLS connection (RFC 8446, 5.1); no method of HTTP begins with it."""

FIRST_BYTE_SECONDS = 10.0


class Listener:
    """Accepts connections for a server, those that begin with a handshake by TLS."""

    def __init__(self, server: web.Server, context: ssl.SSLContext) -> None:
        self._server, self._context = server, context
        self._tasks = Tasks()
        self._socket: socket.socket | None = None
        self._open: set[asyncio.BaseTransport] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port; raise OSError when the address cannot be had."""
        self._socket = socket.create_server((host, port), backlog=128)
        self._socket.setblocking(False)
        self._tasks.spawn(self._accept(self._socket), "API server: accept")
        return int(self._socket.getsockname()[1])

    async def stop(self) -> None:
        """Stop listening, and cut all connections."""
        await self._tasks.close()
        if self._socket is not None:
            self._socket.close()
        for transport in self._open:
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()
        self._open.clear()
        # Transports close their sockets in the next round of the loop.
        await asyncio.sleep(0)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(listening)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            self._tasks.spawn(self._connect(accepted), "API server: connect")

    async def _connect(self, accepted: socket.socket) -> None:
        """Hand a connection to the server, once its first byte says what it speaks."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(FIRST_BYTE_SECONDS):
                first = await _peek(accepted)
            context = self._context if first and first[0] == HANDSHAKE else None
            transport, _ = await loop.connect_accepted_socket(self._server, accepted, ssl=context)
        except BaseException as problem:
            accepted.close()
            # Who does not finish a handshake, or trusts another certificate, is gone.
            if not isinstance(problem, OSError):
                raise
            return
        self._open = {each for each in self._open if not each.is_closing()} | {transport}


async def _peek(accepted: socket.socket) -> bytes:
    """Return the first byte, and leave it to be read."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(accepted, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(accepted)
    with suppress(BlockingIOError):
        return accepted.recv(1, socket.MSG_PEEK)
    return b""
