"""Runs in the database, from their beginning to their end.

Each change is one statement in one transaction, so that it holds across processes and crashes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Executable, func, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.errors import LedgerError
from bot.ledger.database import execute, open_transaction
from bot.ledger.database_tables import runs
from bot.ledger.outbox import build_run_message_update
from bot.ledger.run_queries import RunQueries, build_run, match_run
from bot.ledger.run_records import (
    ACTIVE,
    DuplicateRequest,
    NewRun,
    Run,
    RunNotResumable,
    RunState,
    ScopeLocked,
    generate_id,
)
from bot.ledger.texts import clean_text, write_text
from bot.messages import Message
from bot.text import Text

TRIES = 5
"""How often a run is tried to begin when what stood in its way is gone on looking."""


class SqlRuns:
    """Begins runs, changes their state, and ends them.

    Everything raises `bot.errors.LedgerError` when the database is away, within seconds.
    """

    def __init__(
        self, engine: AsyncEngine, queries: RunQueries, *, now: Callable[[], datetime]
    ) -> None:
        self._engine, self._queries, self._now = engine, queries, now

    async def begin_run(self, new: NewRun) -> Run:
        """Enter a run that runs from now on and holds its lock.

        Raises DuplicateRequest, or ScopeLocked with the run in the way.
        """
        for _ in range(TRIES):
            try:
                # No look before: another process could come in between. The unique keys decide.
                rows = await execute(
                    self._engine,
                    runs.insert()
                    .values(**build_first_row(new, self._utc_now()))
                    .returning(*runs.c),
                )
            except IntegrityError:
                # The request first: a repeated delivery meets the lock of its own run as well.
                await self._raise_for_conflict(
                    runs.c.request_key == clean_text(new.request_key), DuplicateRequest
                )
                await self._raise_for_conflict(
                    runs.c.lock_key == clean_text(new.lock_key or ""), ScopeLocked
                )
                # Neither is there any more: what stood in the way has just ended.
                continue
            return build_run(rows[0])
        raise LedgerError(
            "The ledger is contended: the run could not be entered.",
            Text("others write the same at the same moment"),
        )

    async def record_posted(self, run_id: str, channel: str, ts: str) -> None:
        """Record where the run's message stands, so that another process can edit it."""
        await execute(
            self._engine, self._build_run_update(match_run(run_id), channel=channel, ts=ts)
        )

    async def ask_confirmation(
        self,
        run_id: str,
        digest: str,
        expires_at: datetime,
        shown: Message | None = None,
        *,
        about: Sequence[str] = (),
        owner: str = "",
    ) -> bool:
        """Let the run wait for a confirmation of the plan with this digest, without its lock.

        Returns False when it had ended, or when another process than `owner` carries it out by
        now. `shown` is what the run's message is to show, kept in the same transaction; `about`
        what the plan names.
        """
        values = {"digest": digest, "expires_at": expires_at.astimezone(UTC), "about": list(about)}
        return await self._update_run_and_message(
            run_id,
            self._build_run_update(match_running(run_id, owner), **build_asking(), **values),
            shown,
        )

    async def confirm_run(self, run_id: str, *, owner: str = "", by: str = "") -> bool:
        """Let a run that waits for its confirmation run again, and hold its lock.

        Returns True to exactly one of all callers that confirm it in time. Raises ScopeLocked
        when another run holds that lock; the run goes on asking. `owner` is the process that
        carries it out from now on, `by` who confirmed it.
        """
        now = self._utc_now()
        where = match_run(run_id) & (runs.c.state == RunState.ASKS) & (runs.c.expires_at > now)
        values: dict[str, Any] = {
            "state": RunState.RUNNING,
            # In the same statement, so that nobody comes in between. NULL for a run that only
            # reads: an empty text would collide with that of another.
            "lock_key": func.nullif(runs.c.scope, ""),
            "confirmed_by": by or None,
        }
        change = self._build_run_update(where, **values, **({"owner": owner} if owner else {}))
        for _ in range(TRIES):
            try:
                return bool(await execute(self._engine, change))
            except IntegrityError:
                run = await self._queries.get_run(run_id)
                await self._raise_for_conflict(
                    runs.c.lock_key == (run.scope if run else None), ScopeLocked
                )
        raise LedgerError(
            "The ledger is contended: the run could not be confirmed.",
            Text("others write the same at the same moment"),
        )

    async def resume_run(self, run_id: str, owner: str, *, attempt: int | None = None) -> Run:
        """Take over a running run of a process that is gone; it keeps its lock.

        Its attempt is counted up. Raises RunNotResumable when it does not run, or not in the
        `attempt` that was seen: so of several processes one gets it.
        """
        where = match_run(run_id) & (runs.c.state == RunState.RUNNING)
        if attempt is not None:
            where &= runs.c.attempt == attempt
        for row in await execute(
            self._engine, self._build_run_update(where, owner=owner, attempt=runs.c.attempt + 1)
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
        # In the same statement as the end, so that of two who end a run one wins.
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

    async def _end_run(
        self, where: ColumnElement[bool], run_id: str, shown: Message | None, **values: Any
    ) -> bool:
        if (end := RunState(values["state"])) in ACTIVE:
            raise ValueError(f"{end} is not an end")
        ends = {"lock_key": None, "expires_at": None, "finished_at": self._utc_now()}
        return await self._update_run_and_message(
            run_id, self._build_run_update(match_run(run_id) & where, **values, **ends), shown
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
                    build_run_message_update(clean_text(run_id), shown, self._utc_now())
                )
        return changed

    async def _raise_for_conflict(
        self, where: ColumnElement[bool], kind: type[DuplicateRequest] | type[ScopeLocked]
    ) -> None:
        run = await self._queries.find_newest(where)
        if run is not None:
            raise kind(run)

    def _build_run_update(self, where: ColumnElement[bool], **values: Any) -> Executable:
        return build_run_update(where, self._utc_now(), **values)

    def _utc_now(self) -> datetime:
        return self._now().astimezone(UTC)


def match_running(run_id: str, owner: str = "") -> ColumnElement[bool]:
    """Return the condition for that run while it runs, in the process `owner` if one is named."""
    running = match_run(run_id) & (runs.c.state == RunState.RUNNING)
    return running & (runs.c.owner == clean_text(owner)) if owner else running


def build_asking() -> dict[str, Any]:
    """Build the values of a run that waits for a confirmation."""
    # Without its lock: a question may stand for minutes, in which others go on.
    return {
        "state": RunState.ASKS,
        "lock_key": None,
        "confirmed_by": None,
        "verified_at": None,
    }


def build_run_update(where: ColumnElement[bool], now: datetime, **values: Any) -> Executable:
    """Build the update of runs, at `now` (UTC); it returns the rows."""
    kept = {
        name: clean_text(value) if isinstance(value, str) else value
        for name, value in values.items()
    }
    return update(runs).where(where).values(updated_at=now, **kept).returning(*runs.c)


def build_first_row(new: NewRun, now: datetime) -> dict[str, Any]:
    """Build the row of a run that begins `now` (UTC)."""
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
