"""The ledger's promises about what is old: cleared when it is, kept while it is needed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from bot.errors import LedgerError
from bot.kinds import CONFIG_MAP
from bot.ledger import Ledger, NewSchedule, RetentionTimes, Run, ScheduleState, retention
from bot.ledger.database import build_engine, execute
from bot.ledger.database_tables import audit, audit_retention, images
from bot.records import BeforeImage
from bot.text import EMPTY, Text
from tests.ledger.conftest import Time, asked
from tests.ledger.test_audit import ROW

DAY = 86400.0
KEPT = RetentionTimes(runs=timedelta(days=90), audit=timedelta(days=365))


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows make many batches."""
    monkeypatch.setattr(retention, "BATCH", 3)


async def ended(
    ledger: Ledger, time: Time, days: float, *, changed: str = "", step: str = "install"
) -> Run:
    """A run of so many days ago that changed something in that namespace, with its audit row."""
    now = time.now
    time.move(-days * DAY)
    run = await ledger.runs.begin_run(asked(step=step))
    if changed:
        image = BeforeImage(CONFIG_MAP, changed, run.id, None, {})
        await ledger.journal.save_image(run.id, image)
    await ledger.runs.finish_run(run.id, "done", Text("done"))
    await ledger.audit.add(replace(ROW, id=run.id, at=time.now))
    time.now = now
    return run


async def ids(ledger: Ledger) -> set[str]:
    """The runs that are there."""
    return {run.id for run in await ledger.run_queries.list_recent_runs(1000)}


async def test_the_audit_is_cleared_of_what_is_older(ledger: Ledger, time: Time) -> None:
    """In batches, the oldest first; what is younger stays, and is refused to be deleted still."""
    for days in (*range(366, 376), 364, 1):
        at = time.now - timedelta(days=days)
        await ledger.audit.add(replace(ROW, id=str(days), at=at))
    await ledger.retention.clear(KEPT)
    assert [row.id for row in await ledger.audit.entries()] == ["1", "364"]
    assert ledger.retention.cleared["audit"] == 10
    with pytest.raises(DBAPIError, match="the audit is append-only"):
        await raw(ledger, "DELETE FROM audit WHERE id = '364'")
    with pytest.raises(DBAPIError, match="the audit is append-only"):
        await raw(ledger, "UPDATE audit SET summary = ''")


async def raw(ledger: Ledger, statement: str) -> None:
    """By whatever other program."""
    engine = build_engine(ledger._engine.url)
    try:
        async with engine.begin() as connection:
            await connection.execute(text(statement))
    finally:
        await engine.dispose()


async def test_the_audit_of_the_last_days_is_never_permitted_to_go(
    ledger: Ledger, time: Time
) -> None:
    """Whatever the settings say: the database refuses it."""
    await ledger.audit.add(replace(ROW, at=time.now - timedelta(days=3)))
    with pytest.raises(LedgerError, match="the audit of the last days is kept"):
        await ledger.retention.clear(replace(KEPT, audit=timedelta(days=1)))
    assert len(await ledger.audit.entries()) == 1


async def test_old_runs_go_with_what_stood_before_them(ledger: Ledger, time: Time) -> None:
    """As long as undo cannot take them back any more; the newest of each step stays."""
    undone = [await ended(ledger, time, days, changed="bookinfo") for days in (100, 99, 98, 97)]
    for run in undone:
        await ledger.journal.undone(run.id)
    newest = await ended(ledger, time, 95)
    young = await ended(ledger, time, 89, step="status")
    await ledger.retention.clear(KEPT)
    assert await ids(ledger) == {newest.id, young.id}
    assert await execute(ledger._engine, select(images)) == []


