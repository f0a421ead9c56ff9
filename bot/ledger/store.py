"""The ledger itself: one database, and what is kept in it by subject."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.ledger.answered_keys import RequestKeys
from bot.ledger.audit_store import SqlAuditTrail
from bot.ledger.beginnings import SqlBeginnings
from bot.ledger.database import (
    READS,
    build_engine,
    execute,
    parse_url,
    translate_errors,
    watch_sqlite_file,
)
from bot.ledger.database_schema import migrate_schema
from bot.ledger.failure_detector import FailureDetector
from bot.ledger.journal import SqlHistory
from bot.ledger.outbox import SqlOutbox
from bot.ledger.replicas import Replicas, generate_owner
from bot.ledger.retention import SqlRetention
from bot.ledger.run_queries import RunQueries
from bot.ledger.run_store import SqlRuns
from bot.ledger.schedule_store import SqlSchedules
from bot.ledger.slot_store import SqlSlots
from bot.ledger.stream_store import SqlStreams
from bot.ledger.waiting_store import SqlWaiting


def utcnow() -> datetime:
    """Return the present moment, UTC."""
    return datetime.now(UTC)


class Ledger:
    """All that is kept in one database, by subject.

    Everything raises `bot.errors.LedgerError` when the database is away, within seconds.
    """

    def __init__(
        self, engine: AsyncEngine, *, now: Callable[[], datetime] = utcnow, owner: str = ""
    ) -> None:
        self._engine = engine
        self._reader = engine.execution_options(**READS)
        owner = owner or generate_owner()
        self.run_queries = RunQueries(engine)
        self.runs = SqlRuns(engine, self.run_queries, now=now)
        self.beginnings = SqlBeginnings(engine, now=now)
        self.journal = SqlHistory(engine, now=now)
        self.requests = RequestKeys(engine, now=now)
        self.replicas = Replicas(engine, owner=owner, now=now)
        self.failure_detector = FailureDetector(engine, owner=owner, now=now)
        self.outbox = SqlOutbox(engine, owner=owner, now=now)
        self.audit = SqlAuditTrail(engine)
        self.timetable = SqlSchedules(engine, now=now)
        self.slots = SqlSlots(engine, now=now)
        self.streams = SqlStreams(engine)
        self.waiting = SqlWaiting(engine, now=now)
        self.retention = SqlRetention(engine, now)

    @classmethod
    async def open(
        cls, url: str, *, now: Callable[[], datetime] = utcnow, owner: str = ""
    ) -> Ledger:
        """Open `sqlite:///FILE` or `postgresql://…` and migrate it; raise LedgerError.

        `owner` names this process among those that share the ledger; without it, it gets a name
        of its own.
        """
        parsed = parse_url(url)
        await migrate_schema(parsed)
        with translate_errors(parsed):
            engine = watch_sqlite_file(build_engine(parsed))
        return cls(engine, now=now, owner=owner)

    async def close(self) -> None:
        """Close the connections."""
        await self._engine.dispose()

    async def ping(self) -> None:
        """Return when the database answers; raise LedgerError otherwise."""
        await execute(self._reader, text("SELECT 1"))
