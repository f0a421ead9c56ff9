"""HTTP server for ports that anybody may reach: whoever connects can hold neither the bot nor its
file descriptors.

aiohttp limits headers and bodies. It has no limit on connections, and none on the time that a whole
request takes; out of file descriptors, asyncio's servers log up to a hundred tracebacks a second
(Python 3.11). So connections are accepted here, one at a time: beyond `ServerLimits.connections`
the one that has idled longest makes room, and each is cut after `ServerLimits.seconds`. Each
carries one request, so that none is cut in the very moment in which it is used again.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from aiohttp import web
from aiohttp.http import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

from bot.listening import EVERY, open_socket
from bot.metrics import Metric, counter

BACKLOG = 128
"""Connections that the kernel holds until they are accepted."""

FULL_SECONDS = 0.1
"""Seconds until accepting is tried again when there was no file descriptor for it."""

SWEEP_SECONDS = 1.0
"""Seconds between two looks for connections that have lasted too long."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServerLimits:
    """Limits of a server: connections at a time, seconds that one may last, headers, and bytes of
    one header and of a body.

    The connections leave most of 256 file descriptors (macOS' limit) to the rest of the bot.
    """

    connections: int = 64
    seconds: float = 10.0
    headers: int = 64
    header: int = 8190
    body: int = 512 * 1024


