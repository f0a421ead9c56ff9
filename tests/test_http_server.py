"""Ports that anybody may reach: neither connections nor bytes of strangers hold the bot up."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from bot.http_server import LimitedServer, ServerLimits, ThrottledLog
from tests.raw_http import build_post, exchange

LIMITS = ServerLimits(connections=8, seconds=5.0, headers=20, header=1000, body=1000)
GET = b"GET /well HTTP/1.1\r\nHost: bot\r\n\r\n"
LARGE = b"x" * 20_000_000


async def answer_well(_request: web.Request) -> web.Response:
    return web.Response(text="well")


async def answer_length(request: web.Request) -> web.Response:
    return web.Response(text=str(len(await request.read())))


async def answer_large(_request: web.Request) -> web.Response:
    return web.Response(body=LARGE)


@asynccontextmanager
async def serving(limits: ServerLimits = LIMITS) -> AsyncIterator[LimitedServer]:
    """A server with three routes."""
    routes = [
        web.get("/well", answer_well),
        web.get("/large", answer_large),
        web.post("/length", answer_length),
    ]
    server = LimitedServer(routes, limits)
    await server.start("127.0.0.1", 0)
    try:
        yield server
    finally:
        await server.close()


def read_figures(server: LimitedServer) -> list[float]:
    """Connections that are open, and how many were cut."""
    return [float(metric.value) for metric in server.figures("test")]  # type: ignore[arg-type]  # no histograms


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that nothing announces."""
    async with asyncio.timeout(40):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_idle_connections_make_room(caplog: pytest.LogCaptureFixture) -> None:
    """However many idle connections there are, the next request is answered, and the log has one
    line about them."""
    async with serving() as server:
        idle = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(100)]
        assert await exchange(server.port, GET) == (200, (await exchange(server.port, GET))[1])
        assert read_figures(server)[0] <= LIMITS.connections
        for _, writer in idle:
            writer.transport.abort()
    lines = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.name for record in lines] == ["bot.http_server"]
    assert "more than 8 connections at a time" in lines[0].getMessage()


PROGRAM = """
import asyncio, logging, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
logging.basicConfig()
from bot.health import HealthServer
async def main():
    servers = [HealthServer([], []) for _ in range(2)]
    for server in servers:
        await server.start("127.0.0.1", 0)
    print(*(server.port for server in servers), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, input)
    open("/dev/null").close()
asyncio.run(main())
"""


@pytest.mark.long
async def test_three_hundred_idle_connections_leave_256_descriptors_to_others() -> None:
    """A process of 256 file descriptors answers on each port, and writes two lines."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM),
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    ports = [int(word) for word in (await process.stdout.readline()).split()]
    idle = [await asyncio.open_connection("127.0.0.1", port) for port in ports for _ in range(300)]
    statuses = [(await exchange(port, GET.replace(b"/well", b"/healthz")))[0] for port in ports]
    _, errors = await process.communicate(b"\n")
    for _, writer in idle:
        writer.transport.abort()
    assert (statuses, process.returncode) == ([200, 200], 0)
    assert len(errors.splitlines()) == 2, errors.decode()


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET /we", b"GET /well HTTP/1.1\r\nHost: bot\r\nX-A: b\r\n"],
    ids=["nothing", "half a line", "headers without end"],
)
async def test_a_request_that_does_not_end_is_cut(sent: bytes) -> None:
    """Also one whose bytes keep coming, one by one."""
    async with serving(replace(LIMITS, seconds=0.2)) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(sent)

        async def dribble() -> None:
            while True:
                writer.write(b"x" if sent else b"")
                await asyncio.sleep(0.02)

        dribbling = asyncio.create_task(dribble())
        try:
            async with asyncio.timeout(40):
                assert await reader.read() == b""
        except ConnectionError:
            pass
        dribbling.cancel()
        writer.transport.abort()


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ([("Content-Length", b"100")], b"short", 408),
        ([("Transfer-Encoding", b"chunked")], b"3\r\nabc\r\n", 408),
        ([("Transfer-Encoding", b"chunked")], b"3\r\nabc\r\n0\r\n\r\n", 200),
        ([("Transfer-Encoding", b"chunked")], b"zz\r\nabc\r\n", 400),
        ([("Transfer-Encoding", b"chunked")], b"ffffffffffffffffffff\r\nabc\r\n", 400),
        ([("Transfer-Encoding", b"chunked")], b"5dc\r\n" + b"x" * 1500 + b"\r\n", 413),
        ([("Content-Length", b"1500")], b"x" * 1500, 413),
        ([("Content-Length", b"-1")], b"", 400),
        ([("Content-Length", b"5"), ("Content-Length", b"6")], b"abcdef", 400),
        ([("Content-Length", b"5"), ("Transfer-Encoding", b"chunked")], b"0\r\n\r\n", 400),
        ([("Content-Length", b"0"), ("X-Long", b"x" * 1100)], b"", 400),
        ([("Content-Length", b"0"), *[("X-Many", b"x")] * 30], b"", 400),
        ([("Content-Length", b"5"), ("Content-Encoding", b"gzip")], b"abcde", 200),
    ],
)
async def test_bodies_and_headers_have_limits(
    caplog: pytest.LogCaptureFixture,
    headers: list[tuple[str, bytes]],
    body: bytes,
    status: int,
) -> None:
    """What is slow, too large or malformed is told so, and leaves no traceback."""
    async with serving(replace(LIMITS, seconds=0.4)) as server:
        sent = build_post("/length", body, headers, length=False)
        assert (await exchange(server.port, sent))[0] == status
    assert caplog.records == []


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"\xff" * 50 + b"\r\n\r\n"]
)
async def test_what_is_no_http_is_no_news(caplog: pytest.LogCaptureFixture, sent: bytes) -> None:
    """TLS or noise is answered with 400, and the log is spared."""
    async with serving() as server:
        assert (await exchange(server.port, sent))[0] == 400
    assert caplog.records == []


async def test_one_who_does_not_read_the_answer_is_cut() -> None:
    """An answer that nobody takes does not keep its connection."""
    async with serving(replace(LIMITS, seconds=0.2)) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1)
        writer.write(GET.replace(b"/well", b"/large"))
        await until(lambda: read_figures(server)[1] == 1)
        assert read_figures(server)[0] == 0
        writer.transport.abort()


async def test_a_connection_carries_one_request() -> None:
    """Two requests at once get one answer, which says that it is the last."""
    async with serving() as server:
        _, came = await exchange(server.port, GET * 2)
        assert came.count(b"HTTP/1.1 200") == 1
        assert b"Connection: close" in came


def test_the_log_of_strangers_deeds_is_throttled(caplog: pytest.LogCaptureFixture) -> None:
    """One line a minute, with the number of those that were left out."""
    now = [0.0]
    told = ThrottledLog(logging.getLogger("told"), now=lambda: now[0])
    for at in (0.0, 1.0, 59.0, 61.0, 62.0):
        now[0] = at
        told.warning("refused %s", at)
    assert [record.getMessage() for record in caplog.records] == [
        "refused 0.0",
        "refused 61.0 (2 such lines were left out)",
    ]
