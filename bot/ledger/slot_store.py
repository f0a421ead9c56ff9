"""Slots of schedules in the database, so that of many processes exactly one carries each slot out.

A slot is taken by one transaction: the schedule moves on to its next time only if it still stands
at the time that was seen, and the slot is entered under a key that there is once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Executable, delete, exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.ledger.database import READS, execute, open_transaction
from bot.ledger.database_tables import schedules, slots
from bot.ledger.schedule_records import Schedule, ScheduleState, Slot, SlotResult, SlotState
from bot.ledger.schedule_store import build_schedule, update_schedule
from bot.ledger.texts import clean_text, convert_row_to_utc, write_text


@dataclass(frozen=True)
class ScheduleAdvance:
    """Advance of a schedule from the time that was seen to the `following` one.

    It passes over `missed` slots; a `following` of None is the schedule's end.
    """

    seen: datetime
    following: datetime | None
    missed: int = 0


class SqlSlots:
    """Slots of all schedules. Everything raises `bot.errors.LedgerError` when the database is
    away."""

    def __init__(self, engine: AsyncEngine, *, now: Callable[[], datetime]) -> None:
        self._engine, self._now = engine, now
        self._reader = engine.execution_options(**READS)

    async def claim_slot(
        self, seen: Schedule, slot_at: datetime, move: ScheduleAdvance, owner: str
    ) -> tuple[Schedule, Slot] | None:
        """Take a slot for this process.

        Returns None when another process did, or while an earlier slot has not ended.
        """
        now = self._utc_now()
        values = {
            "schedule": seen.id,
            "slot_at": slot_at.astimezone(UTC),
            "owner": clean_text(owner),
            "begun_at": now,
        }
        entry = slots.insert().values(**values, state=SlotState.RUNNING, attempt=1, summary="")
        try:
            async with open_transaction(self._engine) as connection:
                moved = _build_advance(seen, move, now, fired=schedules.c.fired + 1)
                # First the schedule, so that processes which reach for one slot wait for its row
                # and then find it moved.
                rows = (await connection.execute(moved)).mappings().all()
                if not rows:
                    return None
                await connection.execute(entry)
        except IntegrityError:
            return None
        return build_schedule(rows[0]), Slot(
            seen.id, slot_at.astimezone(UTC), owner, SlotState.RUNNING, 1
        )

    async def skip_slots(self, seen: Schedule, move: ScheduleAdvance) -> Schedule | None:
        """Move the schedule on without taking a slot; return None when another process did."""
        rows = await execute(self._engine, _build_advance(seen, move, self._utc_now()))
        return build_schedule(rows[0]) if rows else None

    async def list_running_slots(self) -> list[Slot]:
        """Return the slots that run, in whatever process."""
        query = select(slots).where(slots.c.state == SlotState.RUNNING).order_by(slots.c.slot_at)
        return [build_slot(row) for row in await execute(self._reader, query)]

    async def resume_slot(self, seen: Slot, owner: str) -> Slot | None:
        """Take a running slot from a process that is gone; return None when another one did."""
        taken = (
            update(slots)
            .where(_match_running_slot(seen))
            .values(owner=clean_text(owner), attempt=slots.c.attempt + 1)
            .returning(*slots.c)
        )
        rows = await execute(self._engine, taken)
        return build_slot(rows[0]) if rows else None

    async def cut_slot(self, seen: Slot) -> Schedule | None:
        """End a slot whose process is gone, and count it; return None when another process did."""
        async with open_transaction(self._engine) as connection:
            ended = (
                update(slots)
                .where(_match_running_slot(seen))
                .values(state=SlotState.CUT, ended_at=self._utc_now())
            )
            if not (await connection.execute(ended)).rowcount:
                return None
            return await update_schedule(
                connection,
                schedules.c.id == seen.schedule,
                now=self._utc_now(),
                cut=schedules.c.cut + 1,
            )

    async def finish_slot(self, slot: Slot, ending: SlotResult) -> Schedule | None:
        """End a slot, and leave its result in the schedule.

        Returns None when this process had lost the slot.
        """
        now = self._utc_now()
        done = {
            "state": SlotState.DONE,
            "summary": clean_text(str(ending.summary)),
            "ended_at": now,
        }
        left = {
            "last_at": slot.slot_at,
            "last_state": ending.state,
            **write_text("last_summary", ending.summary),
        }
        failed = schedules.c.failed + int(ending.failed)
        async with open_transaction(self._engine) as connection:
            if not (
                await connection.execute(
                    update(slots).where(_match_running_slot(slot)).values(**done)
                )
            ).rowcount:
                return None
            return await update_schedule(
                connection,
                schedules.c.id == slot.schedule,
                now=now,
                **left,
                failed=failed,
                memory=dict(ending.memory),
            )

    async def prune_slots(self, before: datetime) -> int:
        """Delete ended slots that are older, and return their number.

        Their schedules keep the counts.
        """
        # One that runs is kept however old it is: its end is still to be written.
        old = (slots.c.slot_at < before.astimezone(UTC)) & (slots.c.state != SlotState.RUNNING)
        async with open_transaction(self._engine) as connection:
            return int((await connection.execute(delete(slots).where(old))).rowcount)

    def _utc_now(self) -> datetime:
        return self._now().astimezone(UTC)


def _build_advance(seen: Schedule, move: ScheduleAdvance, now: datetime, **more: Any) -> Executable:
    """Build the compare-and-swap of a schedule's next time.

    It applies only from the time that was seen, and only when no earlier slot is under way.
    """
    busy = exists().where((slots.c.schedule == seen.id) & (slots.c.state == SlotState.RUNNING))
    here = (schedules.c.id == seen.id) & (schedules.c.next_at == move.seen.astimezone(UTC)) & ~busy
    following = move.following.astimezone(UTC) if move.following else None
    values = {"next_at": following, "missed": schedules.c.missed + move.missed, **more}
    where = here & (schedules.c.state == ScheduleState.ACTIVE)
    return update(schedules).where(where).values(updated_at=now, **values).returning(*schedules.c)


def _match_running_slot(slot: Slot) -> ColumnElement[bool]:
    """Return the condition for that slot as it was seen.

    It is running, of that owner, and in that attempt.
    """
    same = (slots.c.schedule == slot.schedule) & (slots.c.slot_at == slot.slot_at)
    running = slots.c.state == SlotState.RUNNING
    return (
        same
        & running
        & (slots.c.owner == clean_text(slot.owner))
        & (slots.c.attempt == slot.attempt)
    )


def build_slot(row: Any) -> Slot:
    """Build a slot from a row."""
    values = convert_row_to_utc(row)
    return Slot(
        values["schedule"],
        values["slot_at"],
        values["owner"],
        SlotState(values["state"]),
        int(values["attempt"]),
    )
