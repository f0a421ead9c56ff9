"""What an API server that is away, slow, forbidding or broken does to a request."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

import pytest
from aiohttp import web

from bot.cluster import Api, KubernetesCluster, RetryPolicy
from bot.errors import ClusterError, Conflict, Forbidden, NotFound, Rejected, Throttled, Unavailable
from bot.kinds import CONFIG_MAP, Object
from tests.cluster.stage import LIST, PATH, TOKEN, Answer, Stage, api_of, cut, status

IMPATIENT = RetryPolicy(total=0.2, first=0.005, longest=0.02)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (400, Rejected),
        (401, Forbidden),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (410, Rejected),
        (422, Rejected),
        (500, Unavailable),
        (503, Unavailable),
        (504, Unavailable),
    ],
)
async def test_a_status_becomes_our_error(
    stage: Stage, api: Api, code: int, error: type[ClusterError]
) -> None:
    """Each status has its class, and the text is the server's message without anything of ours that
    is secret."""
    stage.next("PATCH", status(code, "menu is closed today"))
    with pytest.raises(error, match="menu is closed today") as caught:
        await api.send("PATCH", f"{PATH}/menu", body={})
    assert caught.value.status == code
    assert TOKEN not in repr(caught.value) + str(caught.value)


async def test_a_message_is_bounded_and_a_page_is_not_shown(stage: Stage, api: Api) -> None:
    """A very long message is cut; a body that is no Status (a proxy's page) is left out."""

    async def page(request: web.Request) -> web.StreamResponse:
        return web.Response(status=400, text="<html>internal address 10.1.2.3</html>")

    stage.next("PATCH", status(422, "x" * 5000), page)
    with pytest.raises(Rejected) as long:
        await api.send("PATCH", PATH, body={})
    with pytest.raises(Rejected, match="answered 400") as html:
        await api.send("PATCH", PATH, body={})
    assert len(str(long.value.message)) == 1000
    assert "10.1.2.3" not in str(html.value.message)


async def test_a_read_outlasts_a_short_outage(stage: Stage, api: Api) -> None:
    """A read is tried again after 503, a cut connection and 429, and then answers."""
    stage.put("menu")
    stage.next(LIST, status(503), cut, cut, status(429, Retry_After="0"))
    found = await KubernetesCluster(api).find(CONFIG_MAP, "shop")
    assert [obj["metadata"]["name"] for obj in found] == ["menu"]
    assert len(stage.asked_for(LIST)) >= 4


def menu(text: str) -> Object:
    """A ConfigMap to put."""
    place = {"name": "menu", "namespace": "shop"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": place, "data": {"text": text}}


def held(version: str, text: str, **more: object) -> Answer:
    """Answers with the ConfigMap in that version."""

    async def answer(request: web.Request) -> web.StreamResponse:
        metadata = {"name": "menu", "namespace": "shop", "resourceVersion": version}
        return web.json_response({"metadata": metadata, "data": {"text": text}, **more})

    return answer


async def test_a_status_in_between_is_no_conflict(stage: Stage, api: Api) -> None:
    """A controller writes it at any moment: the object is replaced all the same."""
    cluster = KubernetesCluster(api)
    await cluster.types("")
    stage.next("GET", held("1", "leek"), held("2", "leek", status={"ready": True}))
    stage.next("PUT", status(409, "the object has been modified"))
    await cluster.put(menu("pea"))
    assert [sort for sort, _, _ in stage.asked][-4:] == ["GET", "PUT", "GET", "PUT"]


async def test_a_change_in_between_is_never_overwritten(stage: Stage, api: Api) -> None:
    """What somebody else wrote at the same moment stays, and is told."""
    cluster = KubernetesCluster(api)
    await cluster.types("")
    stage.next("GET", held("1", "leek"), held("2", "plum"))
    stage.next("PUT", status(409, "the object has been modified"))
    with pytest.raises(Conflict, match="has been modified"):
        await cluster.put(menu("pea"))
    assert [sort for sort, _, _ in stage.asked].count("PUT") == 1


async def test_patience_ends(stage: Stage, tmp_path: Path) -> None:
    """While the outage lasts, a read gives up after its patience, with the last cause."""
    api = await api_of(stage, tmp_path, IMPATIENT)
    stage.next(LIST, *[status(503, "etcd is away")] * 200)
    since = time.monotonic()
    with pytest.raises(Unavailable, match="etcd is away"):
        await KubernetesCluster(api).find(CONFIG_MAP, "shop")
    assert 0.1 < time.monotonic() - since < 5.0
    assert len(stage.asked_for(LIST)) > 5
    await api.close()


async def test_retry_after_is_honoured(stage: Stage, tmp_path: Path) -> None:
    """The server is not asked sooner than it said; when that is past all patience, the error says
    for how long."""
    api = await api_of(stage, tmp_path, IMPATIENT)
    stage.next(LIST, status(429, "too many", Retry_After="30"))
    with pytest.raises(Throttled) as caught:
        await KubernetesCluster(api).find(CONFIG_MAP, "shop")
    assert caught.value.retry_after == 30
    assert len(stage.asked_for(LIST)) == 1
    await api.close()


@pytest.mark.parametrize("answer", [status(500), status(503), cut])
async def test_a_write_is_never_sent_twice(stage: Stage, api: Api, answer: object) -> None:
    """After 5xx or a cut connection the write may have been done: it is reported, not repeated."""
    stage.next("PATCH", answer)  # type: ignore[arg-type]  # parametrised values are objects to mypy
    with pytest.raises(Unavailable):
        await api.send("PATCH", PATH, body={})
    assert len(stage.asked_for("PATCH")) == 1


async def test_a_throttled_write_is_sent_again(stage: Stage, api: Api) -> None:
    """429 means that nothing was done, so the write goes out again."""
    stage.next("PATCH", status(429, Retry_After="0"))
    assert await api.send("PATCH", f"{PATH}/menu", body={})
    assert len(stage.asked_for("PATCH")) == 2


async def test_a_write_waits_for_a_server_that_restarts(stage: Stage, api: Api) -> None:
    """A refused connection carried nothing: the write waits and is sent once the server is back."""
    await stage.stop()
    writing = asyncio.create_task(api.send("PATCH", f"{PATH}/menu", body={}))
    await asyncio.sleep(0.1)
    assert not writing.done()
    await stage.start(stage.port)
    assert (await writing)["metadata"]["name"] == "menu"


async def test_a_server_that_is_not_there(stage: Stage, tmp_path: Path) -> None:
    """No connection: Unavailable that names the server and the system's reason."""
    api = await api_of(stage, tmp_path, IMPATIENT)
    await stage.stop()
    with pytest.raises(Unavailable, match=rf"127.0.0.1:{stage.port}.*refused"):
        await KubernetesCluster(api).version()
    await api.close()


async def test_a_slow_body_runs_out_of_time(stage: Stage, tmp_path: Path) -> None:
    """The time limit covers the whole answer, not only its first byte."""
    api = await api_of(stage, tmp_path, IMPATIENT, seconds=0.15)

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(40):
            await response.write(b" ")
            await asyncio.sleep(0.05)
        return response

    stage.next(LIST, slow, slow, slow)
    since = time.monotonic()
    with pytest.raises(Unavailable, match=r"had not ended after 0\.15 s"):
        await KubernetesCluster(api).find(CONFIG_MAP, "shop")
    assert time.monotonic() - since < 1.8  # three answers that end by themselves take six seconds
    await api.close()


@pytest.mark.parametrize("body", [b"<html></html>", b"[1, 2]", b"\xff\xfe\x00", b""])
async def test_garbage_is_an_outage_that_says_so(stage: Stage, tmp_path: Path, body: bytes) -> None:
    """What is no JSON object came from no API server."""
    api = await api_of(stage, tmp_path, IMPATIENT)

    async def garbage(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body)

    stage.next(LIST, *[garbage] * 100)
    with pytest.raises(Unavailable, match="is it an API server"):
        await KubernetesCluster(api).find(CONFIG_MAP, "shop")
    await api.close()


async def test_an_expired_page_begins_the_list_again(stage: Stage, api: Api) -> None:
    """When the continue token went stale on the way, everything is listed anew and nothing is there
    twice."""
    stage.put("menu")

    async def first(request: web.Request) -> web.StreamResponse:
        metadata = {"resourceVersion": "1", "continue": "token"}
        return web.json_response({"metadata": metadata, "items": list(stage.items.values())})

    stage.next(LIST, first, status(410, "token expired"))
    found = await KubernetesCluster(api).find(CONFIG_MAP, "shop")
    assert [obj["metadata"]["name"] for obj in found] == ["menu"]
    assert [query.get("continue") for query in stage.asked_for(LIST)] == [None, "token", None]


async def test_forbidden_is_not_hidden_as_absence(stage: Stage, api: Api) -> None:
    """A list or an object that may not be read raises; only 404 reads as nothing."""
    cluster = KubernetesCluster(api)
    stage.next(LIST, status(403, "not for you"))
    stage.next("GET", status(403, "not for you"))
    with pytest.raises(Forbidden, match="not for you"):
        await cluster.find(CONFIG_MAP, "shop")
    with pytest.raises(Forbidden, match="not for you"):
        await cluster.get(CONFIG_MAP, "menu", "shop")


async def test_the_loop_stays_free_while_the_cluster_is_slow(stage: Stage, api: Api) -> None:
    """Other work goes on while many requests wait."""

    async def later(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.2)
        return web.json_response({"items": []})

    stage.next(LIST, *[later] * 50)
    waiting = [
        asyncio.create_task(KubernetesCluster(api).find(CONFIG_MAP, "shop")) for _ in range(50)
    ]
    since = time.monotonic()
    await asyncio.sleep(0)
    assert not any(each.done() for each in waiting)
    await asyncio.gather(*waiting)
    # One after the other they would take ten seconds.
    assert time.monotonic() - since < 5.0


async def test_nothing_secret_is_logged(
    stage: Stage, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    """Failures leave no token in the log, at any level."""
    caplog.set_level(logging.DEBUG)
    stage.next(LIST, status(403), status(401))
    for _ in range(2):
        with pytest.raises(Forbidden):
            await KubernetesCluster(api).find(CONFIG_MAP, "shop")
    assert TOKEN not in caplog.text
