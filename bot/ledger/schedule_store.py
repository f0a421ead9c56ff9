"""Schedules and their slots in the database, so that of many processes exactly one carries each
slot out.

A slot is taken by one transaction: the schedule moves on to its next time only if it still stands
at the time that was seen, and the slot is entered under a key that there is once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Executable, delete, exists, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.errors import LedgerError
from bot.ledger.connection import READS, open_transaction
from bot.ledger.schedules import NewSchedule, Schedule, ScheduleState, Slot, SlotResult, SlotState
from bot.ledger.tables import schedules, slots
from bot.ledger.texts import clean_text, convert_row_to_utc, read_texts, write_text
from bot.text import Text

TRIES = 5
"""How often a schedule is tried to enter when another one took its number."""

LIVE = (ScheduleState.ACTIVE, ScheduleState.PAUSED)


@dataclass(frozen=True)
class ScheduleAdvance:
    """Advance of a schedule from the time that was seen to the `following` one.

    It passes over `missed` slots; a `following` of None is the schedule's end.
    """

    seen: datetime
    following: datetime | None
    missed: int = 0


class SqlSchedules:
    """All schedules. Everything raises `bot.errors.LedgerError` when the database is away."""

    def __init__(self, engine: AsyncEngine, *, now: Callable[[], datetime]) -> None:
        self._engine, self._now = engine, now
        self._reader = engine.execution_options(**READS)

    def now(self) -> datetime:
        """Return the moment by the ledger's clock, UTC."""
        return self._now().astimezone(UTC)

    # Schedules

    async def add(self, new: NewSchedule) -> tuple[Schedule, bool]:
        """Enter a schedule under the next free number.

        The flag is False when this command was entered before. Raises LedgerError.
        """
        for _ in range(TRIES):
            try:
                async with self._open_write() as connection:
                    highest = await connection.scalar(
                        select(func.coalesce(func.max(schedules.c.number), 0))
                    )
                    row = (
                        schedules.insert()
                        .values(**self._build_first_row(new, int(highest or 0) + 1))
                        .returning(*schedules.c)
                    )
                    return build_schedule((await connection.execute(row)).mappings().one()), True
            except IntegrityError:
                for known in await self._find_schedules(
                    schedules.c.request_key == clean_text(new.request_key)
                ):
                    return known, False
        raise LedgerError("The ledger is contended: the schedule could not be entered.")

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

    # Slots

    async def claim_slot(
        self, seen: Schedule, slot_at: datetime, move: ScheduleAdvance, owner: str
    ) -> tuple[Schedule, Slot] | None:
        """Take a slot for this process.

        Returns None when another process did, or while an earlier slot has not ended.
        """
        now = self.now()
        values = {
            "schedule": seen.id,
            "slot_at": slot_at.astimezone(UTC),
            "owner": clean_text(owner),
            "begun_at": now,
        }
        entry = slots.insert().values(**values, state=SlotState.RUNNING, attempt=1, summary="")
        try:
            async with self._open_write() as connection:
                moved = self._build_advance(seen, move, fired=schedules.c.fired + 1)
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
        async with self._open_write() as connection:
            rows = (await connection.execute(self._build_advance(seen, move))).mappings().all()
        return build_schedule(rows[0]) if rows else None

    async def list_running_slots(self) -> list[Slot]:
        """Return the slots that run, in whatever process."""
        query = select(slots).where(slots.c.state == SlotState.RUNNING).order_by(slots.c.slot_at)
        async with self._open_read() as connection:
            return [build_slot(row) for row in (await connection.execute(query)).mappings()]

    async def resume_slot(self, seen: Slot, owner: str) -> Slot | None:
        """Take a running slot from a process that is gone; return None when another one did."""
        return await self._take_slot(seen, owner=clean_text(owner), attempt=slots.c.attempt + 1)

    async def cut_slot(self, seen: Slot) -> Schedule | None:
        """End a slot whose process is gone, and count it; return None when another process did."""
        async with self._open_write() as connection:
            ended = (
                update(slots)
                .where(_match_running_slot(seen))
                .values(state=SlotState.CUT, ended_at=self.now())
            )
            if not (await connection.execute(ended)).rowcount:
                return None
            return await self._update_schedule_within(
                connection, schedules.c.id == seen.schedule, cut=schedules.c.cut + 1
            )

    async def finish_slot(self, slot: Slot, ending: SlotResult) -> Schedule | None:
        """End a slot, and leave its result in the schedule.

        Returns None when this process had lost the slot.
        """
        now = self.now()
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
        async with self._open_write() as connection:
            if not (
                await connection.execute(
                    update(slots).where(_match_running_slot(slot)).values(**done)
                )
            ).rowcount:
                return None
            return await self._update_schedule_within(
                connection,
                schedules.c.id == slot.schedule,
                **left,
                failed=failed,
                memory=dict(ending.memory),
            )

    async def prune_slots(self, before: datetime) -> int:
        """Delete ended slots that are older, and return their number.

        Their schedules keep the counts.
        """
        old = (slots.c.slot_at < before.astimezone(UTC)) & (slots.c.state != SlotState.RUNNING)
        async with self._open_write() as connection:
            return int((await connection.execute(delete(slots).where(old))).rowcount)

    def _build_advance(self, seen: Schedule, move: ScheduleAdvance, **more: Any) -> Executable:
        """Build the compare-and-swap of a schedule's next time.

        It applies only from the time that was seen, and only when no earlier slot is under way.
        """
        busy = exists().where((slots.c.schedule == seen.id) & (slots.c.state == SlotState.RUNNING))
        here = (
            (schedules.c.id == seen.id) & (schedules.c.next_at == move.seen.astimezone(UTC)) & ~busy
        )
        following = move.following.astimezone(UTC) if move.following else None
        values = {"next_at": following, "missed": schedules.c.missed + move.missed, **more}
        where = here & (schedules.c.state == ScheduleState.ACTIVE)
        return (
            update(schedules)
            .where(where)
            .values(updated_at=self.now(), **values)
            .returning(*schedules.c)
        )

    def _build_first_row(self, new: NewSchedule, number: int) -> dict[str, Any]:
        now = self.now()
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

    async def _take_slot(self, seen: Slot, **values: Any) -> Slot | None:
        async with self._open_write() as connection:
            taken = (
                update(slots).where(_match_running_slot(seen)).values(**values).returning(*slots.c)
            )
            rows = (await connection.execute(taken)).mappings().all()
        return build_slot(rows[0]) if rows else None

    async def _update_schedule(self, where: ColumnElement[bool], **values: Any) -> Schedule | None:
        async with self._open_write() as connection:
            return await self._update_schedule_within(connection, where, **values)

    async def _update_schedule_within(
        self, connection: AsyncConnection, where: ColumnElement[bool], **values: Any
    ) -> Schedule | None:
        values["updated_at"] = self.now()
        change = update(schedules).where(where).values(**values).returning(*schedules.c)
        rows = (await connection.execute(change)).mappings().all()
        return build_schedule(rows[0]) if rows else None

    async def _find_schedules(self, where: ColumnElement[bool]) -> list[Schedule]:
        query = select(schedules).where(where).order_by(schedules.c.number)
        async with self._open_read() as connection:
            return [build_schedule(row) for row in (await connection.execute(query)).mappings()]

    def _open_write(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return open_transaction(self._engine)

    def _open_read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return open_transaction(self._reader)


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


def build_schedule(row: Any) -> Schedule:
    """Build a schedule from a row."""
    values = read_texts(convert_row_to_utc(row), "reason", "last_summary")
    return Schedule(**{**values, "state": ScheduleState(row["state"])})


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
