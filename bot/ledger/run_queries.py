"""Queries for runs. They only read, and so wait for nobody who writes."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import ColumnElement, RowMapping, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.ledger.database import READS, execute
from bot.ledger.database_tables import audit, audit_retention, runs
from bot.ledger.replicas import LIVING
from bot.ledger.run_records import ACTIVE, Run, RunState
from bot.ledger.texts import clean_text, read_texts
from bot.messages import Posted

TIMES = ("created_at", "updated_at", "finished_at", "expires_at", "verified_at", "begun_at")
OLDEST_FIRST = (runs.c.created_at, runs.c.id)
NEWEST_FIRST = (runs.c.created_at.desc(), runs.c.id.desc())


class RunQueries:
    """Finds runs. Everything raises `bot.errors.LedgerError` when the database is away."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reader = engine.execution_options(**READS)

    async def get_run(self, run_id: str) -> Run | None:
        """Return the run of that id, or None."""
        return await self.find_newest(match_run(run_id))

    async def find_last_run(self, step: str, channel: str = "") -> Run | None:
        """Return the newest run of a step, in one channel or in any, whatever its state."""
        where = runs.c.step == clean_text(step)
        return await self.find_newest(
            where & (runs.c.channel == clean_text(channel)) if channel else where
        )

    async def find_run_of_message(self, posted: Posted) -> Run | None:
        """Return the run whose message stands there, or None."""
        return await self.find_newest(
            (runs.c.channel == clean_text(posted.channel)) & (runs.c.ts == clean_text(posted.ts))
        )

    async def list_recent_runs(self, n: int) -> list[Run]:
        """Return the `n` newest runs, the newest first."""
        return await self._list_newest(runs.c.id.is_not(None), limit=n)

    async def list_changes_since(self, moment: datetime) -> list[Run]:
        """Return the runs that began to change something after a moment, the oldest first."""
        return await self._list_oldest(runs.c.begun_at > moment.astimezone(UTC))

    async def list_orphaned_runs(self) -> list[Run]:
        """Return running runs of processes that are gone, the oldest first."""
        return await self._list_oldest(
            (runs.c.state == RunState.RUNNING) & runs.c.owner.not_in(LIVING)
        )

    async def list_unfinished_runs(self) -> list[Run]:
        """Return runs that run or wait for a confirmation, the oldest first."""
        return await self._list_oldest(runs.c.state.in_(ACTIVE))

    async def list_unaudited_runs(self, *, most: int = 500) -> list[Run]:
        """Return runs that have ended without a row of their own in the audit, the newest first."""
        audited = select(audit.c.id).where(audit.c.id == runs.c.id).exists()
        # A run may be kept for longer than its row: what was cleared does not come back.
        cleared = select(func.max(audit_retention.c.cleared_before)).scalar_subquery()
        within = cleared.is_(None) | (runs.c.finished_at >= cleared)
        ended = runs.c.finished_at.is_not(None)
        return await self._list_newest(ended & within & ~audited, limit=most)

    async def find_newest(self, where: ColumnElement[bool]) -> Run | None:
        """Return the newest run for which the condition holds, or None."""
        found = await self._list_newest(where, limit=1)
        return found[0] if found else None

    async def _list_newest(self, where: ColumnElement[bool], *, limit: int) -> list[Run]:
        query = select(runs).where(where).order_by(*NEWEST_FIRST).limit(limit)
        return [build_run(row) for row in await execute(self._reader, query)]

    async def _list_oldest(self, where: ColumnElement[bool]) -> list[Run]:
        query = select(runs).where(where).order_by(*OLDEST_FIRST)
        return [build_run(row) for row in await execute(self._reader, query)]


def match_run(run_id: str) -> ColumnElement[bool]:
    """Return the condition for the run of that id."""
    return runs.c.id == clean_text(run_id)


def build_run(row: RowMapping) -> Run:
    """Build a run from a row; SQLite keeps times without their zone, which is always UTC."""
    values = read_texts(row, "summary")
    for name in TIMES:
        if values[name] is not None:
            values[name] = values[name].replace(tzinfo=values[name].tzinfo or UTC)
    read = {
        "state": RunState(row["state"]),
        "about": tuple(row["about"] or ()),
        "confirmed_by": row["confirmed_by"] or "",
    }
    return Run(**values | read)
