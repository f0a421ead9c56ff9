"""Runs that are entered and have not begun to change anything yet.

Between a confirmation and the beginning lies a second look at the cluster, and the process may die
before it or in it. So that it was passed, and that a run begins, is written down before anything is
changed: whoever takes the run up knows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, func
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.ledger.database import execute
from bot.ledger.database_tables import runs
from bot.ledger.run_store import build_asking, build_run_update, match_running


class SqlBeginnings:
    """Records for the process that has a run how far it is from changing something.

    All raise `bot.errors.LedgerError` when the database is away.
    """

    def __init__(self, engine: AsyncEngine, *, now: Callable[[], datetime]) -> None:
        self._engine, self._now = engine, now

    async def record_verified(self, run_id: str, owner: str) -> bool:
        """Record that the plan is still the one that was shown; the run may begin then.

        Returns False when another process than `owner` has the run.
        """
        now = self._now().astimezone(UTC)
        return await self._update(match_running(run_id, owner), verified_at=now, **_begin(now))

    async def record_begun(self, run_id: str, owner: str) -> bool:
        """Record that the run begins to change something.

        Returns False when another process than `owner` has the run.
        """
        return await self._update(match_running(run_id, owner), **_begin(self._now()))

    async def ask_again(self, run_id: str, owner: str) -> bool:
        """Let a run that has not begun wait for its confirmation once more.

        The plan and its time stay. Returns False when it has begun, or when another process
        than `owner` has it.
        """
        where = match_running(run_id, owner) & runs.c.verified_at.is_(None)
        return await self._update(where, **build_asking())

    async def _update(self, where: ColumnElement[bool], **values: Any) -> bool:
        change = build_run_update(where, self._now().astimezone(UTC), **values)
        return bool(await execute(self._engine, change))


def _begin(now: datetime) -> dict[str, Any]:
    # The first beginning counts: what a run did then stays when it is taken up.
    return {"begun_at": func.coalesce(runs.c.begun_at, now.astimezone(UTC))}
