"""The audit's promises, the same on every database: rows are added, read in order, and never
changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bot.ledger import Ledger, RunState
from bot.ledger.database import build_engine, parse_url
from bot.records import AuditEntry
from bot.text import Text
from tests.ledger.conftest import asked

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
ROW = AuditEntry(
    "r1",
    NOON,
    "U1",
    "C1",
    "fault",
    "fault jason ☸",
    "minikube",
    "bookinfo",
    "done",
    Text("seen {n} times", n=3),
    1.5,
    "r1",
    "U2",
    "x",
)


async def test_a_row_comes_back_as_it_was_added(ledger: Ledger) -> None:
    """Every field, and once: a second row of that id changes nothing."""
    assert await ledger.audit.add(ROW)
    assert not await ledger.audit.add(replace(ROW, outcome="error"))
    assert await ledger.audit.entries() == [ROW]


@pytest.mark.long
async def test_many_rows_come_at_once(ledger: Ledger) -> None:
    """In one transaction; those that are there already stand, and keep none of the others out."""
    rows = [replace(ROW, id=f"{n:03}", at=NOON + timedelta(seconds=n)) for n in range(200)]
    await ledger.audit.add(replace(rows[7], outcome="error"))
    assert await ledger.audit.add(*rows) == 199
    found = await ledger.audit.entries(most=300)
    assert [row.id for row in found[::-1]] == [row.id for row in rows]
    assert [row.id for row in found if row.outcome == "error"] == ["007"]
    more = [replace(row, id=f"x{row.id}") for row in rows]
    assert await ledger.audit.add(*more) == 200


async def test_rows_are_found_by_user_and_step_the_newest_first(ledger: Ledger) -> None:
    """As many as are wanted, of those that fit."""
    for n, (user, step) in enumerate(
        [("U1", "fault"), ("U2", "fault"), ("U1", "status"), ("U1", "fault")]
    ):
        await ledger.audit.add(
            replace(ROW, id=str(n), at=NOON + timedelta(seconds=n), user=user, step=step)
        )
    assert [row.id for row in await ledger.audit.entries(user="U1", step="fault")] == ["3", "0"]
    assert [row.id for row in await ledger.audit.entries(most=2)] == ["3", "2"]


async def test_all_rows_are_read_page_by_page(ledger: Ledger) -> None:
    """From a moment on, the oldest first, none twice and none left out, rows of one moment
    included."""
    for n in range(11):
        await ledger.audit.add(replace(ROW, id=f"{n:04}", at=NOON + timedelta(seconds=n // 2)))
    found = [
        row.id async for row in ledger.audit.iterate_since(NOON + timedelta(seconds=1), page=3)
    ]
    assert found == [f"{n:04}" for n in range(2, 11)]


@pytest.mark.parametrize("statement", ["UPDATE audit SET summary = ''", "DELETE FROM audit"])
async def test_the_database_refuses_to_change_the_audit(
    ledger: Ledger, url: str, statement: str
) -> None:
    """Whoever tries it, by whatever program, is told that it is append-only."""
    await ledger.audit.add(ROW)
    engine = build_engine(parse_url(url))
    with pytest.raises(DBAPIError, match="the audit is append-only"):
        async with engine.begin() as connection:
            await connection.execute(text(statement))
    await engine.dispose()
    assert await ledger.audit.entries() == [ROW]


async def test_a_run_that_ended_without_a_row_is_found(ledger: Ledger) -> None:
    """Ended runs without a row of their id are those whose row is still to be written."""
    first, second, running = [await ledger.runs.begin_run(asked()) for _ in range(3)]
    for run in (first, second):
        await ledger.runs.finish_run(run.id, RunState.DONE, Text("done"))
    await ledger.audit.add(replace(ROW, id=first.id))
    assert [run.id for run in await ledger.run_queries.list_unaudited_runs()] == [second.id]
    assert running.is_active


async def test_who_confirmed_is_remembered(ledger: Ledger) -> None:
    """The last one who confirmed a run, by its rows."""
    await ledger.audit.add(replace(ROW, id="c1", run="r9", outcome="confirmed", decided_by="U7"))
    assert await ledger.audit.find_confirmer("r9") == "U7"
    assert await ledger.audit.find_confirmer("r1") == ""
