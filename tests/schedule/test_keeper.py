"""What replicas over one database promise: each slot once, whatever dies; and one message that
tells of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.errors import SlackError, UserError
from bot.ledger import ScheduleState
from bot.schedule import Limits
from bot.steps import ReplyTarget
from tests.schedule.conftest import World


@pytest.mark.long
async def test_each_slot_is_fired_by_one_replica(world: World) -> None:
    """Three look at the same moments; each slot comes once, in order, and none is left out."""
    replicas = [await world.replica(name) for name in ("one", "two", "three")]
    schedule = await world.make(replicas[0], "burst every 10s")
    for _ in range(10):
        await asyncio.gather(*(replica.round() for replica in replicas))
        world.time.move(10)
    fired = sorted(occasion.at for replica in replicas for _, occasion in replica.fired)
    assert fired == [schedule.created_at.timestamp() + 10 * n for n in range(10)]
    assert (await world.now(schedule)).fired == 10


async def test_after_downtime_a_burst_is_dropped_and_counted(world: World) -> None:
    """It does not come late, and does not come in heaps; two that look at once count it once."""
    one, two = await world.replica("one"), await world.replica("two")
    schedule = await world.make(one, "burst every 10m")
    await one.round()
    world.time.move(25 * 60)
    await asyncio.gather(one.round(), two.round())
    assert (len(one.fired), (await world.now(schedule)).missed) == (1, 2)
    world.time.move(5 * 60)
    await one.round()
    assert (len(one.fired), one.fired[-1][1].late) == (2, 0)
    await world.shows("2 missed while I was away")


async def test_after_downtime_a_digest_is_sent_once_and_knows_that_it_is_late(world: World) -> None:
    """The newest that was missed, hours late; the ones before it are counted."""
    one = await world.replica()
    schedule = await world.make(one, "digest daily 09:00")
    world.time.move(3 * 86400)
    await one.round()
    await one.round()
    assert [occasion.late for _, occasion in one.fired] == [7 * 3600]
    assert ((await world.now(schedule)).missed, (await world.now(schedule)).fired) == (2, 1)


async def test_a_short_pause_is_not_late(world: World) -> None:
    """A restart of some seconds drops nothing of a schedule that is not frequent."""
    one = await world.replica()
    await world.make(one, "burst every 10m")
    world.time.move(50)
    await one.round()
    assert [occasion.late for _, occasion in one.fired] == [0]


async def test_a_digest_that_died_is_begun_once_more(world: World) -> None:
    """By one of the others; and no slot is begun a third time."""
    dead = await world.replica("dead")
    schedule = await world.make(dead, "digest every 2h")
    await world.claim("dead")
    others = [await world.replica(name) for name in ("two", "three")]
    world.gone.add("dead")
    await asyncio.gather(*(other.round() for other in others))
    assert sum(len(other.fired) for other in others) == 1
    assert (await world.now(schedule)).cut == 0
    world.gone.update({"two", "three"})
    assert await world.ledger.slots.list_running_slots() == []


async def test_a_burst_that_died_is_counted_and_not_repeated(world: World) -> None:
    """Half a burst twice is not one burst."""
    dead = await world.replica("dead")
    schedule = await world.make(dead, "burst every 10m")
    await world.claim("dead")
    other = await world.replica("two")
    world.gone.add("dead")
    await other.round()
    assert other.fired == []
    assert (await world.now(schedule)).cut == 1
    await world.shows("1 cut off by a restart")


async def test_nothing_is_taken_from_a_process_that_lives(world: World) -> None:
    """A slot that takes long is waited for; the next one is not begun beside it."""
    slow = await world.replica("slow")
    schedule = await world.make(slow, "digest every 2h")
    await world.claim("slow")
    other = await world.replica("two")
    world.time.move(2 * 3600)
    await other.round()
    assert other.fired == []
    assert (await world.now(schedule)).fired == 1


async def test_one_message_and_a_thread(world: World) -> None:
    """Ten slots edit the one message; what is news stands in its thread, and the channel sees it if
    it is meant to."""
    one = await world.replica()
    await world.make(one, "burst every 10s")
    for _ in range(10):
        await one.round()
        world.time.move(10)
    assert len(world.messages()) == 1
    world.tell(one, ReplyTarget.CHANNEL)
    await one.round()
    first, second = world.messages()
    assert second.thread_ts == first.ts


async def test_it_ends_by_itself_and_says_so_once(world: World) -> None:
    """The last slot is the one at the end; two replicas say it once."""
    one, two = await world.replica("one"), await world.replica("two")
    schedule = await world.make(one, "burst every 10s for 20s")
    for _ in range(5):
        await asyncio.gather(one.round(), two.round())
        world.time.move(10)
    assert ((await world.now(schedule)).state, (await world.now(schedule)).fired) == (
        ScheduleState.ENDED,
        3,
    )
    assert [m for m in world.messages() if "its time is over" in m.text and m.thread_ts] != []
    assert len(world.messages()) == 2


async def test_paused_it_is_quiet_and_resumed_it_goes_on(world: World) -> None:
    """With the next time that comes, and nothing to make up for."""
    one = await world.replica()
    schedule = await world.make(one, "burst every 10s")
    await one.round()
    await one.schedule_service.pause(schedule.id, "U0HOST")
    world.time.move(100)
    await one.round()
    await one.schedule_service.resume(schedule.id, "U0HOST")
    world.time.move(10)
    await one.round()
    assert ((await world.now(schedule)).fired, (await world.now(schedule)).missed) == (2, 0)


async def test_a_notification_names_nobody(world: World) -> None:
    """Who paused it is left out of the text that Slack shows beside the name of the channel."""
    one = await world.replica()
    schedule = await world.make(one, "burst every 10s")
    await one.schedule_service.pause(schedule.id, "U0HOST")
    await world.shows("paused by")
    assert world.messages()[0].text == "Schedule s1, Burst: paused. every 10 s"


@pytest.mark.parametrize("verb", ["pause", "resume", "remove"])
async def test_what_is_removed_stays_removed(world: World, verb: str) -> None:
    """And says so to whoever presses an old button."""
    one = await world.replica()
    schedule = await world.make(one, "burst every 10s")
    await one.schedule_service.remove(schedule.id, "U0HOST")
    with pytest.raises(UserError, match="removed already"):
        await getattr(one.schedule_service, verb)(schedule.id, "U0HOST")
    await one.round()
    assert one.fired == []


async def test_a_command_that_is_delivered_twice_makes_one(world: World) -> None:
    """Also when two replicas get it at once."""
    one, two = await world.replica("one"), await world.replica("two")
    order = world.order("burst every 10s", key="same")
    await asyncio.gather(
        *(replica.schedule_service.create(order, world.time()) for replica in (one, two))
    )
    assert (len(await world.ledger.timetable.list_live()), len(world.messages())) == (1, 1)


async def test_what_cannot_be_posted_is_not_scheduled(world: World) -> None:
    """Nothing fires of which nobody can see where it comes from."""
    one = await world.replica()
    order = replace(world.order("burst every 10s"), channel="C0NOWHERE")
    with pytest.raises(SlackError):
        await one.schedule_service.create(order, world.time())
    assert await world.ledger.timetable.list_live() == []


async def test_a_schedule_that_nobody_posted_is_posted(world: World) -> None:
    """Its process died between the database and the message; another one posts it, once, and fires
    it."""
    one, two = await world.replica("one"), await world.replica("two")
    schedule = await world.make(one, "digest every 2h")
    await world.unpost(schedule)
    await two.round()
    assert two.fired == []
    world.gone.add("one")
    await two.round()
    await two.round()
    assert (len(two.fired), len(world.messages())) == (1, 2)


@pytest.mark.parametrize(
    ("typed", "limits", "says"),
    [
        ("burst every 5s", Limits(least=10), "too often for burst: 10 s must lie between"),
        ("burst every 10s", Limits(most=0), "there may be no schedules here"),
        ("burst cron */1 * * * *", Limits(least=120), "comes every 1 min: that is too often"),
    ],
)
async def test_limits_are_said(world: World, typed: str, limits: Limits, says: str) -> None:
    """Before anything is remembered."""
    one = await world.replica(limits=limits)
    with pytest.raises(UserError, match=says.replace("*", ".")):
        await one.schedule_service.create(world.order(typed), world.time())
    assert await world.ledger.timetable.list_live() == []


async def test_the_same_twice_is_already_so(world: World) -> None:
    """Typed again it is named, and not doubled."""
    one = await world.replica()
    await world.make(one, "burst every 10s")
    with pytest.raises(UserError, match="goes on already: s1"):
        await one.schedule_service.create(world.order("burst every 10s"), world.time())
