"""Commands that wait for the change in their way: they outlive the process that took them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.errors import LedgerError
from bot.ledger.database import READS, execute
from bot.ledger.database_tables import waiting
from bot.ledger.run_records import generate_id
from bot.ledger.texts import clean_text, convert_row_to_utc

TRIES = 3
"""How often a command is entered while others enter the same."""


@dataclass(frozen=True)
class WaitingCommand:
    """A command that waits. `text` is all that is typed after the slash command; of a higher
    `rank` it comes first.
    """

    id: str
    user: str
    step: str
    text: str
    channel: str
    thread: str
    rank: int
    created_at: datetime


class SqlWaiting:
    """All commands that wait. Everything raises `bot.errors.LedgerError` when the database is
    away.
    """

    def __init__(self, engine: AsyncEngine, *, now: Callable[[], datetime]) -> None:
        self._engine, self._now = engine, now
        self._reader = engine.execution_options(**READS)

    async def enter(
        self, user: str, text: str, *, step: str, channel: str, thread: str, rank: int
    ) -> tuple[WaitingCommand, WaitingCommand | None]:
        """Let a command wait; return it, and the one of the same person and step that it replaces,
        if there was one.
        """
        now = self._now().astimezone(UTC)
        words = {"user": user, "step": step, "text": text, "channel": channel, "thread": thread}
        clean = {name: clean_text(value) for name, value in words.items()}
        entry = WaitingCommand(id=generate_id(now), rank=rank, created_at=now, **clean)
        same = (waiting.c.user == entry.user) & (waiting.c.step == entry.step)
        for _ in range(TRIES):
            gone = await execute(self._engine, delete(waiting).where(same).returning(*waiting.c))
            try:
                await execute(self._engine, waiting.insert().values(**asdict(entry)))
            except IntegrityError:
                continue
            return entry, WaitingCommand(**convert_row_to_utc(gone[0])) if gone else None
        raise LedgerError("The ledger is contended: a command could not wait.")

    async def list_all(self) -> list[WaitingCommand]:
        """Return the commands that wait, by rank from the highest, then by age."""
        order = (waiting.c.rank.desc(), waiting.c.created_at, waiting.c.id)
        rows = await execute(self._reader, select(waiting).order_by(*order))
        return [WaitingCommand(**convert_row_to_utc(row)) for row in rows]

    async def remove(self, id: str) -> WaitingCommand | None:
        """Let a command wait no more; return None when it does not wait by now."""
        gone = delete(waiting).where(waiting.c.id == clean_text(id)).returning(*waiting.c)
        rows = await execute(self._engine, gone)
        return WaitingCommand(**convert_row_to_utc(rows[0])) if rows else None
