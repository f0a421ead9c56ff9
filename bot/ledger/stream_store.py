"""Streams of traffic in the database: each is sent by one process, and outlives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.ledger.database import READS, execute
from bot.ledger.database_tables import streams
from bot.ledger.texts import clean_text, convert_row_to_utc


@dataclass(frozen=True)
class StreamRow:
    """A stream as the ledger holds it.

    A request is sent `every` so many seconds by `owner`; `seen` is what it met so far.
    """

    namespace: str
    user: str
    every: float
    since: datetime
    until: datetime
    owner: str
    seen: Mapping[str, Any] = field(default_factory=dict)


class SqlStreams:
    """All streams. Everything raises `bot.errors.LedgerError` when the database is away."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._reader = engine.execution_options(**READS)

    async def save(self, row: StreamRow) -> None:
        """Save a stream; it replaces that user's in that namespace."""
        values = {
            **{
                "every": row.every,
                "since": row.since.astimezone(UTC),
                "until": row.until.astimezone(UTC),
            },
            **{"owner": clean_text(row.owner), "seen": dict(row.seen)},
        }
        try:
            await execute(
                self._engine,
                streams.insert().values(
                    namespace=clean_text(row.namespace), user=clean_text(row.user), **values
                ),
            )
        except IntegrityError:
            await execute(self._engine, update(streams).where(_match_stream(row)).values(**values))

    async def list_all(self) -> list[StreamRow]:
        """Return every stream that was not stopped."""
        rows = await execute(
            self._reader, select(streams).order_by(streams.c.namespace, streams.c.user)
        )
        return [StreamRow(**convert_row_to_utc(row)) for row in rows]

    async def remove_from_namespace(self, namespace: str) -> list[StreamRow]:
        """Remove the streams of a namespace, and return them as they stood."""
        gone = (
            delete(streams)
            .where(streams.c.namespace == clean_text(namespace))
            .returning(*streams.c)
        )
        return [StreamRow(**convert_row_to_utc(row)) for row in await execute(self._engine, gone)]

    async def remove_ended(self, row: StreamRow) -> bool:
        """Remove a stream whose time is over; return False when it is another one by now."""
        mine = _match_owned_stream(row)
        return bool(
            await execute(self._engine, delete(streams).where(mine).returning(streams.c.user))
        )

    async def save_traffic(self, row: StreamRow, seen: Mapping[str, Any]) -> bool:
        """Save what a stream has seen.

        Returns False when the stream was stopped, replaced or taken over.
        """
        kept = (
            update(streams)
            .where(_match_owned_stream(row))
            .values(seen=dict(seen))
            .returning(streams.c.user)
        )
        return bool(await execute(self._engine, kept))

    async def take_over(self, row: StreamRow, owner: str) -> StreamRow | None:
        """Take over a stream from a process that is gone; return None when another process did."""
        taken = (
            update(streams)
            .where(_match_owned_stream(row))
            .values(owner=clean_text(owner))
            .returning(*streams.c)
        )
        rows = await execute(self._engine, taken)
        return StreamRow(**convert_row_to_utc(rows[0])) if rows else None


def _match_stream(row: StreamRow) -> ColumnElement[bool]:
    return (streams.c.namespace == clean_text(row.namespace)) & (
        streams.c.user == clean_text(row.user)
    )


def _match_owned_stream(row: StreamRow) -> ColumnElement[bool]:
    # `since` too: the same user may have begun another one in the same process.
    since = row.since.astimezone(UTC)
    return (
        _match_stream(row) & (streams.c.owner == clean_text(row.owner)) & (streams.c.since == since)
    )
