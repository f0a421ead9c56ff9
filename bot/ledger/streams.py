"""Streams of traffic in the database: each is carried by one process, and outlives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.ledger.connection import READS, execute
from bot.ledger.tables import streams
from bot.ledger.texts import clean, in_utc


@dataclass(frozen=True)
class StreamRow:
    """A stream as the ledger holds it: `every` in seconds, carried by `owner`; `seen` is what it met so far."""

    namespace: str
    user: str
    every: float
    since: datetime
    until: datetime
    owner: str
    seen: Mapping[str, Any] = field(default_factory=dict)


class StreamBook:
    """All streams. Everything raises `bot.errors.LedgerError` when the database is away."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._reader = engine.execution_options(**READS)

    async def put(self, row: StreamRow) -> None:
        """Enters a stream; it replaces that user's in that namespace."""
        values = {
            **{"every": row.every, "since": row.since.astimezone(UTC), "until": row.until.astimezone(UTC)},
            **{"owner": clean(row.owner), "seen": dict(row.seen)},
        }
        try:
            await execute(
                self._engine,
                streams.insert().values(namespace=clean(row.namespace), user=clean(row.user), **values),
            )
        except IntegrityError:
            await execute(self._engine, update(streams).where(_this(row)).values(**values))

    async def all(self) -> list[StreamRow]:
        """Every stream that was not stopped."""
        rows = await execute(self._reader, select(streams).order_by(streams.c.namespace, streams.c.user))
        return [StreamRow(**in_utc(row)) for row in rows]

    async def remove(self, namespace: str) -> list[StreamRow]:
        """Takes the streams of a namespace out, and gives them as they stood."""
        gone = delete(streams).where(streams.c.namespace == clean(namespace)).returning(*streams.c)
        return [StreamRow(**in_utc(row)) for row in await execute(self._engine, gone)]

    async def drop(self, row: StreamRow) -> bool:
        """Takes a stream out whose time is over; False when it is another one by now."""
        mine = _same(row)
        return bool(await execute(self._engine, delete(streams).where(mine).returning(streams.c.user)))

    async def note(self, row: StreamRow, seen: Mapping[str, Any]) -> bool:
        """Keeps what a stream met; False when it was stopped, replaced or taken over."""
        kept = update(streams).where(_same(row)).values(seen=dict(seen)).returning(streams.c.user)
        return bool(await execute(self._engine, kept))

    async def take_over(self, row: StreamRow, owner: str) -> StreamRow | None:
        """Carries a stream on for a process that is gone; None when another process does."""
        taken = update(streams).where(_same(row)).values(owner=clean(owner)).returning(*streams.c)
        rows = await execute(self._engine, taken)
        return StreamRow(**in_utc(rows[0])) if rows else None


def _this(row: StreamRow) -> ColumnElement[bool]:
    return (streams.c.namespace == clean(row.namespace)) & (streams.c.user == clean(row.user))


def _same(row: StreamRow) -> ColumnElement[bool]:
    since = row.since.astimezone(UTC)
    return _this(row) & (streams.c.owner == clean(row.owner)) & (streams.c.since == since)
