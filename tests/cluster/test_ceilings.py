"""Answers that are too long, too slow or packed to burst: each is given up at its ceiling, in words
that say so."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import web

from bot.cluster import Api, KubernetesCluster, RetryPolicy, listing
from bot.cluster import api as api_module
from bot.cluster.watches import Watches
from bot.errors import ClusterError, Rejected, Unavailable, Unreadable
from bot.kinds import CONFIG_MAP
from bot.ports import MOST_ANSWER, HttpRequest
from tests.cluster.stage import LIST, WATCH, Stage, api_of

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
LONG = 10 * MOST_ANSWER
Send = Callable[[asyncio.StreamWriter], Awaitable[None]]


async def repeat(writer: asyncio.StreamWriter, piece: bytes, most: int, pause: float = 0.0) -> None:
    """Sends a piece again and again, up to `most` bytes in all."""
    for _ in range(most // len(piece)):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(pause)


async def endless(writer: asyncio.StreamWriter) -> None:
    """A body without end."""
    writer.write(CHUNKED)
    await repeat(writer, b"10000\r\n" + bytes(0x10000) + b"\r\n", LONG)


async def announced(writer: asyncio.StreamWriter) -> None:
    """A body as long as its header says."""
    writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % LONG)
    await repeat(writer, bytes(100_000), LONG)


async def bomb(writer: asyncio.StreamWriter) -> None:
    """Kilobytes that unpack to megabytes."""
    packed = gzip.compress(bytes(LONG))
    assert len(packed) < 100_000
    writer.write(HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed))
    writer.write(packed)


async def drip(writer: asyncio.StreamWriter) -> None:
    """A byte now and then, so that there is never silence."""
    writer.write(HEAD + b"Content-Length: 1000\r\n\r\n")
    await repeat(writer, b"x", 1000, pause=0.05)


async def dripping_headers(writer: asyncio.StreamWriter) -> None:
    """A header now and then."""
    writer.write(HEAD)
    await repeat(writer, b"x: y\r\n", 600, pause=0.05)


async def many_headers(writer: asyncio.StreamWriter) -> None:
    """Headers without end."""
    writer.write(HEAD)
    await repeat(writer, b"x: %s\r\n" % (b"y" * 1000), LONG)


async def long_header(writer: asyncio.StreamWriter) -> None:
    """One header without end, in which something secret may stand."""
    writer.write(HEAD + b"x: ")
    await repeat(writer, b"secret" * 100, LONG)


async def informational(writer: asyncio.StreamWriter) -> None:
    """Never more than that the request may go on."""
    await repeat(writer, b"HTTP/1.1 100 Continue\r\n\r\n", LONG, pause=0.01)


async def unknown_packing(writer: asyncio.StreamWriter) -> None:
    """An encoding that nobody asked for."""
    writer.write(HEAD + b"Content-Encoding: br\r\nContent-Length: 4\r\n\r\nabcd")


async def broken_packing(writer: asyncio.StreamWriter) -> None:
    """What is called gzip and is none."""
    writer.write(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd")


@asynccontextmanager
async def answering(send: Send, stage: Stage) -> AsyncIterator[None]:
    """The stage's port, from which this is sent to every request."""
    await stage.stop()
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await reader.readuntil(b"\r\n\r\n")
            await send(writer)
            await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", stage.port)
    try:
        yield
        # It ends when nobody reads on, long before it has sent all.
        async with asyncio.timeout(40):
            await ended.wait()
    finally:
        server.close()


@pytest.mark.parametrize(
    ("send", "kind", "words"),
    [
        (endless, Unreadable, "^kiali answered more than 8 MB; read no further$"),
        (announced, Unreadable, "^kiali answered more than 8 MB; read no further$"),
        (bomb, Unreadable, "^kiali answered more than 8 MB; read no further$"),
        (drip, Unreadable, r"^kiali began to answer and had not ended after 0\.5 s"),
        (many_headers, Unreadable, "^kiali answered with more headers, or longer ones, than are"),
        (long_header, Unreadable, "^kiali answered with more headers, or longer ones, than are"),
        (unknown_packing, Unreadable, r"^kiali answered in a packing \(Content-Encoding\)"),
        (broken_packing, Unreadable, r"^kiali answered in a packing \(Content-Encoding\)"),
        (dripping_headers, Unavailable, r"within 0\.5 s$"),
        (informational, Unavailable, r"within 0\.5 s$"),
    ],
)
async def test_no_service_can_answer_for_ever(
    stage: Stage, api: Api, send: Send, kind: type[ClusterError], words: str
) -> None:
    """Bytes, unpacked bytes, headers and seconds have a ceiling, and the error names who went
    beyond which."""
    slow = send in (drip, dripping_headers, informational)
    async with answering(send, stage):
        since = time.monotonic()
        with pytest.raises(kind, match=words):
            await KubernetesCluster(api).web.ask(
                HttpRequest("mesh", "kiali", 20001, "/", seconds=0.5 if slow else 60)
            )
        assert time.monotonic() - since < 20


