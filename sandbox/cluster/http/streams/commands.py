"""`kubectl exec`: a command's streams, as channels of a WebSocket or as streams of SPDY.

Channels and protocol versions are those of Kubernetes' remote command protocol, v4 and v5.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

from sandbox.cluster.api_refusals import bad_request_error, build_error_status, internal_error
from sandbox.cluster.contract import ApiError, CommandStreams, Object
from sandbox.cluster.http.streams.spdy import SpdyStream
from sandbox.cluster.http.streams.upgrades import is_websocket, list_asked_protocols, serve_spdy

_STDIN, _STDOUT, _STDERR, _ERROR, _CLOSE = 0, 1, 2, 3, 255
PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
"""WebSocket and SPDY name them alike, the newest first."""
_VERSION_HEADER = "X-Stream-Protocol-Version"

Execute = Callable[[CommandStreams], Coroutine[Any, Any, int]]
"""Carries the command out on its streams."""


@dataclass(frozen=True)
class AskedStreams:
    """The streams that a client wants, as its query says."""

    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> AskedStreams:
        """Read them; raise ApiError(400) when none is wanted."""
        asked = cls(*(query.get(n) in ("1", "true") for n in ("stdin", "stdout", "stderr", "tty")))
        if not (asked.stdin or asked.stdout or asked.stderr):
            raise bad_request_error("you must specify at least 1 of stdin, stdout, stderr")
        return asked

    @property
    def names(self) -> frozenset[str]:
        """The streams that a client opens over SPDY."""
        wanted = {"error": True, "stdin": self.stdin, "stdout": self.stdout}
        wanted |= {"stderr": self.stderr and not self.tty, "resize": self.tty}
        return frozenset(name for name, is_wanted in wanted.items() if is_wanted)


def describe_end(result: int | ApiError) -> Object:
    """Return the `Status` with which a command ends: Success, or with its exit code."""
    if isinstance(result, ApiError):
        return build_error_status(result)
    head: Object = {"metadata": {}}
    if result == 0:
        return {**head, "status": "Success"}
    message = f"command terminated with non-zero exit code: exit status {result}"
    causes = [{"reason": "ExitCode", "message": str(result)}]
    failure = {"status": "Failure", "reason": "NonZeroExitCode", "message": message}
    return {**head, **failure, "details": {"causes": causes}}


async def serve_command(
    request: web.Request, asked: AskedStreams, execute: Execute
) -> web.StreamResponse:
    """Serve one command over whichever connection the request asks for."""
    if is_websocket(request):
        return await _serve_over_websocket(request, asked, execute)
    wanted = list_asked_protocols(request, _VERSION_HEADER)
    protocol = next((each for each in PROTOCOLS if each in wanted), None)
    if protocol is None:
        raise bad_request_error(f"unable to upgrade: no protocol of {', '.join(PROTOCOLS)}")
    await _serve_over_spdy(request, asked, execute, protocol)
    return web.Response()


async def _run(execute: Execute, streams: CommandStreams) -> Object:
    try:
        return describe_end(await execute(streams))
    except ApiError as error:
        return describe_end(error)
    except Exception as error:  # noqa: BLE001 - a command's mistake ends the command alone
        return describe_end(internal_error(f"{type(error).__name__}: {error}"))


class _WebSocketStreams:
    """The streams of a command as channels: the first byte of each message names one."""

    def __init__(self, socket: web.WebSocketResponse, asked: AskedStreams) -> None:
        self._socket, self._asked = socket, asked
        self.terminal = asked.tty
        self.typed: asyncio.Queue[bytes] = asyncio.Queue()

    async def read_input(self) -> bytes:
        return await self.typed.get() if self._asked.stdin else b""

    async def write_output(self, data: bytes) -> None:
        await self.send(_STDOUT, data)

    async def write_error(self, data: bytes) -> None:
        await self.send(_STDOUT if self.terminal else _STDERR, data)

    async def send(self, channel: int, data: bytes) -> None:
        """Send a message on a channel; nothing where the client has gone."""
        if not self._socket.closed:
            await self._socket.send_bytes(bytes([channel]) + data)

    async def receive(self) -> None:
        """Take what the client sends, until it goes."""
        async for message in self._socket:
            data = message.data if message.type == WSMsgType.BINARY else b""
            if data[:1] == bytes([_STDIN]):
                self.typed.put_nowait(data[1:])
            elif data[:2] == bytes([_CLOSE, _STDIN]):
                self.typed.put_nowait(b"")


async def _serve_over_websocket(
    request: web.Request, asked: AskedStreams, execute: Execute
) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(protocols=PROTOCOLS)
    await socket.prepare(request)
    streams = _WebSocketStreams(socket, asked)
    running = asyncio.create_task(_run(execute, streams))
    hearing = asyncio.create_task(streams.receive())
    try:
        await asyncio.wait((running, hearing), return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await streams.send(_ERROR, json.dumps(running.result()).encode())
    finally:
        running.cancel()
        await socket.close()
        hearing.cancel()
    return socket


class _SpdyStreams:
    """The streams of a command, each a stream of SPDY that the client has opened."""

    def __init__(self, opened: Mapping[str, SpdyStream], *, terminal: bool) -> None:
        self._opened = opened
        self.terminal = terminal

    async def read_input(self) -> bytes:
        found = self._opened.get("stdin")
        return await found.reader.read(1 << 16) if found else b""

    async def write_output(self, data: bytes) -> None:
        if found := self._opened.get("stdout"):
            await found.write(data)

    async def write_error(self, data: bytes) -> None:
        if found := self._opened.get("stdout" if self.terminal else "stderr"):
            await found.write(data)


async def _serve_over_spdy(
    request: web.Request, asked: AskedStreams, execute: Execute, protocol: str
) -> None:
    opened: dict[str, SpdyStream] = {}
    complete = asyncio.Event()

    def accept(stream: SpdyStream) -> None:
        opened[stream.headers.get("streamtype", "")] = stream
        if asked.names <= set(opened):
            complete.set()

    async def carry_out() -> None:
        await complete.wait()
        status = await _run(execute, _SpdyStreams(opened, terminal=asked.tty))
        await opened["error"].write(json.dumps(status).encode())
        for name in ("stdout", "stderr", "error"):
            if name in opened:
                await opened[name].end()

    running = asyncio.create_task(carry_out())
    try:
        await serve_spdy(request, {_VERSION_HEADER: protocol}, accept)
    finally:
        running.cancel()
