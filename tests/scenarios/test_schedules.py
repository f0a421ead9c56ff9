"""Schedules, pings and digests, typed as people type them; the bot killed and started again
between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.app import Bot, run_bot
from bot.ledger import Ledger, StreamRow
from bot.ledger.slot_store import ScheduleAdvance
from sandbox.cluster.contract import Ref
from sandbox.workspace import Message
from tests.scenarios.stage import Stage, furnished, playing, words
from tests.scenarios.test_survival import gone, process

pytestmark = pytest.mark.long

DEPLOYMENTS = Ref("apps", "deployments")
QUICK = {"MESHBOT_SCHEDULES__LEAST_SECONDS": "1"}


async def arrange(stage: Stage, *steps: str) -> None:
    """Types steps that must all end as done."""
    for step in steps:
        await stage.type(f"/mesh {step}")


async def seen(stage: Stage, wanted: Callable[[Message], bool], seconds: float = 40) -> Message:
    """The newest message of the bot that is as wanted, once there is one."""
    with stage.workspace.watch_changes() as changes:
        async with asyncio.timeout(seconds):
            while True:
                found = [
                    m
                    for m in stage.workspace.list_messages()
                    if m.user == stage.workspace.bot.id and wanted(m)
                ]
                if found:
                    return found[-1]
                await anext(changes)


def says(*parts: str) -> Callable[[Message], bool]:
    """A message in which all of that is read."""
    return lambda message: all(part in words(message) for part in parts)


def in_thread(*parts: str) -> Callable[[Message], bool]:
    """The same, in a thread."""
    return lambda message: bool(message.thread_ts) and says(*parts)(message)


@asynccontextmanager
async def again(stage: Stage, **more: str) -> AsyncIterator[Bot]:
    """The bot once more, over the same database."""
    async with run_bot(stage.settings(**QUICK | more)) as bot:
        yield bot


async def test_bursts_come_again_and_end_with_the_application(tmp_path: Path) -> None:
    """One message that is edited; the stream and the schedule end with what they go to, and it is
    said."""
    async with playing(tmp_path, MESHBOT_SCHEDULES__LEAST_SECONDS="1") as (stage, _):
        await arrange(stage, "install", "bookinfo")
        typed = await stage.type("/mesh traffic burst 5 at 50/s every 1s for 1h as jason")
        await seen(stage, says("5 of 5 requests got their pages, as jason", "2 times"))
        await arrange(stage, "traffic start every=1s")
        await stage.type("/mesh bookinfo off")
        said = words(await stage.type('click "Take it away"'))
        assert "traffic as nobody was stopped" in said
        assert "schedule s1 (traffic burst 5 at 50/s as jason) is over" in said
        assert (await seen(stage, says("over (Bookinfo was taken away)"))).ts == typed.ts
        assert "nothing is scheduled" in words(await stage.type("/mesh schedule"))


async def test_errors_of_a_burst_are_told_once_and_so_is_their_end(tmp_path: Path) -> None:
    """The thread hears of what changes; the same again is only counted."""
    async with playing(tmp_path, MESHBOT_SCHEDULES__LEAST_SECONDS="1") as (stage, _):
        await arrange(stage, "install", "bookinfo")
        card = await stage.type("/mesh traffic burst 2 at 50/s every 1s for 1h")
        await seen(stage, says("2 of 2 requests"))
        await stage.api.merge(DEPLOYMENTS, "productpage-v1", "bookinfo", {"spec": {"replicas": 0}})
        bad = await seen(stage, in_thread("the page was not seen"))
        await seen(stage, says("3 with errors"))
        await stage.api.merge(DEPLOYMENTS, "productpage-v1", "bookinfo", {"spec": {"replicas": 1}})
        await seen(stage, in_thread("2 of 2 requests"))
        assert bad.thread_ts == card.ts
        assert (
            len(
                [
                    m
                    for m in stage.workspace.list_messages()
                    if in_thread("the page was not seen")(m)
                ]
            )
            <= 2
        )


async def test_a_ping_tells_what_goes_down_and_that_it_is_back(tmp_path: Path) -> None:
    """Once each, in the thread and in the channel, with the pods' own words; also across a restart
    of the bot."""
    async with furnished(tmp_path) as stage:
        async with again(stage):
            await arrange(stage, "install", "addons", "kiali")
            await stage.type("/mesh ping every 10s")
            await seen(
                stage, says("all is well: API server, istiod, Prometheus, Jaeger, Kiali answer")
            )
            await stage.api.merge(DEPLOYMENTS, "kiali", "istio-system", {"spec": {"replicas": 0}})
            down = await seen(stage, in_thread("Kiali is down since"))
            assert "scaled to no pods" in words(down)
        async with again(stage):
            await stage.api.merge(DEPLOYMENTS, "kiali", "istio-system", {"spec": {"replicas": 1}})
            await seen(stage, in_thread("Kiali is back; it was away for"))
        told = [
            m
            for m in stage.workspace.list_messages()
            if m.thread_ts and "Kiali is down" in words(m)
        ]
        assert len(told) == 1


async def test_a_ping_typed_alone_answers_once(stage: Stage) -> None:
    """Everyone may; what is missing is not down, and what is down has a reason."""
    assert "there is nothing here yet" in words(await stage.type("@alice: /mesh ping"))
    await arrange(stage, "install")
    assert "istiod" in words(await stage.type("@alice: /mesh ping"))
    await stage.api.merge(DEPLOYMENTS, "istiod", "istio-system", {"spec": {"replicas": 0}})
    assert "istiod is down" in words(await stage.type("/mesh ping -> not yet"))


async def test_a_digest_knows_what_changed(tmp_path: Path) -> None:
    """Where the workshop stands, what came, who did what, what comes next; for the channel."""
    async with playing(tmp_path, MESHBOT_SCHEDULES__LEAST_SECONDS="1") as (stage, bot):
        await arrange(stage, "install", "digest every 1h")
        first = await seen(stage, in_thread("1 of 13 steps are in place", "not in place: addons"))
        assert "install ✅" in words(first)
        assert "next: s1 digest" in words(first)
        await arrange(stage, "bookinfo")
        (schedule,) = await bot.ledger.timetable.list_live()
        report = words(await stage.type("/mesh digest"))
        assert "bookinfo ✅" in report
        assert schedule.memory["rows"]["install"] is True


async def test_what_goes_on_outlives_the_bot(tmp_path: Path) -> None:
    """Made by one life, carried on by the next; and whoever has the role host no more has it paused."""
    async with furnished(tmp_path) as stage:
        async with again(stage) as bot:
            await arrange(
                stage, "install", "bookinfo", "traffic start every=100ms", "ping every 10s"
            )
            (before,) = await bot.ledger.streams.list_all()
        async with again(stage) as bot:
            after = await carried_on(bot, before)
            assert (after.since, after.until) == (before.since, before.until)
            assert "going on: as nobody, every 0.1 s" in words(await stage.type("/mesh status"))
            assert "s1 — ping, every 10 s" in words(await stage.type("/mesh schedule"))
            assert "as nobody: status: 200 × " in words(await stage.type("/mesh traffic stop"))
        async with again(stage, MESHBOT_ROLES__HOSTS=stage.workspace.get_user("bob").id):
            await seen(stage, says("paused", "has the role host no more"))


async def carried_on(bot: Bot, before: StreamRow) -> StreamRow:
    """The stream, once this life of the bot carries it and sends."""
    for _ in range(400):
        (row,) = await bot.ledger.streams.list_all()
        if row.owner != before.owner and row.seen.get("sent", 0) > before.seen.get("sent", 0):
            return row
        await asyncio.sleep(0.05)
    raise TimeoutError("nobody carries the stream on")


async def test_a_digest_that_was_missed_says_that_it_is_late(tmp_path: Path) -> None:
    """Sent once when the bot is back, for the whole channel, and not again."""
    hour = (datetime.now(UTC) - timedelta(hours=2)).hour
    async with furnished(tmp_path) as stage:
        async with again(stage):
            await stage.type(f"/mesh digest daily {hour}:00")
        await due_yesterday(stage)
        async with again(stage) as bot:
            late = await seen(stage, in_thread("late: I was away when it was due"))
            await bot.slot_runner.run_once()
            await bot.slot_runner.wait_until_idle()
        told = [m for m in stage.workspace.list_messages() if m.thread_ts == late.thread_ts]
        assert len(told) == 1


async def due_yesterday(stage: Stage) -> None:
    """As if the only schedule had last been looked at a day ago."""
    ledger = await Ledger.open(stage.settings().ledger.address)
    (schedule,) = await ledger.timetable.list_live()
    assert schedule.next_at is not None
    assert await ledger.slots.skip_slots(
        schedule, ScheduleAdvance(schedule.next_at, schedule.next_at - timedelta(days=1))
    )
    await ledger.close()


async def test_a_burst_that_was_killed_is_counted_and_not_repeated(tmp_path: Path) -> None:
    """kill -9 in the middle; the next life says so in the same message, and waits for the next
    time."""
    async with furnished(tmp_path) as stage:
        async with process(stage) as bot:
            await arrange(stage, "install", "bookinfo", "traffic burst 600 at 20/s every 10m")
            card = stage.newest()
            await under_way(stage)
            bot.kill()
            await bot.wait()
        await gone(stage)
        async with process(stage):
            counted = await seen(stage, says("1 time, 1 cut off by a restart"))
        assert counted.ts == card.ts


async def under_way(stage: Stage) -> None:
    """Returns once a slot is being carried out."""
    ledger = await Ledger.open(stage.settings().ledger.address)
    for _ in range(400):
        if await ledger.slots.list_running_slots():
            break
        await asyncio.sleep(0.05)
    else:
        raise TimeoutError("no slot is being carried out")
    await ledger.close()


async def test_buttons_and_roles(tmp_path: Path) -> None:
    """Everyone may look; a host pauses, resumes and removes, by button or by command."""
    async with playing(tmp_path) as (stage, _):
        await stage.type("/mesh digest weekdays 09:00 Europe/Madrid")
        assert "needs the role host" in words(await stage.type('@alice: click "Pause" -> error'))
        assert "needs the role host" in words(
            await stage.type("@alice: /mesh schedule remove s1 -> error")
        )
        assert "needs the role host" in words(
            await stage.type("@alice: /mesh ping every 1m -> error")
        )
        assert "digest, on weekdays at 09:00 (Europe/Madrid)" in words(
            await stage.type("@alice: /mesh schedule")
        )
        await stage.type('click "Pause"')
        await stage.type('click "Resume"')
        await stage.type("/mesh schedule pause s1")
        assert "paused already" in words(await stage.type("/mesh schedule pause s1 -> error"))
        assert "s1 — digest" in words(await stage.type("/mesh schedule s1"))
        await stage.type("/mesh schedule resume s1")
        assert "s1 goes on already" in words(await stage.type("/mesh schedule resume s1 -> error"))
        await stage.type("/mesh schedule remove all")
        assert "removed already" in words(await stage.type("/mesh schedule resume s1 -> error"))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("install every 5m", "cannot be scheduled"),
        ("uninstall at 17:00", "cannot be scheduled"),
        ("ping evry 10m", "Did you mean `/mesh ping every 10m`?"),
        ("ping every 1s", "too often for ping"),
        ("ping every 10m until yesterday", "until needs a time of day"),
        ("digest every 5m", "1 h must lie between"),
        ("digest weekdays 9:00 Madrid", "Did you mean `/mesh digest weekdays 9:00 Europe/Madrid`?"),
        (
            "traffic burst 2000 at 10/s every 1m",
            "too often for traffic: 3 min 20 s must lie between",
        ),
        ("traffic burst 10 every 10m until 2026-01-01 12:00", "is over"),
        ("traffic burst 10 every 1m for 3d", "may go on for 1 day"),
        ('ping cron "0 9 1 * 1"', "either of them"),
        ("schedule pause", "pause which one?"),
        ("schedule pause s99", "There is no schedule s99"),
        ("schedule pauze s1", "should be"),
    ],
)
async def test_mistakes_in_times_are_answered(stage: Stage, typed: str, said: str) -> None:
    """In words that say what to type, and nothing is remembered."""
    assert said in words(await stage.type(f"/mesh {typed} -> error"))
    assert "nothing is scheduled" in words(await stage.type("/mesh schedule"))


async def test_uninstall_ends_all_of_it_and_says_so(tmp_path: Path) -> None:
    """Beforehand in its question, and afterwards in its verdict."""
    async with playing(tmp_path) as (stage, _):
        await arrange(stage, "install", "ping every 1m", "digest daily 09:00")
        assert "ends: schedule s1: ping, every 1 min" in words(await stage.type("/mesh uninstall"))
        said = words(await stage.type('click "Confirm"'))
        assert "schedule s1 (ping) is over" in said
        assert "schedule s2 (digest) is over" in said