async def test_brackets_do_not_bring_the_bot_down(stage: Stage, api: Api) -> None:
    """JSON that is nested too deeply is an answer that cannot be parsed, not an error of ours."""

    async def nested(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"[" * 200_000 + b'"Status"', status=500)

    stage.next("GET", nested)
    answer = await KubernetesCluster(api).web.ask(HttpRequest("mesh", "kiali", 20001, "/"))
    with pytest.raises(ValueError, match="nested too deeply"):
        answer.parse_json()


async def test_an_answer_of_the_api_server_has_a_ceiling(
    stage: Stage, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object that is too long is not read, and not asked for again."""
    monkeypatch.setattr(api_module, "MOST_OBJECTS", 50_000)

    async def long(request: web.Request) -> web.StreamResponse:
        return web.json_response({"metadata": {"name": "x" * 100_000}})

    stage.next("GET", long)
    with pytest.raises(Unreadable, match=r"answered more than 0\.05 MB; read no further"):
        await KubernetesCluster(api).get(CONFIG_MAP, "menu", "shop")
    assert len(stage.asked) == 1


async def test_a_page_that_is_too_long_comes_in_smaller_ones(
    stage: Stage, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large objects are listed all the same: the page is asked for again with fewer of them."""
    monkeypatch.setattr(api_module, "MOST_OBJECTS", 50_000)
    for number in range(30):
        stage.put(f"menu-{number:02}", "x" * 4000)
    items = list(stage.items.values())

    async def page(request: web.Request) -> web.StreamResponse:
        begin, limit = int(request.query.get("continue", "0")), int(request.query["limit"])
        more = {"continue": str(begin + limit)} if begin + limit < len(items) else {}
        return web.json_response({"metadata": more, "items": items[begin : begin + limit]})

    stage.next(LIST, *[page] * 20)
    found = await KubernetesCluster(api).find(CONFIG_MAP, "shop")
    assert [obj["metadata"]["name"] for obj in found] == sorted(stage.items)
    assert [query["limit"] for query in stage.asked_for(LIST)] == ["500", "50", *["5"] * 6]


@pytest.mark.parametrize(
    ("most", "longest", "words"),
    [
        (2000, 100.0, "the list of configmaps is longer than 0.002 MB; read no further"),
        (10**9, 0.05, "the list of configmaps had not ended after"),
    ],
)
async def test_a_list_that_always_has_another_page_ends(
    stage: Stage, api: Api, monkeypatch: pytest.MonkeyPatch, most: int, longest: float, words: str
) -> None:
    """All pages together have a ceiling too."""
    monkeypatch.setattr(listing, "MOST_LIST", most)
    monkeypatch.setattr(listing, "LONGEST_LIST", longest)
    monkeypatch.setattr(api, "retry_policy", RetryPolicy(total=0.0))

    async def page(request: web.Request) -> web.StreamResponse:
        return web.json_response({"metadata": {"continue": "on"}, "items": [{"metadata": {}}]})

    stage.next(LIST, *[page] * 10_000)
    with pytest.raises(Unreadable, match=words):
        await KubernetesCluster(api).find(CONFIG_MAP, "shop")


async def test_an_event_without_end_is_given_up(
    stage: Stage, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watch that sends and never ends its line is told to the followers."""
    monkeypatch.setattr(api_module, "MOST_OBJECTS", 50_000)
    async with Watches(api).follow("shop", CONFIG_MAP) as view:
        await stage.watched()
        stage.send(b'{"type": "ADDED", "object": "' + b"x" * 60_000)
        async with asyncio.timeout(40):
            with pytest.raises(Unreadable, match="read no further"):
                await view.changed()


async def test_a_watch_that_only_breathes_is_renewed(stage: Stage, api: Api) -> None:
    """Blank lines are no events, and do not hold a watch beyond its time."""

    async def breathe(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b"\n")
            await asyncio.sleep(0.02)
        return response

    stage.next(WATCH, breathe)
    path = "/api/v1/namespaces/shop/configmaps"
    events = api.stream_watch(path, {"watch": "1"}, quiet=5.0, longest=0.3)
    with pytest.raises(Unavailable):
        await anext(events)


async def test_a_refusal_is_not_read_to_its_end(stage: Stage, api: Api) -> None:
    """What the API server refuses with is cut too, and then says no more than its status."""

    async def refuse(request: web.Request) -> web.StreamResponse:
        return web.Response(status=422, body=b'{"message": "' + b"x" * 1_200_000 + b'"}')

    stage.next("GET", refuse)
    with pytest.raises(Rejected, match="^the API server answered 422$"):
        await KubernetesCluster(api).get(CONFIG_MAP, "menu", "shop")


async def test_the_next_request_is_answered_after_one_that_was_given_up(
    tmp_path: Path, stage: Stage
) -> None:
    """What was left unread is not taken for the next answer."""
    api = await api_of(stage, tmp_path)

    async def long(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"x" * 3000)

    stage.next("GET", long)
    web_ = KubernetesCluster(api).web
    with pytest.raises(Unreadable):
        await web_.ask(HttpRequest("mesh", "kiali", 20001, "/first", most=1000))
    answer = await web_.ask(HttpRequest("mesh", "kiali", 20001, "/second"))
    assert answer.parse_json() == {"metadata": {"name": "second"}}
    await api.close()
