"""The audit: who asked for what, where, and what became of it. Rows are added and read, never
changed or removed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.ledger.database import READS, execute
from bot.ledger.database_tables import audit
from bot.ledger.texts import clean_text, read_texts, write_text
from bot.records import AuditEntry

PAGE = 500
"""Rows that are read at once when all are wanted."""


class SqlAuditTrail:
    """Implements `bot.records.AuditTrail`.

    Everything raises `bot.errors.LedgerError` when the database is away.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine, self._reader = engine, engine.execution_options(**READS)

    async def add(self, *entries: AuditEntry) -> int:
        """Add rows in one transaction, and return how many are new.

        A row whose id is there already stays as it is.
        """
        try:
            await execute(
                self._engine, audit.insert().values([_build_row(entry) for entry in entries])
            )
        except IntegrityError:
            # Row by row, so that one which is there does not keep out the others.
            return sum([await self.add(entry) for entry in entries]) if len(entries) > 1 else 0
        return len(entries)

    async def entries(self, *, most: int = 20, user: str = "", step: str = "") -> list[AuditEntry]:
        """Return the newest rows first, of one user or step when that is named."""
        query = select(audit).order_by(audit.c.at.desc(), audit.c.id.desc()).limit(most)
        query = query.where(audit.c.user == clean_text(user)) if user else query
        query = query.where(audit.c.step == clean_text(step)) if step else query
        return [_build_entry(row) for row in await execute(self._reader, query)]

    async def iterate_since(
        self, moment: datetime, *, page: int = PAGE
    ) -> AsyncIterator[AuditEntry]:
        """Yield every row from that moment on, the oldest first.

        `page` rows are read at once.
        """
        place: tuple[datetime, str] = (moment.astimezone(UTC), "")
        while True:
            later = tuple_(audit.c.at, audit.c.id) > place
            query = select(audit).where(later).order_by(audit.c.at, audit.c.id).limit(page)
            rows = [_build_entry(row) for row in await execute(self._reader, query)]
            for row in rows:
                yield row
            if len(rows) < page:
                return
            place = (rows[-1].at, rows[-1].id)

    async def find_confirmer(self, run: str) -> str:
        """Return who confirmed that run last, or ""."""
        where = (audit.c.run == clean_text(run)) & (audit.c.outcome == "confirmed")
        query = select(audit.c.decided_by).where(where).order_by(audit.c.at.desc()).limit(1)
        rows = await execute(self._reader, query)
        return str(rows[0]["decided_by"]) if rows else ""


def _build_row(entry: AuditEntry) -> dict[str, Any]:
    kept = {
        name: clean_text(value) if isinstance(value, str) else value
        for name, value in vars(entry).items()
    }
    return kept | write_text("summary", entry.summary) | {"at": entry.at.astimezone(UTC)}


def _build_entry(row: RowMapping) -> AuditEntry:
    """Build an entry from a row; SQLite keeps times without their zone, which is always UTC."""
    values = read_texts(row, "summary")
    return AuditEntry(**{**values, "at": values["at"].replace(tzinfo=values["at"].tzinfo or UTC)})
