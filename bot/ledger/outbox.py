"""The outbox: each message that is to be in a channel, as it is wanted, until Slack has it.

It holds states and not calls: a message that changed five times while Slack was away is posted once, as it is then.
Whoever delivers may die at any moment, and whoever takes over delivers what is wanted and not shown. One window stays
open, for chat.postMessage knows no key by which Slack would tell a repeat: between Slack taking a post and this table
keeping its `ts`. A process that dies in it, or an answer that is lost on its way, can double that one message.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, case, delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.dml import Update

from bot.errors import LedgerError
from bot.ledger.connection import READS, execute
from bot.ledger.replicas import LIVING
from bot.ledger.tables import messages, runs
from bot.messages import WAITS, Letter, Message, Place, Posted

RUN = "run:"
"""What the key of a run's message begins with; the run's id follows."""

KEPT = timedelta(days=7)
"""How long a message is kept after its last change, whether Slack ever took it or not."""

TRIES = 3
"""How often a named message is looked for that was entered and pruned in the same moment."""

WAITING = (messages.c.shown < messages.c.version) & messages.c.refused.is_(None)


class Postbox:
    """Implements `bot.messages.Outbox` for one process, `owner`."""

    def __init__(self, engine: AsyncEngine, *, owner: str, now: Callable[[], datetime]) -> None:
        self._engine, self._owner, self._now = engine, owner, now
        self._reader = engine.execution_options(**READS)

    async def enter(self, channel: str, message: Message, place: Place) -> tuple[Letter, bool]:
        """Keeps a message that is to be posted, or gives the earlier one of its name; the flag: whether it is new."""
        values = {
            **{"key": place.key or None, "channel": channel, "thread": place.thread, "broadcast": place.broadcast},
            **{"owner": self._owner, "wanted": message.payload(), "version": 1, "shown": 0},
            **{"created_at": self._moment(), "updated_at": self._moment()},
        }
        for _ in range(TRIES):
            try:
                rows = await execute(self._engine, messages.insert().values(**values).returning(*messages.c))
            except IntegrityError:
                rows = await execute(self._reader, select(messages).where(messages.c.key == place.key))
                if rows:
                    return _letter(rows[0]), False
            else:
                return _letter(rows[0]), True
        raise LedgerError("The ledger is contended: a message could not be entered.")

    async def want(self, posted: Posted, message: Message) -> Letter | None:
        """Keeps what that message is to show from now on; None when the message is not known here."""
        rows = await execute(self._engine, wanted(_there(posted), message, self._moment()).returning(*messages.c))
        return _letter(rows[0]) if rows else None

    async def delivered(self, letter: Letter, posted: Posted) -> None:
        """Slack has the letter's version, there; a run whose message it is learns where it stands."""
        shown = case((messages.c.shown < letter.version, letter.version), else_=messages.c.shown)
        here: dict[str, Any] = {"channel": posted.channel, "ts": posted.ts}
        kept = update(messages).where(messages.c.number == letter.number).values(shown=shown, refused=None, **here)
        if letter.place.key.startswith(RUN) and letter.ts != posted.ts:
            run = letter.place.key.removeprefix(RUN)
            await execute(self._engine, kept, update(runs).where(runs.c.id == run).values(**here))
        else:
            await execute(self._engine, kept)

    async def refuse(self, letter: Letter, code: str) -> None:
        """Slack refused the letter's version for good: nobody tries it again."""
        this = (messages.c.number == letter.number) & (messages.c.version == letter.version)
        await execute(self._engine, update(messages).where(this).values(refused=code))

    async def waiting(self) -> list[Letter]:
        """What is in this process's hands and not shown as wanted, the oldest first."""
        query = select(messages).where(WAITING, messages.c.owner == self._owner).order_by(messages.c.number)
        return [_letter(row) for row in await execute(self._reader, query)]

    async def find(self, posted: Posted) -> Letter | None:
        """The message there."""
        rows = await execute(self._reader, select(messages).where(_there(posted)).limit(1))
        return _letter(rows[0]) if rows else None

    async def take(self) -> int:
        """Takes over what processes that are gone left undelivered; gives how many messages."""
        left = WAITING & messages.c.owner.not_in(LIVING)
        taken = update(messages).where(left).values(owner=self._owner).returning(messages.c.number)
        return len(await execute(self._engine, taken))

    async def pending(self) -> int:
        """Messages of all processes that Slack does not show as wanted."""
        return len(await execute(self._reader, select(messages.c.number).where(WAITING)))

    async def prune(self) -> None:
        """Drops messages that did not change for a week."""
        await execute(self._engine, delete(messages).where(messages.c.updated_at < self._moment() - KEPT))

    def _moment(self) -> datetime:
        return self._now().astimezone(UTC)


def run_key(run_id: str) -> str:
    """The name of the message of a run."""
    return f"{RUN}{run_id}"


def wanted(where: ColumnElement[bool], message: Message, now: datetime) -> Update:
    """The statement by which a message is to show something else; what was refused before is tried anew."""
    values = {"wanted": message.payload(), "version": messages.c.version + 1, "refused": None, "updated_at": now}
    return update(messages).where(where).values(**values)


def wanted_of_run(run_id: str, message: Message, now: datetime) -> Update:
    """The same for the message of a run, wherever it stands."""
    place = select(runs.c.channel, runs.c.ts).where(runs.c.id == run_id).subquery()
    there = messages.c.channel.in_(select(place.c.channel)) & messages.c.ts.in_(select(place.c.ts))
    return wanted(or_(there, (messages.c.key == run_key(run_id)) & messages.c.ts.is_(None)), message, now)


def _there(posted: Posted) -> ColumnElement[bool]:
    if posted.pending:
        number = posted.ts.removeprefix(WAITS)
        return messages.c.number == (int(number) if number.isdecimal() else -1)
    return (messages.c.channel == posted.channel) & (messages.c.ts == posted.ts)


def _letter(row: RowMapping) -> Letter:
    return Letter(
        number=row["number"],
        channel=row["channel"],
        place=Place(row["thread"], bool(row["broadcast"]), row["key"] or ""),
        message=Message(row["wanted"]["text"], tuple(row["wanted"]["blocks"])),
        version=row["version"],
        shown=row["shown"],
        ts=row["ts"] or "",
        refused=row["refused"] or "",
    )