class ThrottledLog:
    """Log that strangers cannot fill: a line at once, then one in `interval` seconds, which says
    how many were left out."""

    def __init__(
        self,
        logger: logging.Logger,
        *,
        interval: float = 60.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logger, self._interval, self._now = logger, interval, now
        self._next, self._left_out = now(), 0

    def warning(self, words: str, *values: object) -> None:
        """Log a warning, or count it."""
        now = self._now()
        if now < self._next:
            self._left_out += 1
            return
        if self._left_out:
            words, values = f"{words} (%d such lines were left out)", (*values, self._left_out)
        self._next, self._left_out = now + self._interval, 0
        self._logger.warning(words, *values)


@dataclass(eq=False)
class Connection:
    """A connection; `answering` once its whole request has arrived. `until` is the loop's time."""

    socket: socket.socket
    transport: asyncio.WriteTransport
    until: float
    answering: bool = False

    @property
    def is_open(self) -> bool:
        """Tell whether it still has its file descriptor."""
        return self.socket.fileno() >= 0


class Connections:
    """The open connections of a server, oldest first. `cut` counts those that were ended."""

    def __init__(self, limits: ServerLimits) -> None:
        self._limits, self.cut = limits, 0
        self._open: dict[asyncio.BaseTransport | None, Connection] = {}

    def __len__(self) -> int:
        self._forget_closed()
        return len(self._open)

    def add(self, accepted: socket.socket, transport: asyncio.WriteTransport) -> None:
        """Add a connection that was accepted just now."""
        until = asyncio.get_running_loop().time() + self._limits.seconds
        self._open[transport] = Connection(accepted, transport, until)

    def mark_answering(self, request: web.BaseRequest) -> None:
        """Note that the whole request of a connection has arrived."""
        if (connection := self._open.get(request.transport)) is not None:
            connection.answering = True

    def make_room(self) -> bool:
        """Make room for one more, and tell whether one had to be cut for it."""
        full = len(self._open) >= self._limits.connections
        return full and len(self) >= self._limits.connections and self.cut_longest_idle()

    def cut_longest_idle(self) -> bool:
        """Cut the oldest connection, of those whose request has not come yet if there is one.

        Tell whether there was any.
        """
        oldest = min(self._open.values(), key=lambda one: one.answering, default=None)
        if oldest is not None:
            self._cut(oldest)
        return oldest is not None

    def cut_overdue(self) -> None:
        """Cut the connections whose time is over."""
        self._forget_closed()
        now = asyncio.get_running_loop().time()
        for connection in [one for one in self._open.values() if one.until <= now]:
            self._cut(connection)

    def cut_all(self) -> None:
        """Cut what is left when the server ends."""
        for connection in self._open.values():
            connection.transport.abort()
        self._open.clear()

    def _cut(self, connection: Connection) -> None:
        # `close` would wait until the other side has read what was written.
        connection.transport.abort()
        del self._open[connection.transport]
        self.cut += 1

    def _forget_closed(self) -> None:
        for transport in [each for each, one in self._open.items() if not one.is_open]:
            del self._open[transport]


class LimitedServer:
    """Serves routes within limits.

    Each body is read before its handler begins: 408, 413 or 400 answers one that does not come, is
    too large, or is malformed.
    """

    def __init__(self, routes: Iterable[web.AbstractRouteDef], limits: ServerLimits) -> None:
        self._limits, self.port = limits, 0
        self._connections = Connections(limits)
        self._tasks: list[asyncio.Task[None]] = []
        self._sockets: list[socket.socket] = []
        self._told = ThrottledLog(log)
        app = web.Application(client_max_size=limits.body, middlewares=[self._build_reader()])
        app.add_routes(routes)
        app.on_response_prepare.append(_end_connection)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_build_request_log(),
            lingering_time=0.5,
            shutdown_timeout=1.0,
            max_headers=limits.headers,
            max_field_size=limits.header,
            max_line_size=limits.header,
            # Slack compresses nothing, and a small body can be a huge one compressed.
            auto_decompress=False,
        )

    async def start(self, host: str, port: int) -> None:
        """Listen on this address, `port` 0 for a free one; raise OSError when it cannot be had."""
        await self._runner.setup()
        try:
            self._sockets = await _open_sockets(host, port)
        except BaseException:
            await self._runner.cleanup()
            raise
        self.port = int(self._sockets[0].getsockname()[1])
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._accept(one), name="accept") for one in self._sockets]
        self._tasks.append(loop.create_task(self._cut_overdue(), name="cut connections"))

    async def close(self) -> None:
        """Stop listening, let requests under way end for a second, and end all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for listening in self._sockets:
            listening.close()
        await self._runner.cleanup()
        self._connections.cut_all()

    def figures(self, name: str) -> Iterator[Metric]:
        """Yield the metrics of this server, called `name`."""
        label = (("port", name),)
        says = "Connections to the bot's own ports."
        yield Metric("connections", says, len(self._connections), labels=label)
        says = "Connections that were cut: too many at a time, or too slow."
        yield counter("connections_cut", says, self._connections.cut, port=name)

    async def _accept(self, listening: socket.socket) -> None:
        """Accept connections, one at a time."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(listening)
            except ConnectionAbortedError:
                continue
            except OSError as problem:
                # The file descriptors are used up, perhaps elsewhere in the bot.
                self._told.warning("no connection can be accepted: %s", problem.strerror)
                self._connections.cut_longest_idle()
                await asyncio.sleep(FULL_SECONDS)
                continue
            if self._connections.make_room():
                self._told.warning(
                    "more than %d connections at a time to port %d: the one that idled longest "
                    "was cut",
                    self._limits.connections,
                    self.port,
                )
            await self._connect(accepted)

    async def _connect(self, accepted: socket.socket) -> None:
        server = self._runner.server
        assert server is not None  # `start` made it
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.connect_accepted_socket(server, accepted)
        except BaseException as problem:
            accepted.close()
            if not isinstance(problem, OSError):
                raise
            return
        assert isinstance(transport, asyncio.WriteTransport)
        self._connections.add(accepted, transport)

    async def _cut_overdue(self) -> None:
        while True:
            await asyncio.sleep(min(SWEEP_SECONDS, self._limits.seconds))
            self._connections.cut_overdue()

    def _build_reader(self) -> Middleware:
        """Return what reads each body within the limits, and only then runs the handler."""

        @web.middleware
        async def read_body(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                # Sooner than the connection is cut, so that the answer can still be sent.
                async with asyncio.timeout(self._limits.seconds * 0.7):
                    await request.read()
            except TimeoutError:
                return web.json_response({"error": "the body did not come in time"}, status=408)
            except (web.RequestPayloadError, HttpProcessingError):
                return web.json_response({"error": "malformed body"}, status=400)
            self._connections.mark_answering(request)
            return await handler(request)

        return read_body


async def _end_connection(_request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Say in each answer that it is the last one on its connection."""
    response.force_close()
    response.headers["Connection"] = "close"


def _build_request_log() -> logging.Logger:
    """Return the log of what fails in requests, without those that are no HTTP."""
    found = logging.getLogger(f"{__name__}.requests")
    found.filters = [_is_own_fault]
    return found


def _is_own_fault(record: logging.LogRecord) -> bool:
    """Tell whether a line is not just of a stranger who speaks no HTTP."""
    problem = record.exc_info[1] if record.exc_info else None
    return not isinstance(problem, HttpProcessingError)


async def _open_sockets(host: str, port: int) -> list[socket.socket]:
    """Return sockets that listen on each address of the host, all on the same port."""
    if host == EVERY:
        every = open_socket(port, BACKLOG)
        every.setblocking(False)
        return [every]
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    opened: list[socket.socket] = []
    refused: OSError | None = None
    for family, *_, address in dict.fromkeys(found):
        chosen = port or (opened[0].getsockname()[1] if opened else 0)
        try:
            listening = socket.create_server(
                (address[0], chosen, *address[2:]), family=family, backlog=BACKLOG
            )
        except OSError as problem:
            refused = problem
            # A host without IPv6 may have addresses of that kind in its names all the same.
            if problem.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                continue
            break
        listening.setblocking(False)
        opened.append(listening)
    else:
        if opened:
            return opened
    for listening in opened:
        listening.close()
    raise refused or OSError(errno.EADDRNOTAVAIL, "no such address")
