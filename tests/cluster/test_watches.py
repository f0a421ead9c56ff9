"""Live views over a server that forgets, cuts, forbids, falls silent and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.cluster import Api, KubernetesCluster, RetryPolicy
from bot.cluster.watches import Watches, WatchTimings
from bot.errors import Forbidden, Unavailable
from bot.kinds import CONFIG_MAP
from bot.ports import WatchCache
from tests.cluster.stage import LIST, WATCH, Stage, api_of, cut, status


@pytest.fixture
def watches(api: Api) -> Watches:
    """Watches that are quick about everything."""
    timings = WatchTimings(quiet=5.0, longest=60.0, absent=0.02, outage=0.3)
    return Watches(api, timings)


@pytest.fixture
async def view(stage: Stage, watches: Watches) -> AsyncIterator[WatchCache]:
    """A view of a shop whose only ConfigMap is `menu`, with its watch open."""
    stage.put("menu", "leek")
    async with watches.follow("shop", CONFIG_MAP) as made:
        await stage.watched()
        yield made


def texts(view: WatchCache) -> dict[str, str]:
    return {obj["metadata"]["name"]: obj["data"]["text"] for obj in view.objects(CONFIG_MAP)}


async def until(view: WatchCache, **wanted: str) -> None:
    """Returns when the view shows this; a change that never comes is a failure."""
    async with asyncio.timeout(40):
        while texts(view) != wanted:
            await view.changed()


async def test_changes_arrive_in_order_of_name(stage: Stage, view: WatchCache) -> None:
    """Events become objects, sorted by name."""
    stage.put("cakes", "plum")
    stage.put("menu", "pea")
    await until(view, cakes="plum", menu="pea")
    stage.drop("menu")
    await until(view, cakes="plum")


async def test_a_change_while_nobody_waits_is_not_lost(stage: Stage, view: WatchCache) -> None:
    """`changed` returns at once for what happened since it last returned, once for all of it."""
    stage.put("menu", "pea")
    stage.put("menu", "bean")
    await until(view, menu="bean")
    stage.put("menu", "beet")
    await asyncio.sleep(0.05)
    async with asyncio.timeout(0.01):
        await view.changed()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await view.changed()


async def test_a_cut_watch_goes_on_from_the_last_version(stage: Stage, view: WatchCache) -> None:
    """After a cut nothing is listed again: the next watch begins where the last one ended."""
    stage.put("menu", "pea")
    await until(view, menu="pea")
    stage.send(b"cut")
    await stage.watched(2)
    stage.put("menu", "bean")
    await until(view, menu="bean")
    assert len(stage.asked_for(LIST)) == 1
    assert stage.asked_for(WATCH)[1]["resourceVersion"] == "102"


async def test_a_bookmark_moves_the_version_without_a_change(
    stage: Stage, view: WatchCache
) -> None:
    """Bookmarks wake nobody, and the next watch begins at them."""
    assert stage.asked_for(WATCH)[0]["allowWatchBookmarks"] == "true"
    stage.say("BOOKMARK", {"metadata": {"resourceVersion": "900"}})
    stage.send(None)
    await stage.watched(2)
    assert stage.asked_for(WATCH)[1]["resourceVersion"] == "900"
    assert not texts(view) != {"menu": "leek"}


@pytest.mark.parametrize("how", ["status", "event"])
async def test_a_forgotten_version_is_listed_anew(stage: Stage, view: WatchCache, how: str) -> None:
    """410, as a status or as an event, relists; what was deleted meanwhile is gone."""
    stage.put("cakes", "plum")
    await until(view, cakes="plum", menu="leek")
    stage.drop("menu", unseen=True)
    if how == "status":
        stage.next(WATCH, status(410, "too old"))
        stage.send(None)
    else:
        stage.say("ERROR", {"kind": "Status", "code": 410, "message": "too old resource version"})
    await until(view, cakes="plum")
    assert len(stage.asked_for(LIST)) == 2


async def test_a_relist_that_finds_nothing_new_wakes_nobody(stage: Stage, view: WatchCache) -> None:
    """Relisting is not a change."""
    stage.say("ERROR", {"kind": "Status", "code": 410})
    await stage.watched(2)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await view.changed()


@pytest.mark.parametrize(
    "garbage", [b"{not json}\n", b"[]\n", b'{"type": "ADDED"}\n', b"\xff\xff\n"]
)
async def test_garbage_in_a_watch_is_survived(
    stage: Stage, view: WatchCache, garbage: bytes
) -> None:
    """A line that is no event does not end the view."""
    stage.send(garbage)
    stage.put("menu", "pea")
    await asyncio.sleep(0.05)
    await stage.watched()
    stage.put("menu", "bean")
    async with asyncio.timeout(40):
        while texts(view).get("menu") != "bean":
            await view.changed()


async def test_events_split_over_packets_are_whole(stage: Stage, view: WatchCache) -> None:
    """An event that arrives in pieces, cut inside a character, is read once it is complete."""
    obj = (
        b'{"metadata":{"name":"menu","namespace":"shop","resourceVersion":"200"},'
        b'"data":{"text":"p\xc3\xa9a"}}'
    )
    line = b'{"type":"MODIFIED","object":' + obj + b"}\n"
    middle = line.index(b"\xa9")
    stage.send(line[:middle])
    await asyncio.sleep(0.05)
    stage.send(line[middle:])
    await until(view, menu="péa")


async def test_a_later_refusal_is_raised_and_recovers(stage: Stage, view: WatchCache) -> None:
    """403 on a renewed watch is raised by `changed`; when it is granted again, the view goes on."""
    stage.next(WATCH, status(403, "no more"))
    stage.send(None)
    with pytest.raises(Forbidden, match="no more"):
        async with asyncio.timeout(40):
            await view.changed()
    await stage.watched(3)
    stage.put("menu", "pea")
    await until(view, menu="pea")


async def test_a_refused_first_list_is_raised_at_the_start(stage: Stage, watches: Watches) -> None:
    """Whoever may not list learns it when the view opens, and no watch stays behind."""
    stage.next(LIST, status(403, "not for you"))
    with pytest.raises(Forbidden, match="not for you"):
        async with watches.follow("shop", CONFIG_MAP):
            pytest.fail("a view opened without a list")
    assert len(watches) == 0


async def test_a_long_outage_is_told_and_survived(stage: Stage, view: WatchCache) -> None:
    """When the server stays away past the pace, `changed` says so; when it is back, the view goes
    on."""
    await stage.stop()
    with pytest.raises(Unavailable, match="refused"):
        async with asyncio.timeout(40):
            await view.changed()
    await stage.start(stage.port)
    stage.put("menu", "pea")
    async with asyncio.timeout(40):
        while texts(view) != {"menu": "pea"}:
            try:
                await view.changed()
            except Unavailable:
                continue


async def test_short_cuts_are_not_told(stage: Stage, view: WatchCache) -> None:
    """A few cut connections in a row are nobody's business."""
    stage.next(WATCH, cut, status(503), cut)
    stage.send(b"cut")
    await stage.watched(5)
    stage.put("menu", "pea")
    await until(view, menu="pea")


