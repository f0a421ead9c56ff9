"""Keys of requests that were answered.

Slack may deliver one twice, to two processes that know nothing of each other.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.ledger.database import execute
from bot.ledger.database_tables import requests

KEPT = timedelta(hours=1)
"""How long a request is remembered. Slack repeats within six minutes, and a signed request is good
for five."""


class RequestKeys:
    """Keys of requests, each of which one process gets. Both raise `bot.errors.LedgerError`."""

    def __init__(self, engine: AsyncEngine, *, now: Callable[[], datetime]) -> None:
        self._engine, self._now = engine, now

    async def claim_key(self, key: str) -> bool:
        """Tell whether this caller is the first with this key; that holds for exactly one."""
        try:
            await execute(
                self._engine, requests.insert().values(key=key, seen_at=self._now().astimezone(UTC))
            )
        except IntegrityError:
            return False
        return True

    async def prune(self) -> None:
        """Delete keys that are older than an hour."""
        await execute(
            self._engine,
            delete(requests).where(requests.c.seen_at < self._now().astimezone(UTC) - KEPT),
        )
