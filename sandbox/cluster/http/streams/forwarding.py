"""`kubectl port-forward`: connections to a port of a pod, each in a pair of SPDY streams.

What a client sends there is read as HTTP, because that is all that the cluster's programs speak.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket

from aiohttp import web

from sandbox.cluster.contract import ApiError, Object, PodAccess, Request, Response
from sandbox.cluster.http.streams.spdy import SpdyStream
from sandbox.tasks import Tasks

PROTOCOL = "portforward.k8s.io"
_CHUNK = 1 << 16
_NOT_PASSED_ON = ("connection", "keep-alive", "content-length", "transfer-encoding")


class _Connection:
    """One forwarded connection: an HTTP server at the pod's port, on one end of a socket pair."""

    def __init__(self, access: PodAccess, pod: Object, port: int) -> None:
        self._access, self._pod, self._port = access, pod, port
        self.refused = False

    async def carry(self, data: SpdyStream) -> None:
        """Carry bytes between the stream and the server until either end closes."""
        ours, theirs = socket.socketpair()
        server = web.Server(self._answer, access_log=None)
        await asyncio.get_running_loop().connect_accepted_socket(server, theirs)
        reader, writer = await asyncio.open_connection(sock=ours)
        sending = asyncio.create_task(_copy_to_server(data, writer))
        try:
            while part := await reader.read(_CHUNK):
                await data.write(part)
        finally:
            sending.cancel()
            writer.close()
            await server.shutdown(timeout=0)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        passed = Request(
            request.method,
            request.path,
            request.query_string,
            dict(request.headers),
            await request.read(),
        )
        found = await self._call(passed)
        if found is None:
            # Programs refuse a request and not a connection: it is cut as one that was refused.
            self.refused = True
            if request.transport is not None:
                request.transport.close()
            return web.Response()
        headers = {k: v for k, v in found.headers.items() if k.lower() not in _NOT_PASSED_ON}
        return web.Response(status=found.status, body=found.body, headers=headers)

    async def _call(self, request: Request) -> Response | None:
        try:
            return await self._access.call_inside(self._pod, self._port, request)
        except ApiError:
            return None


async def _copy_to_server(data: SpdyStream, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while part := await data.reader.read(_CHUNK):
            writer.write(part)
            await writer.drain()
        writer.write_eof()


class PortForwarder:
    """All connections of one `kubectl port-forward`."""

    def __init__(self, access: PodAccess, pod: Object) -> None:
        self._access, self._pod = access, pod
        self._errors: dict[str, SpdyStream] = {}
        self._tasks = Tasks()

    def accept_stream(self, stream: SpdyStream) -> None:
        """Take a stream: an error stream first, then the data stream of the same request."""
        number = stream.headers.get("requestid", "")
        if stream.headers.get("streamtype") == "error":
            self._errors[number] = stream
        elif (errors := self._errors.pop(number, None)) is not None:
            self._tasks.spawn(self._carry(stream, errors), f"port-forward {number}")

    async def _carry(self, data: SpdyStream, errors: SpdyStream) -> None:
        port = int(data.headers.get("port", "0"))
        connection = _Connection(self._access, self._pod, port)
        await connection.carry(data)
        if connection.refused:
            where = f"localhost:{port} inside pod {self._pod['metadata']['name']}"
            text = f"failed to connect to {where}: dial tcp 127.0.0.1:{port}: connection refused"
            await errors.write(text.encode())
        await data.end()
        await errors.end()

    async def close(self) -> None:
        """Cut every connection."""
        await self._tasks.close()
