"""Clears what is older than it is to be kept: runs with what stood before them, the audit, and
schedules that are over.

What is still needed stays however old it is: runs that have not ended, what undo can still take
back, and the newest run of each step in each channel and state. Rows go in batches, each in a
transaction of its own, so that nobody waits long for the lock that writing takes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Select, delete, func, literal, or_, select, union, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.errors import LedgerError
from bot.ledger.database import execute, open_transaction, summarize_error
from bot.ledger.database_tables import audit, audit_retention, images, runs, schedules, slots
from bot.ledger.journal import UNDO_REACH
from bot.ledger.schedule_records import ScheduleState, SlotState

BATCH = 200
"""Rows, or runs, that are deleted in one transaction."""

MOST_BATCHES = 20
"""Batches of each kind in one call; what is left is cleared by the next ones."""

PAUSE = 0.02
"""Seconds between batches, in which others get the lock."""

OVER = (ScheduleState.ENDED, ScheduleState.REMOVED)


@dataclass(frozen=True)
class RetentionTimes:
    """How long things are kept after their end: `runs` and ended schedules, and the `audit`."""

    runs: timedelta
    audit: timedelta


@dataclass
class SqlRetention:
    """Clears old rows; `cleared` counts them by table.

    Everything raises `bot.errors.LedgerError` when the database is away.
    """

    engine: AsyncEngine
    now: Callable[[], datetime]
    cleared: Counter[str] = field(default_factory=Counter, init=False)

    async def clear(self, times: RetentionTimes) -> None:
        """Clear what is older than that; a call takes a second or two at most."""
        moment = self.now().astimezone(UTC)
        # The audit first: a run's row is written again as long as the audit reaches back to it.
        await self._permit_clearing(moment - times.audit)
        await self._repeat("audit", self._clear_audit, moment - times.audit)
        await self._repeat("runs", self._clear_runs, moment - times.runs)
        await self._repeat("schedules", self._clear_schedules, moment - times.runs)

    async def _repeat(
        self, table: str, clear: Callable[[datetime], Awaitable[int]], before: datetime
    ) -> None:
        for _ in range(MOST_BATCHES):
            gone = await clear(before)
            self.cleared[table] += gone
            if gone < BATCH:
                return
            await asyncio.sleep(PAUSE)

    async def _permit_clearing(self, before: datetime) -> None:
        """Record up to which moment the audit may be cleared; the database refuses all else.

        Raises LedgerError for a moment within the last days.
        """
        known = select(audit_retention.c.id).where(audit_retention.c.id == 1).exists()
        row = select(literal(1), literal(before, audit_retention.c.cleared_before.type))
        columns = ("id", "cleared_before")
        try:
            await execute(
                self.engine, audit_retention.insert().from_select(columns, row.where(~known))
            )
            await execute(self.engine, update(audit_retention).values(cleared_before=before))
        except IntegrityError as refused:
            raise LedgerError(f"The audit is not cleared: {summarize_error(refused)}") from refused

    async def _clear_audit(self, before: datetime) -> int:
        old = select(audit.c.id).where(audit.c.at < before).order_by(audit.c.at).limit(BATCH)
        async with open_transaction(self.engine) as connection:
            gone = await connection.execute(delete(audit).where(audit.c.id.in_(old)))
            return int(gone.rowcount)

    async def _clear_runs(self, before: datetime) -> int:
        async with open_transaction(self.engine) as connection:
            # In the transaction that deletes: an undo may bring an older run within its reach.
            rows = await connection.execute(select_old_runs(before).limit(BATCH))
            ids = list(rows.scalars())
            await connection.execute(delete(images).where(images.c.run.in_(ids)))
            await connection.execute(delete(runs).where(runs.c.id.in_(ids)))
        return len(ids)

    async def _clear_schedules(self, before: datetime) -> int:
        async with open_transaction(self.engine) as connection:
            ids = list((await connection.execute(select_old_schedules(before))).scalars())
            await connection.execute(delete(slots).where(slots.c.schedule.in_(ids)))
            await connection.execute(delete(schedules).where(schedules.c.id.in_(ids)))
        return len(ids)


def select_old_runs(before: datetime) -> Select[tuple[str]]:
    """Build the query for runs that ended before that moment and that nothing needs any more."""
    kind = (runs.c.channel, runs.c.step, runs.c.state)
    newest = select(func.max(runs.c.id)).group_by(*kind)
    audited = select(audit.c.id).where(audit.c.id == runs.c.id).exists()
    return (
        select(runs.c.id)
        # The second condition follows from the first; there is an index for it.
        .where(runs.c.finished_at < before, runs.c.created_at < before)
        .where(runs.c.id.not_in(select_undoable_runs()), runs.c.id.not_in(newest))
        # What became of it is told by the audit, as far as that reaches back.
        .where(or_(audited, runs.c.finished_at < select_audit_beginning().scalar_subquery()))
        .order_by(runs.c.created_at)
    )


def select_undoable_runs() -> Select[tuple[str]]:
    """Build the query for runs that undo can take back: the newest of each namespace."""
    left = images.c.undone_at.is_(None)
    itself = left & (images.c.plural == "namespaces")
    places = union(
        select(images.c.namespace.label("place"), images.c.run).where(left),
        select(images.c.name.label("place"), images.c.run).where(itself),
    ).subquery()
    rank = func.row_number().over(partition_by=places.c.place, order_by=places.c.run.desc())
    ranked = select(places.c.run, rank.label("rank")).subquery()
    return select(ranked.c.run).where(ranked.c.rank <= UNDO_REACH)


def select_audit_beginning() -> Select[tuple[datetime]]:
    """Build the query for the moment before which the audit was cleared; NULL when it never was."""
    return select(func.max(audit_retention.c.cleared_before))


def select_old_schedules(before: datetime) -> Select[tuple[str]]:
    """Build the query for schedules that were over before that moment."""
    # Numbers are given out in order: the highest one stays, or another would get its name, and the
    # buttons of its message.
    highest = select(func.max(schedules.c.number)).scalar_subquery()
    busy = select(slots.c.schedule).where(slots.c.state == SlotState.RUNNING)
    return (
        select(schedules.c.id)
        .where(schedules.c.state.in_(OVER), schedules.c.updated_at < before)
        .where(schedules.c.number != highest, schedules.c.id.not_in(busy))
        .limit(BATCH)
    )
