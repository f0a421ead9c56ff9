"""Runs that were confirmed, until they begin.

Between the two lies a second look at the cluster, and the process may die before it or in it. So
that it was passed is written down before anything is begun, and whoever takes the run up knows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.ledger.connection import execute
from bot.ledger.run_store import build_asking, build_run_update, match_running
from bot.ledger.tables import runs


class SqlConfirmedRuns:
    """Changes the state of confirmed runs for the process that has them.

    Both raise `bot.errors.LedgerError` when the database is away.
    """

    def __init__(self, engine: AsyncEngine, *, now: Callable[[], datetime]) -> None:
        self._engine, self._now = engine, now

    async def record_verified(self, run_id: str, owner: str) -> bool:
        """Record that the plan is still the one that was shown; the run may begin then.

        Returns False when another process than `owner` has the run.
        """
        now = self._now().astimezone(UTC)
        change = build_run_update(match_running(run_id, owner), now, verified_at=now)
        return bool(await execute(self._engine, change))

    async def ask_again(self, run_id: str, owner: str) -> bool:
        """Let a run that has not begun wait for its confirmation once more.

        The plan and its time stay. Returns False when it has begun, or when another process
        than `owner` has it.
        """
        where = match_running(run_id, owner) & runs.c.verified_at.is_(None)
        change = build_run_update(where, self._now().astimezone(UTC), **build_asking())
        return bool(await execute(self._engine, change))
