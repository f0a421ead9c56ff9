"""The ledger's promises about the slots of schedules, the same on every database."""

from __future__ import annotations

from datetime import timedelta

from bot.ledger import Ledger, NewSchedule, Schedule, ScheduleAdvance, Slot, SlotResult
from bot.text import Text
from tests.ledger.conftest import Time

DONE = SlotResult("done", Text("well"))


async def claimed(ledger: Ledger, time: Time, owner: str = "one") -> tuple[Schedule, Slot]:
    """A schedule whose first slot that process has taken."""
    new = NewSchedule("k", "ping", "ping", "ping", "U1", "C1", "bookinfo", {}, time.now, "one")
    schedule, _ = await ledger.timetable.add(new)
    move = ScheduleAdvance(time.now, time.now + timedelta(seconds=60))
    found = await ledger.slots.claim_slot(schedule, time.now, move, owner)
    assert found is not None
    return found


async def test_a_slot_is_ended_by_who_has_it(ledger: Ledger, time: Time) -> None:
    """Not by who lost it, also where that is the same process in an earlier attempt."""
    _, first = await claimed(ledger, time)
    second = await ledger.slots.resume_slot(first, "one")
    assert second is not None
    assert second.attempt == 2
    assert await ledger.slots.finish_slot(first, DONE) is None
    assert await ledger.slots.resume_slot(first, "two") is None
    after = await ledger.slots.finish_slot(second, DONE)
    assert after is not None
    assert (after.last_state, after.fired, after.failed) == ("done", 1, 0)
    assert await ledger.slots.finish_slot(second, DONE) is None


async def test_the_next_slot_waits_for_the_one_before(ledger: Ledger, time: Time) -> None:
    """And no slot is taken twice."""
    schedule, slot = await claimed(ledger, time)
    at = time.now + timedelta(seconds=60)
    move = ScheduleAdvance(at, at + timedelta(seconds=60))
    assert await ledger.slots.claim_slot(schedule, at, move, "two") is None
    await ledger.slots.finish_slot(slot, DONE)
    assert await ledger.slots.claim_slot(schedule, at, move, "two") is not None
    assert await ledger.slots.claim_slot(schedule, at, move, "three") is None


async def test_a_slot_is_not_taken_by_who_looked_too_long_ago(ledger: Ledger, time: Time) -> None:
    """The schedule has moved on: it stands at another time than the one that was seen."""
    schedule, slot = await claimed(ledger, time)
    await ledger.slots.finish_slot(slot, DONE)
    late = time.now + timedelta(seconds=30)
    stale = ScheduleAdvance(time.now, late + timedelta(seconds=60))
    assert await ledger.slots.claim_slot(schedule, late, stale, "two") is None
    assert await ledger.slots.skip_slots(schedule, stale) is None
    now = await ledger.timetable.get(schedule.id)
    assert now is not None
    assert now.next_at == time.now + timedelta(seconds=60)