async def test_what_undo_can_take_back_stays(
    ledger: Ledger, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest changes of each namespace, however old they are, and whatever else was asked."""
    monkeypatch.setattr(retention, "UNDO_REACH", 2)
    here = [await ended(ledger, time, days, changed="bookinfo") for days in (200, 199, 198)]
    there = await ended(ledger, time, 300, changed="other")
    await ended(ledger, time, 1)
    await ledger.retention.clear(KEPT)
    assert {here[1].id, here[2].id, there.id} <= await ids(ledger)
    assert here[0].id not in await ids(ledger)
    changes = await ledger.journal.changes("bookinfo")
    assert [change.run for change in changes] == [here[2].id, here[1].id]
    assert all(change.images for change in changes)


async def test_a_run_that_has_not_ended_stays(ledger: Ledger, time: Time) -> None:
    """However long ago it began, and also one that waits for its confirmation."""
    now = time.now
    time.move(-400 * DAY)
    runs, asks = [await ledger.runs.begin_run(asked(lock=lock)) for lock in ("a", "b")]
    await ledger.runs.ask_confirmation(asks.id, "d", time.now)
    time.now = now
    await ended(ledger, time, 1)
    await ledger.retention.clear(KEPT)
    assert {runs.id, asks.id} <= await ids(ledger)


async def test_a_run_is_not_cleared_before_the_audit_has_its_end(
    ledger: Ledger, time: Time
) -> None:
    """Nothing is forgotten that was written down nowhere."""
    now = time.now
    time.move(-100 * DAY)
    run = await ledger.runs.begin_run(asked())
    await ledger.runs.finish_run(run.id, "done", EMPTY)
    time.now = now
    await ended(ledger, time, 1)
    await ledger.retention.clear(KEPT)
    assert run.id in await ids(ledger)
    await ledger.audit.add(replace(ROW, id=run.id, at=now - timedelta(days=100)))
    await ledger.retention.clear(KEPT)
    assert run.id not in await ids(ledger)


async def test_what_was_cleared_from_the_audit_does_not_come_back(
    ledger: Ledger, time: Time
) -> None:
    """A run that is kept for longer than its row is not taken for one without."""
    kept = await ended(ledger, time, 400, changed="bookinfo")
    await ledger.retention.clear(KEPT)
    assert kept.id in await ids(ledger)
    assert await ledger.audit.entries() == []
    assert await ledger.run_queries.list_unaudited_runs() == []


async def test_a_call_clears_a_part(
    ledger: Ledger, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Years of rows do not hold up whoever clears them; the next calls go on."""
    monkeypatch.setattr(retention, "MOST_BATCHES", 2)
    for number in range(7):
        at = time.now - timedelta(days=400, seconds=number)
        await ledger.audit.add(replace(ROW, id=str(number), at=at))
    left = []
    for _ in range(3):
        await ledger.retention.clear(KEPT)
        left.append(len(await execute(ledger._engine, select(audit.c.id))))
    assert left == [1, 0, 0]
    assert len(await execute(ledger._engine, select(audit_retention))) == 1


async def test_schedules_that_are_over_go(ledger: Ledger, time: Time) -> None:
    """Not those that go on or rest, and not the highest number, whose name would be given again."""
    now = time.now
    time.move(-100 * DAY)
    made = [await schedule(ledger, str(number), now) for number in range(4)]
    for id_, state in zip(made, ("ended", "paused", "removed", "removed"), strict=True):
        await ledger.timetable.change_state(
            id_, ScheduleState(state), EMPTY, among={ScheduleState.ACTIVE}, next_at=None
        )
    time.now = now
    await ledger.retention.clear(KEPT)
    found = [id_ for id_ in made if await ledger.timetable.get(id_) is not None]
    assert found == ["s2", "s4"]
    assert await schedule(ledger, "new", now) == "s5"


async def schedule(ledger: Ledger, key: str, at: datetime) -> str:
    """A schedule's id."""
    new = NewSchedule(key, "ping", "ping", "ping", "U1", "C1", "bookinfo", {}, at, "one")
    return (await ledger.timetable.add(new))[0].id


async def test_an_audit_of_before_is_kept_by_the_new_triggers(url: str) -> None:
    """A table that was never cleared refuses every deletion."""
    ledger = await Ledger.open(url)
    await ledger.audit.add(ROW)
    with pytest.raises(DBAPIError, match="the audit is append-only"):
        await raw(ledger, "DELETE FROM audit")
    await ledger.close()
