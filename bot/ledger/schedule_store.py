"""Schedules in the database."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.errors import LedgerError
from bot.ledger.database import READS, execute, open_transaction
from bot.ledger.database_tables import schedules
from bot.ledger.schedule_records import NewSchedule, Schedule, ScheduleState
from bot.ledger.texts import clean_text, convert_row_to_utc, read_texts, write_text
from bot.text import Text

TRIES = 5
"""How often a schedule is tried to enter when another one took its number."""

LIVE = (ScheduleState.ACTIVE, ScheduleState.PAUSED)


class SqlSchedules:
    """All schedules. Everything raises `bot.errors.LedgerError` when the database is away."""

    def __init__(self, engine: AsyncEngine, *, now: Callable[[], datetime]) -> None:
        self._engine, self._now = engine, now
        self._reader = engine.execution_options(**READS)

    def now(self) -> datetime:
        """Return the moment by the ledger's clock, UTC."""
        return self._now().astimezone(UTC)

    async def add(self, new: NewSchedule) -> tuple[Schedule, bool]:
        """Enter a schedule under the next free number.

        The flag is False when this command was entered before. Raises LedgerError.
        """
        for _ in range(TRIES):
            try:
                async with open_transaction(self._engine) as connection:
                    highest = await connection.scalar(
                        select(func.coalesce(func.max(schedules.c.number), 0))
                    )
                    row = (
                        schedules.insert()
                        .values(**build_first_row(new, int(highest or 0) + 1, self.now()))
                        .returning(*schedules.c)
                    )
                    return build_schedule((await connection.execute(row)).mappings().one()), True
            except IntegrityError:
                # Another process took the number, or this command came before.
                for known in await self._find_schedules(
                    schedules.c.request_key == clean_text(new.request_key)
                ):
                    return known, False
        raise LedgerError(
            "The ledger is contended: the schedule could not be entered.",
            Text("others write the same at the same moment"),
        )

    async def get(self, id_: str) -> Schedule | None:
        """Return the schedule of that id, or None."""
        found = await self._find_schedules(schedules.c.id == clean_text(id_))
        return found[0] if found else None

    async def list_live(self) -> list[Schedule]:
        """Return schedules that go on or are paused, the oldest first."""
        return await self._find_schedules(schedules.c.state.in_(LIVE))

    async def record_posted(self, id_: str, channel: str, ts: str) -> None:
        """Record where the schedule's message stands."""
        await self._update_schedule(
            schedules.c.id == clean_text(id_), channel=clean_text(channel), ts=clean_text(ts)
        )

    async def adopt_unposted(self, seen: Schedule, owner: str) -> Schedule | None:
        """Take over a schedule that was never posted from a process that is gone.

        Returns None when another process did.
        """
        mine = (
            (schedules.c.id == seen.id)
            & (schedules.c.owner == seen.owner)
            & schedules.c.ts.is_(None)
        )
        return await self._update_schedule(mine, owner=clean_text(owner))

    async def change_state(
        self,
        id_: str,
        state: ScheduleState,
        reason: Text,
        *,
        among: Collection[ScheduleState],
        next_at: datetime | None,
    ) -> Schedule | None:
        """Pause, resume, end or remove a schedule that stands in one of `among`.

        Returns None when it does not.
        """
        where = (schedules.c.id == clean_text(id_)) & schedules.c.state.in_(among)
        values = {
            "state": state,
            **write_text("reason", reason),
            "next_at": next_at.astimezone(UTC) if next_at else None,
        }
        return await self._update_schedule(where, **values)

    async def _update_schedule(self, where: ColumnElement[bool], **values: Any) -> Schedule | None:
        async with open_transaction(self._engine) as connection:
            return await update_schedule(connection, where, now=self.now(), **values)

    async def _find_schedules(self, where: ColumnElement[bool]) -> list[Schedule]:
        query = select(schedules).where(where).order_by(schedules.c.number)
        return [build_schedule(row) for row in await execute(self._reader, query)]


async def update_schedule(
    connection: AsyncConnection, where: ColumnElement[bool], *, now: datetime, **values: Any
) -> Schedule | None:
    """Update a schedule within a transaction; return None when the condition holds for none."""
    change = update(schedules).where(where).values(updated_at=now, **values)
    rows = (await connection.execute(change.returning(*schedules.c))).mappings().all()
    return build_schedule(rows[0]) if rows else None


def build_first_row(new: NewSchedule, number: int, now: datetime) -> dict[str, Any]:
    """Build the row of a schedule that is entered `now` (UTC) under this number."""
    texts = ("request_key", "step", "words", "typed", "user", "channel", "namespace", "owner")
    none = dict.fromkeys(("fired", "failed", "missed", "cut"), 0)
    empty = dict.fromkeys(("reason", "last_state", "last_summary"), "")
    return {
        **{name: clean_text(getattr(new, name)) for name in texts},
        **none,
        **empty,
        "id": f"s{number}",
        "number": number,
        "timing": dict(new.timing),
        "until": new.until.astimezone(UTC) if new.until else None,
        "state": ScheduleState.ACTIVE,
        "next_at": new.next_at.astimezone(UTC),
        "memory": {},
        "created_at": now,
        "updated_at": now,
    }


def build_schedule(row: Any) -> Schedule:
    """Build a schedule from a row."""
    values = read_texts(convert_row_to_utc(row), "reason", "last_summary")
    return Schedule(**{**values, "state": ScheduleState(row["state"])})
