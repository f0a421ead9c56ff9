"""Schedules and their slots in the database, so that of many processes exactly one carries each slot out.

A slot is taken by one transaction: the schedule moves on to its next time only if it still stands at the time that was
seen, and the slot is entered under a key that there is once.
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
from bot.ledger.connection import READS, transaction
from bot.ledger.schedules import Ending, NewSchedule, Schedule, ScheduleState, Slot, SlotState
from bot.ledger.tables import schedules, slots
from bot.ledger.texts import clean, in_utc

TRIES = 5
"""How often a schedule is tried to enter when another one took its number."""

LIVE = (ScheduleState.ACTIVE, ScheduleState.PAUSED)


@dataclass(frozen=True)
class Move:
    """How a schedule moves on: from the time that was seen, past `missed` slots, to the next one; None is its end."""

    seen: datetime
    following: datetime | None
    missed: int = 0


class Timetable:
    """All schedules. Everything raises `bot.errors.LedgerError` when the database is away."""

    def __init__(self, engine: AsyncEngine, *, now: Callable[[], datetime]) -> None:
        self._engine, self._now = engine, now
        self._reader = engine.execution_options(**READS)

    def now(self) -> datetime:
        """The moment by the ledger's clock, UTC."""
        return self._now().astimezone(UTC)

    # Schedules

    async def add(self, new: NewSchedule) -> tuple[Schedule, bool]:
        """Enters a schedule under the next free number; False beside it when this command was entered before."""
        for _ in range(TRIES):
            try:
                async with self._writing() as connection:
                    highest = await connection.scalar(select(func.coalesce(func.max(schedules.c.number), 0)))
                    row = schedules.insert().values(**self._first(new, int(highest or 0) + 1)).returning(*schedules.c)
                    return as_schedule((await connection.execute(row)).mappings().one()), True
            except IntegrityError:
                for known in await self._find(schedules.c.request_key == clean(new.request_key)):
                    return known, False
        raise LedgerError("The ledger is contended: the schedule could not be entered.")

    async def get(self, id_: str) -> Schedule | None:
        """The schedule of that id."""
        found = await self._find(schedules.c.id == clean(id_))
        return found[0] if found else None

    async def live(self) -> list[Schedule]:
        """Schedules that go on or are paused, the oldest first."""
        return await self._find(schedules.c.state.in_(LIVE))

    async def posted(self, id_: str, channel: str, ts: str) -> None:
        """Remembers where the schedule's message stands."""
        await self._change(schedules.c.id == clean(id_), channel=clean(channel), ts=clean(ts))

    async def adopt(self, seen: Schedule, owner: str) -> Schedule | None:
        """Takes over a schedule that was never posted from a process that is gone; None when another one did."""
        mine = (schedules.c.id == seen.id) & (schedules.c.owner == seen.owner) & schedules.c.ts.is_(None)
        return await self._change(mine, owner=clean(owner))

    async def turn(
        self, id_: str, state: ScheduleState, reason: str, *, among: Collection[ScheduleState], next_at: datetime | None
    ) -> Schedule | None:
        """Pauses, resumes, ends or removes a schedule that stands in one of `among`; None when it does not."""
        where = (schedules.c.id == clean(id_)) & schedules.c.state.in_(among)
        values = {"state": state, "reason": clean(reason), "next_at": next_at.astimezone(UTC) if next_at else None}
        return await self._change(where, **values)

    # Slots

    async def claim(self, seen: Schedule, slot_at: datetime, move: Move, owner: str) -> tuple[Schedule, Slot] | None:
        """Takes a slot for this process; None when another one did, or while an earlier slot has not ended."""
        now = self.now()
        values = {"schedule": seen.id, "slot_at": slot_at.astimezone(UTC), "owner": clean(owner), "begun_at": now}
        entry = slots.insert().values(**values, state=SlotState.RUNNING, attempt=1, summary="")
        try:
            async with self._writing() as connection:
                moved = self._moved(seen, move, fired=schedules.c.fired + 1)
                rows = (await connection.execute(moved)).mappings().all()
                if not rows:
                    return None
                await connection.execute(entry)
        except IntegrityError:
            return None
        return as_schedule(rows[0]), Slot(seen.id, slot_at.astimezone(UTC), owner, SlotState.RUNNING, 1)

    async def skip(self, seen: Schedule, move: Move) -> Schedule | None:
        """Moves on without taking a slot; None when another process moved it."""
        async with self._writing() as connection:
            rows = (await connection.execute(self._moved(seen, move))).mappings().all()
        return as_schedule(rows[0]) if rows else None

    async def unfinished(self) -> list[Slot]:
        """Slots that run, in whatever process."""
        query = select(slots).where(slots.c.state == SlotState.RUNNING).order_by(slots.c.slot_at)
        async with self._reading() as connection:
            return [as_slot(row) for row in (await connection.execute(query)).mappings()]

    async def resume(self, seen: Slot, owner: str) -> Slot | None:
        """Takes a running slot from a process that is gone; None when another one did."""
        return await self._take(seen, owner=clean(owner), attempt=slots.c.attempt + 1)

    async def cut(self, seen: Slot) -> Schedule | None:
        """Ends a slot whose process is gone, and counts it; None when another process did."""
        async with self._writing() as connection:
            ended = update(slots).where(_this(seen)).values(state=SlotState.CUT, ended_at=self.now())
            if not (await connection.execute(ended)).rowcount:
                return None
            return await self._in(connection, schedules.c.id == seen.schedule, cut=schedules.c.cut + 1)

    async def finish(self, slot: Slot, ending: Ending) -> Schedule | None:
        """Ends a slot, and leaves its result in the schedule; None when this process had lost the slot."""
        now = self.now()
        done = {"state": SlotState.DONE, "summary": clean(ending.summary), "ended_at": now}
        left = {"last_at": slot.slot_at, "last_state": ending.state, "last_summary": clean(ending.summary)}
        failed = schedules.c.failed + int(ending.failed)
        async with self._writing() as connection:
            if not (await connection.execute(update(slots).where(_this(slot)).values(**done))).rowcount:
                return None
            return await self._in(
                connection, schedules.c.id == slot.schedule, **left, failed=failed, memory=dict(ending.memory)
            )

    async def prune(self, before: datetime) -> int:
        """Forgets ended slots that are older; gives how many. Their schedules keep the counts."""
        old = (slots.c.slot_at < before.astimezone(UTC)) & (slots.c.state != SlotState.RUNNING)
        async with self._writing() as connection:
            return int((await connection.execute(delete(slots).where(old))).rowcount)

    def _moved(self, seen: Schedule, move: Move, **more: Any) -> Executable:
        """The compare-and-swap: only from the time that was seen, and only when no earlier slot is under way."""
        busy = exists().where((slots.c.schedule == seen.id) & (slots.c.state == SlotState.RUNNING))
        here = (schedules.c.id == seen.id) & (schedules.c.next_at == move.seen.astimezone(UTC)) & ~busy
        following = move.following.astimezone(UTC) if move.following else None
        values = {"next_at": following, "missed": schedules.c.missed + move.missed, **more}
        where = here & (schedules.c.state == ScheduleState.ACTIVE)
        return update(schedules).where(where).values(updated_at=self.now(), **values).returning(
            *schedules.c
        )  # fmt: skip

    def _first(self, new: NewSchedule, number: int) -> dict[str, Any]:
        now = self.now()
        texts = ("request_key", "step", "words", "typed", "user", "channel", "namespace", "owner")
        none = dict.fromkeys(("fired", "failed", "missed", "cut"), 0)
        empty = dict.fromkeys(("reason", "last_state", "last_summary"), "")
        return {
            **{name: clean(getattr(new, name)) for name in texts},
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

    async def _take(self, seen: Slot, **values: Any) -> Slot | None:
        async with self._writing() as connection:
            taken = update(slots).where(_this(seen)).values(**values).returning(*slots.c)
            rows = (await connection.execute(taken)).mappings().all()
        return as_slot(rows[0]) if rows else None

    async def _change(self, where: ColumnElement[bool], **values: Any) -> Schedule | None:
        async with self._writing() as connection:
            return await self._in(connection, where, **values)

    async def _in(self, connection: AsyncConnection, where: ColumnElement[bool], **values: Any) -> Schedule | None:
        values["updated_at"] = self.now()
        change = update(schedules).where(where).values(**values).returning(*schedules.c)
        rows = (await connection.execute(change)).mappings().all()
        return as_schedule(rows[0]) if rows else None

    async def _find(self, where: ColumnElement[bool]) -> list[Schedule]:
        query = select(schedules).where(where).order_by(schedules.c.number)
        async with self._reading() as connection:
            return [as_schedule(row) for row in (await connection.execute(query)).mappings()]

    def _writing(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return transaction(self._engine)

    def _reading(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return transaction(self._reader)


def _this(slot: Slot) -> ColumnElement[bool]:
    """That slot as it was seen: running, of that owner, in that attempt."""
    same = (slots.c.schedule == slot.schedule) & (slots.c.slot_at == slot.slot_at)
    running = slots.c.state == SlotState.RUNNING
    return same & running & (slots.c.owner == clean(slot.owner)) & (slots.c.attempt == slot.attempt)


def as_schedule(row: Any) -> Schedule:
    """A row as a value."""
    return Schedule(**{**in_utc(row), "state": ScheduleState(row["state"])})


def as_slot(row: Any) -> Slot:
    """A row as a value."""
    values = in_utc(row)
    return Slot(
        values["schedule"], values["slot_at"], values["owner"], SlotState(values["state"]), int(values["attempt"])
    )
