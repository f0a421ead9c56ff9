"""Traffic that goes on, carried by one process at a time and stopped from any."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.ledger import Ledger
from bot.ports import TrafficReport
from bot.schedule import Streams
from bot.text import Text
from bot.traffic.streams import merge_reports
from tests.traffic.stage import App, sending_to


@asynccontextmanager
async def two(home: Path, app: App) -> AsyncIterator[tuple[Streams, Streams]]:
    """Two processes in front of one application, over one database."""
    ledger = await Ledger.open(f"sqlite:///{home / 'meshbot.sqlite'}")
    async with sending_to(app, home) as first, sending_to(app, home) as second:
        now = ledger.timetable.now
        one, other = (
            Streams(generator, ledger.streams, owner=owner, now=now)
            for owner, generator in (("one", first), ("two", second))
        )
        yield one, other
    await ledger.close()


async def calls(app: App, count: int) -> None:
    """Returns once the application was asked so often."""
    async with asyncio.timeout(40):
        while len(app.calls) < count:  # noqa: ASYNC110 - the application announces nothing
            await asyncio.sleep(0.01)


async def test_one_carries_and_all_know(tmp_path: Path) -> None:
    """Started here, seen there, and stopped there: within a round nothing is sent any more."""
    app = App()
    async with two(tmp_path, app) as (one, other):
        await one.start("bookinfo", every=0.02, user="")
        await calls(app, 3)
        for each in (one, other):
            await each.reconcile(())
        (told,) = await other.streams()
        assert told.seen.codes["200"] >= 1
        assert [s.user for s in await other.stop("bookinfo")] == [""]
        await one.reconcile(())
        sent = len(app.calls)
        await asyncio.sleep(0.1)
        assert await one.streams() == []
        assert len(app.calls) <= sent + 1


async def test_what_a_dead_process_carried_goes_on(tmp_path: Path) -> None:
    """Only once it is known to be gone, with its beginning, its end, and what it met."""
    app = App()
    async with two(tmp_path, app) as (one, other):
        begun = await one.start("bookinfo", every=0.02, user="jason", seconds=600)
        await calls(app, 3)
        await one.close()
        await other.reconcile(())
        assert (await other.stop("elsewhere"), [s.user for s in await other.streams()]) == (
            [],
            ["jason"],
        )
        (before,) = await other.streams()
        await other.reconcile({"one"})
        await calls(app, len(app.calls) + 3)
        (after,) = await other.streams()
    assert (after.since, after.until, after.every) == (begun.since, begun.until, begun.every)
    assert after.seen.sent > before.seen.sent >= 1


async def test_a_stream_ends_at_its_time_whoever_carries_it(tmp_path: Path) -> None:
    """Nobody takes up what is over."""
    async with two(tmp_path, App()) as (one, other):
        await one.start("bookinfo", every=0.02, seconds=0.1)
        await asyncio.sleep(0.2)
        await other.reconcile({"one"})
        assert await other.streams() == []
        await one.reconcile(())


def test_what_was_met_is_added_up() -> None:
    """Counts of both, times of the newer; nothing sent changes nothing."""
    before = TrafficReport(
        3, 3, 1.5, {"200": 2, "503": 1}, {"v1": 2}, {"none": 2}, 10, 20, 30, Text("gateway")
    )
    now = TrafficReport(1, 1, 0.5, {"200": 1}, {"v2": 1}, {"seen": 1}, 5, 5, 5, Text("gateway"))
    both = merge_reports(before, now)
    assert (both.sent, both.codes, both.versions, both.p50) == (
        4,
        {"200": 3, "503": 1},
        {"v1": 2, "v2": 1},
        5,
    )
    assert merge_reports(before, TrafficReport(0, 0, 0.0)).p50 == 10
