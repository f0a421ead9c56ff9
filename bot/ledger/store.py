"""The ledger itself. Each change is one statement in one transaction, so that it holds across processes and crashes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Executable, RowMapping, func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.errors import LedgerError
from bot.ledger.audit import Audit
from bot.ledger.connection import READS, connect, execute, parse, transaction
from bot.ledger.journal import Journal
from bot.ledger.once import Requests
from bot.ledger.outbox import Postbox, wanted_of_run
from bot.ledger.replicas import LIVING, Replicas, new_owner
from bot.ledger.runs import ACTIVE, Busy, Duplicate, Gone, NewRun, Run, RunState, new_id
from bot.ledger.schema import migrate
from bot.ledger.streams import StreamBook
from bot.ledger.tables import audit, runs
from bot.ledger.texts import clean
from bot.ledger.timetable import Timetable
from bot.messages import Message

TRIES = 5
"""How often a run is tried to begin when what stood in its way is gone on looking."""


def utcnow() -> datetime:
    """The moment, UTC."""
    return datetime.now(UTC)


class Ledger:
    """Runs in a database. Everything raises `bot.errors.LedgerError` when the database is away, within seconds."""

    def __init__(self, engine: AsyncEngine, *, now: Callable[[], datetime] = utcnow, owner: str = "") -> None:
        self._engine, self._now = engine, now
        self._reader = engine.execution_options(**READS)
        owner = owner or new_owner()
        self.journal = Journal(engine, now=now)
        self.requests = Requests(engine, now=now)
        self.replicas = Replicas(engine, owner=owner, now=now)
        self.outbox = Postbox(engine, owner=owner, now=now)
        self.audit = Audit(engine)
        self.timetable = Timetable(engine, now=now)
        self.streams = StreamBook(engine)

    @classmethod
    async def open(cls, url: str, *, now: Callable[[], datetime] = utcnow, owner: str = "") -> Ledger:
        """Opens `sqlite:///FILE` or `postgresql://…` and brings its schema up to date. Raises LedgerError.

        `owner` names this process among those that share the ledger; without it, it gets a name of its own.
        """
        parsed = parse(url)
        await migrate(parsed)
        return cls(connect(parsed), now=now, owner=owner)

    async def close(self) -> None:
        """Gives the connections back."""
        await self._engine.dispose()

    async def ping(self) -> None:
        """Returns when the database answers; raises LedgerError otherwise."""
        await self._rows(text("SELECT 1"))

    async def begin(self, new: NewRun) -> Run:
        """Enters a run that runs from now on and holds its lock. Raises Duplicate, or Busy with the run in the way."""
        for _ in range(TRIES):
            try:
                rows = await self._write(runs.insert().values(**self._first(new)).returning(*runs.c))
            except IntegrityError:
                await self._why(runs.c.request_key == clean(new.request_key), Duplicate)
                await self._why(runs.c.lock_key == clean(new.lock_key or ""), Busy)
                continue
            return as_run(rows[0])
        raise LedgerError("The ledger is contended: the run could not be entered.")

    async def posted(self, run_id: str, channel: str, ts: str) -> None:
        """Remembers where the run's message stands, so that another process can edit it."""
        await self._write(self._change(_this(run_id), channel=channel, ts=ts))

    async def ask(self, run_id: str, digest: str, expires_at: datetime, shown: Message | None = None) -> bool:
        """The run waits for a confirmation of the plan with this digest and holds nothing; False when it had ended.

        `shown` is what the run's message is to show, kept in the same transaction.
        """
        where = _this(run_id) & (runs.c.state == RunState.RUNNING)
        values = {"digest": digest, "expires_at": expires_at.astimezone(UTC), "lock_key": None}
        return await self._change_and_show(run_id, self._change(where, state=RunState.ASKS, **values), shown)

    async def confirm(self, run_id: str, *, owner: str = "") -> bool:
        """True for exactly one of all who confirm a run that asks, in time: it runs again and holds its lock.

        Raises Busy when another run holds that lock; the run goes on asking. `owner` is who carries it out from now on.
        """
        now = self._now().astimezone(UTC)
        where = _this(run_id) & (runs.c.state == RunState.ASKS) & (runs.c.expires_at > now)
        values: dict[str, Any] = {"state": RunState.RUNNING, "lock_key": func.nullif(runs.c.scope, "")}
        change = self._change(where, **values, **({"owner": owner} if owner else {}))
        for _ in range(TRIES):
            try:
                return bool(await self._write(change))
            except IntegrityError:
                run = await self.get(run_id)
                await self._why(runs.c.lock_key == (run.scope if run else None), Busy)
        raise LedgerError("The ledger is contended: the run could not be confirmed.")

    async def resume(self, run_id: str, owner: str, *, attempt: int | None = None) -> Run:
        """Takes up a running run of a process that is gone, one attempt further; it keeps its lock.

        Raises Gone when it does not run, or not in the `attempt` that was seen: so of several processes one gets it.
        """
        where = _this(run_id) & (runs.c.state == RunState.RUNNING)
        if attempt is not None:
            where &= runs.c.attempt == attempt
        for row in await self._write(self._change(where, owner=owner, attempt=runs.c.attempt + 1)):
            return as_run(row)
        raise Gone(f"run {run_id} is not to be taken up any more")

    async def finish(
        self,
        run_id: str,
        state: str,
        summary: str,
        verdict: Mapping[str, Any] | None = None,
        *,
        shown: Message | None = None,
        owner: str = "",
    ) -> bool:
        """Ends a run in a RunState and frees its lock. False when it had ended before (the first end stands), or when
        another process than `owner` carries it out by now. `shown` is kept as what the run's message is to show."""
        where: ColumnElement[bool] = runs.c.state.in_(ACTIVE)
        if owner:
            where &= runs.c.owner == owner
        return await self._end(where, run_id, shown, state=state, summary=summary, verdict=verdict)

    async def withdraw(self, run_id: str, state: str, summary: str, *, shown: Message | None = None) -> bool:
        """Ends a run only if it still asks (cancelled, expired). False when it was confirmed or ended before."""
        asks = runs.c.state == RunState.ASKS
        return await self._end(asks, run_id, shown, state=state, summary=summary, verdict=None)

    async def get(self, run_id: str) -> Run | None:
        """The run of that id."""
        found = await self._find(_this(run_id), limit=1)
        return found[0] if found else None

    async def last(self, step: str, channel: str = "") -> Run | None:
        """The newest run of a step, in one channel or in any, whatever became of it."""
        where = runs.c.step == clean(step)
        found = await self._find(where & (runs.c.channel == clean(channel)) if channel else where, limit=1)
        return found[0] if found else None

    async def recent(self, n: int) -> list[Run]:
        """The `n` newest runs, the newest first."""
        return await self._find(runs.c.id.is_not(None), limit=n)

    async def orphans(self) -> list[Run]:
        """Running runs of processes that are gone, the oldest first."""
        gone = (runs.c.state == RunState.RUNNING) & runs.c.owner.not_in(LIVING)
        query = select(runs).where(gone).order_by(runs.c.created_at, runs.c.id)
        return [as_run(row) for row in await self._rows(query)]

    async def unfinished(self) -> list[Run]:
        """Runs that run or ask, the oldest first."""
        query = select(runs).where(runs.c.state.in_(ACTIVE)).order_by(runs.c.created_at, runs.c.id)
        return [as_run(row) for row in await self._rows(query)]

    async def unaudited(self, *, most: int = 500) -> list[Run]:
        """Runs that have ended without a row of their own in the audit, the newest first."""
        audited = select(audit.c.id).where(audit.c.id == runs.c.id).exists()
        return await self._find(runs.c.finished_at.is_not(None) & ~audited, limit=most)

    async def _end(self, where: ColumnElement[bool], run_id: str, shown: Message | None, **values: Any) -> bool:
        if (end := RunState(values["state"])) in ACTIVE:
            raise ValueError(f"{end} is not an end")
        ends = {"lock_key": None, "expires_at": None, "finished_at": self._now().astimezone(UTC)}
        return await self._change_and_show(run_id, self._change(_this(run_id) & where, **values, **ends), shown)

    async def _change_and_show(self, run_id: str, change: Executable, shown: Message | None) -> bool:
        """Changes a run and what its message is to show, both or, when the run is not to be changed, nothing."""
        async with transaction(self._engine) as connection:
            changed = bool(list((await connection.execute(change)).mappings()))
            if changed and shown is not None:
                await connection.execute(wanted_of_run(clean(run_id), shown, self._now().astimezone(UTC)))
        return changed

    async def _find(self, where: ColumnElement[bool], *, limit: int) -> list[Run]:
        query = select(runs).where(where).order_by(runs.c.created_at.desc(), runs.c.id.desc()).limit(limit)
        return [as_run(row) for row in await self._rows(query)]

    async def _why(self, where: ColumnElement[bool], kind: type[Duplicate] | type[Busy]) -> None:
        for run in await self._find(where, limit=1):
            raise kind(run)

    def _first(self, new: NewRun) -> dict[str, Any]:
        now = self._now().astimezone(UTC)
        named = {name: clean(getattr(new, name)) for name in ("request_key", "step", "user", "channel", "owner")}
        return {
            **named,
            "id": new_id(now),
            "arguments": clean(new.arguments),
            "options": dict(new.options),
            "state": RunState.RUNNING,
            "summary": "",
            "scope": clean(new.lock_key or ""),
            "lock_key": clean(new.lock_key or "") or None,
            "attempt": 1,
            "created_at": now,
            "updated_at": now,
        }

    def _change(self, where: ColumnElement[bool], **values: Any) -> Executable:
        kept = {name: clean(value) if isinstance(value, str) else value for name, value in values.items()}
        return update(runs).where(where).values(updated_at=self._now().astimezone(UTC), **kept).returning(*runs.c)

    async def _write(self, *statements: Executable) -> list[RowMapping]:
        return await execute(self._engine, *statements)

    async def _rows(self, statement: Executable) -> list[RowMapping]:
        return await execute(self._reader, statement)


def _this(run_id: str) -> ColumnElement[bool]:
    return runs.c.id == clean(run_id)


def as_run(row: RowMapping) -> Run:
    """A row as a value; SQLite keeps times without their zone, which is always UTC."""
    values: dict[str, Any] = dict(row)
    for name in ("created_at", "updated_at", "finished_at", "expires_at"):
        if values[name] is not None:
            values[name] = values[name].replace(tzinfo=values[name].tzinfo or UTC)
    return Run(**{**values, "state": RunState(row["state"])})