async def test_a_silent_watch_is_renewed(stage: Stage, tmp_path: Path) -> None:
    """A connection without a byte for too long is dropped and opened again, without a relist."""
    api = await api_of(stage, tmp_path)
    watches = Watches(api, WatchTimings(quiet=0.1))
    async with watches.follow("shop", CONFIG_MAP):
        await stage.watched(2)
    assert len(stage.asked_for(LIST)) == 1
    await api.close()


async def test_a_type_that_appears_later_fills_the_view(stage: Stage, watches: Watches) -> None:
    """404 on the type is an empty view; it fills once the type is served."""
    stage.next(LIST, *[status(404)] * 3)
    stage.put("menu", "leek")
    async with watches.follow("shop", CONFIG_MAP) as view:
        assert view.objects(CONFIG_MAP) == []
        await until(view, menu="leek")


async def test_followers_share_one_watch(stage: Stage, watches: Watches) -> None:
    """Any number of followers cost one list and one connection, each is woken, and the last one out
    closes it."""
    async with watches.follow("shop", CONFIG_MAP) as first:
        async with watches.follow("shop", CONFIG_MAP) as second:
            await stage.watched()
            stage.put("menu", "pea")
            await asyncio.gather(until(first, menu="pea"), until(second, menu="pea"))
        assert len(watches) == 1
    assert len(watches) == 0
    assert (len(stage.asked_for(LIST)), len(stage.asked_for(WATCH))) == (1, 1)


async def test_leaving_closes_the_connection_and_the_task(
    stage: Stage, watches: Watches, api: Api
) -> None:
    """A cancelled follower leaves no task and no open watch at the server."""
    entered = asyncio.Event()

    async def follow() -> None:
        async with watches.follow("shop", CONFIG_MAP) as view:
            entered.set()
            await view.changed()

    task = asyncio.create_task(follow())
    await entered.wait()
    await stage.watched()
    task.cancel()
    await asyncio.wait({task})
    assert (len(watches), len(api.jobs)) == (0, 0)
    stage.put("menu")
    async with asyncio.timeout(2):
        while stage.watchers:  # noqa: ASYNC110 — the server's side notices by itself
            await asyncio.sleep(0.005)


async def test_closing_the_connection_tells_the_followers(stage: Stage, tmp_path: Path) -> None:
    """A follower that is left when the connection is closed is told, not left hanging."""
    api = await api_of(stage, tmp_path, RetryPolicy(total=0.1))
    async with KubernetesCluster(api).follow("shop", CONFIG_MAP) as view:
        await stage.watched()
        await api.close()
        with pytest.raises(Exception, match="has ended"):
            async with asyncio.timeout(2):
                await view.changed()
