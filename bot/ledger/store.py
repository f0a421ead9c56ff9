"""The ledger itself. Each change is one statement in one transaction, so that it holds across
processes and crashes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Executable, RowMapping, func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.errors import LedgerError
from bot.ledger.audit import SqlAuditTrail
from bot.ledger.connection import READS, build_engine, execute, open_transaction, parse_url
from bot.ledger.dedupe import RequestKeys
from bot.ledger.journal import SqlHistory
from bot.ledger.outbox import SqlOutbox, build_run_message_update
from bot.ledger.replicas import LIVING, Replicas, generate_owner
from bot.ledger.runs import (
    ACTIVE,
    DuplicateRequest,
    NewRun,
    Run,
    RunNotResumable,
    RunState,
    ScopeLocked,
    generate_id,
)
from bot.ledger.schedule_store import SqlSchedules
from bot.ledger.schema import migrate_schema
from bot.ledger.streams import SqlStreams
from bot.ledger.tables import audit, runs
from bot.ledger.texts import clean_text, read_texts, write_text
from bot.messages import Message
from bot.text import Text

TRIES = 5
"""How often a run is tried to begin when what stood in its way is gone on looking."""


def utcnow() -> datetime:
    """Return the present moment, UTC."""
    return datetime.now(UTC)


class Ledger:
    """Runs in a database. Everything raises `bot.errors.LedgerError` when the database is away,
    within seconds."""

    def __init__(
        self, engine: AsyncEngine, *, now: Callable[[], datetime] = utcnow, owner: str = ""
    ) -> None:
        self._engine, self._now = engine, now
        self._reader = engine.execution_options(**READS)
        owner = owner or generate_owner()
        self.journal = SqlHistory(engine, now=now)
        self.requests = RequestKeys(engine, now=now)
        self.replicas = Replicas(engine, owner=owner, now=now)
        self.outbox = SqlOutbox(engine, owner=owner, now=now)
        self.audit = SqlAuditTrail(engine)
        self.timetable = SqlSchedules(engine, now=now)
        self.streams = SqlStreams(engine)

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
        return cls(build_engine(parsed), now=now, owner=owner)

    async def close(self) -> None:
        """Close the connections."""
        await self._engine.dispose()

    async def ping(self) -> None:
        """Return when the database answers; raise LedgerError otherwise."""
        await self._execute_read(text("SELECT 1"))

    async def begin_run(self, new: NewRun) -> Run:
        """Enter a run that runs from now on and holds its lock.

        Raises DuplicateRequest, or ScopeLocked with the run in the way.
        """
        for _ in range(TRIES):
            try:
                rows = await self._execute_write(
                    runs.insert().values(**self._build_first_row(new)).returning(*runs.c)
                )
            except IntegrityError:
                await self._raise_for_conflict(
                    runs.c.request_key == clean_text(new.request_key), DuplicateRequest
                )
                await self._raise_for_conflict(
                    runs.c.lock_key == clean_text(new.lock_key or ""), ScopeLocked
                )
                continue
            return build_run(rows[0])
        raise LedgerError("The ledger is contended: the run could not be entered.")

    async def record_posted(self, run_id: str, channel: str, ts: str) -> None:
        """Record where the run's message stands, so that another process can edit it."""
        await self._execute_write(
            self._build_run_update(_match_run(run_id), channel=channel, ts=ts)
        )

    async def ask_confirmation(
        self, run_id: str, digest: str, expires_at: datetime, shown: Message | None = None
    ) -> bool:
        """Let the run wait for a confirmation of the plan with this digest, without its lock.

        Returns False when it had ended. `shown` is what the run's message is to show, kept in
        the same transaction.
        """
        where = _match_run(run_id) & (runs.c.state == RunState.RUNNING)
        values = {"digest": digest, "expires_at": expires_at.astimezone(UTC), "lock_key": None}
        return await self._update_run_and_message(
            run_id, self._build_run_update(where, state=RunState.ASKS, **values), shown
        )

    async def confirm_run(self, run_id: str, *, owner: str = "") -> bool:
        """Let a run that waits for its confirmation run again, and hold its lock.

        Returns True to exactly one of all callers that confirm it in time. Raises ScopeLocked
        when another run holds that lock; the run goes on asking. `owner` is the process that
        carries it out from now on.
        """
        now = self._now().astimezone(UTC)
        where = _match_run(run_id) & (runs.c.state == RunState.ASKS) & (runs.c.expires_at > now)
        values: dict[str, Any] = {
            "state": RunState.RUNNING,
            "lock_key": func.nullif(runs.c.scope, ""),
        }
        change = self._build_run_update(where, **values, **({"owner": owner} if owner else {}))
        for _ in range(TRIES):
            try:
                return bool(await self._execute_write(change))
            except IntegrityError:
                run = await self.get_run(run_id)
                await self._raise_for_conflict(
                    runs.c.lock_key == (run.scope if run else None), ScopeLocked
                )
        raise LedgerError("The ledger is contended: the run could not be confirmed.")

    async def resume_run(self, run_id: str, owner: str, *, attempt: int | None = None) -> Run:
        """Take over a running run of a process that is gone; it keeps its lock.

        Its attempt is counted up. Raises RunNotResumable when it does not run, or not in the
        `attempt` that was seen: so of several processes one gets it.
        """
        where = _match_run(run_id) & (runs.c.state == RunState.RUNNING)
        if attempt is not None:
            where &= runs.c.attempt == attempt
        for row in await self._execute_write(
            self._build_run_update(where, owner=owner, attempt=runs.c.attempt + 1)
        ):
            return build_run(row)
        raise RunNotResumable(f"run {run_id} is not to be taken up any more")

    async def finish_run(
        self,
        run_id: str,
        state: str,
        summary: Text,
        verdict: Mapping[str, Any] | None = None,
        *,
        shown: Message | None = None,
        owner: str = "",
    ) -> bool:
        """End a run in a RunState and free its lock.

        Returns False when it had ended before (the first end stands), or when another process
        than `owner` carries it out by now. `shown` is kept as what the run's message is to
        show.
        """
        where: ColumnElement[bool] = runs.c.state.in_(ACTIVE)
        if owner:
            where &= runs.c.owner == owner
        return await self._end_run(
            where, run_id, shown, state=state, verdict=verdict, **write_text("summary", summary)
        )

    async def withdraw_run(
        self, run_id: str, state: str, summary: Text, *, shown: Message | None = None
    ) -> bool:
        """End a run only if it still waits for its confirmation (cancelled, expired).

        Returns False when it was confirmed or ended before.
        """
        asks = runs.c.state == RunState.ASKS
        return await self._end_run(
            asks, run_id, shown, state=state, verdict=None, **write_text("summary", summary)
        )

    async def get_run(self, run_id: str) -> Run | None:
        """Return the run of that id, or None."""
        found = await self._find_runs(_match_run(run_id), limit=1)
        return found[0] if found else None

    async def find_last_run(self, step: str, channel: str = "") -> Run | None:
        """Return the newest run of a step, in one channel or in any, whatever its state."""
        where = runs.c.step == clean_text(step)
        found = await self._find_runs(
            where & (runs.c.channel == clean_text(channel)) if channel else where, limit=1
        )
        return found[0] if found else None

    async def list_recent_runs(self, n: int) -> list[Run]:
        """Return the `n` newest runs, the newest first."""
        return await self._find_runs(runs.c.id.is_not(None), limit=n)

    async def list_orphaned_runs(self) -> list[Run]:
        """Return running runs of processes that are gone, the oldest first."""
        gone = (runs.c.state == RunState.RUNNING) & runs.c.owner.not_in(LIVING)
        query = select(runs).where(gone).order_by(runs.c.created_at, runs.c.id)
        return [build_run(row) for row in await self._execute_read(query)]

    async def list_unfinished_runs(self) -> list[Run]:
        """Return runs that run or wait for a confirmation, the oldest first."""
        query = select(runs).where(runs.c.state.in_(ACTIVE)).order_by(runs.c.created_at, runs.c.id)
        return [build_run(row) for row in await self._execute_read(query)]

    async def list_unaudited_runs(self, *, most: int = 500) -> list[Run]:
        """Return runs that have ended without a row of their own in the audit, the newest first."""
        audited = select(audit.c.id).where(audit.c.id == runs.c.id).exists()
        return await self._find_runs(runs.c.finished_at.is_not(None) & ~audited, limit=most)

    async def _end_run(
        self, where: ColumnElement[bool], run_id: str, shown: Message | None, **values: Any
    ) -> bool:
        if (end := RunState(values["state"])) in ACTIVE:
            raise ValueError(f"{end} is not an end")
        ends = {"lock_key": None, "expires_at": None, "finished_at": self._now().astimezone(UTC)}
        return await self._update_run_and_message(
            run_id, self._build_run_update(_match_run(run_id) & where, **values, **ends), shown
        )

    async def _update_run_and_message(
        self, run_id: str, change: Executable, shown: Message | None
    ) -> bool:
        """Update a run and what its message is to show, both or neither.

        Returns False when the run is not to be changed.
        """
        async with open_transaction(self._engine) as connection:
            changed = bool(list((await connection.execute(change)).mappings()))
            if changed and shown is not None:
                await connection.execute(
                    build_run_message_update(clean_text(run_id), shown, self._now().astimezone(UTC))
                )
        return changed

    async def _find_runs(self, where: ColumnElement[bool], *, limit: int) -> list[Run]:
        query = (
            select(runs)
            .where(where)
            .order_by(runs.c.created_at.desc(), runs.c.id.desc())
            .limit(limit)
        )
        return [build_run(row) for row in await self._execute_read(query)]

    async def _raise_for_conflict(
        self, where: ColumnElement[bool], kind: type[DuplicateRequest] | type[ScopeLocked]
    ) -> None:
        for run in await self._find_runs(where, limit=1):
            raise kind(run)

    def _build_first_row(self, new: NewRun) -> dict[str, Any]:
        now = self._now().astimezone(UTC)
        named = {
            name: clean_text(getattr(new, name))
            for name in ("request_key", "step", "user", "channel", "owner")
        }
        return {
            **named,
            "id": generate_id(now),
            "arguments": clean_text(new.arguments),
            "options": dict(new.options),
            "state": RunState.RUNNING,
            "summary": "",
            "scope": clean_text(new.lock_key or ""),
            "lock_key": clean_text(new.lock_key or "") or None,
            "attempt": 1,
            "created_at": now,
            "updated_at": now,
        }

    def _build_run_update(self, where: ColumnElement[bool], **values: Any) -> Executable:
        kept = {
            name: clean_text(value) if isinstance(value, str) else value
            for name, value in values.items()
        }
        return (
            update(runs)
            .where(where)
            .values(updated_at=self._now().astimezone(UTC), **kept)
            .returning(*runs.c)
        )

    async def _execute_write(self, *statements: Executable) -> list[RowMapping]:
        return await execute(self._engine, *statements)

    async def _execute_read(self, statement: Executable) -> list[RowMapping]:
        return await execute(self._reader, statement)


def _match_run(run_id: str) -> ColumnElement[bool]:
    return runs.c.id == clean_text(run_id)


def build_run(row: RowMapping) -> Run:
    """Build a run from a row; SQLite keeps times without their zone, which is always UTC."""
    values = read_texts(row, "summary")
    for name in ("created_at", "updated_at", "finished_at", "expires_at"):
        if values[name] is not None:
            values[name] = values[name].replace(tzinfo=values[name].tzinfo or UTC)
    return Run(**{**values, "state": RunState(row["state"])})
