"""Recognizes requests that Slack delivers again, to this process or to another one."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from bot.errors import MeshbotError
from bot.jobs import Jobs
from bot.ledger import Ledger

WAIT_SECONDS = 1.0
"""Seconds that a person waits while it is found out whether their request was answered before."""

log = logging.getLogger(__name__)


@dataclass
class RequestFilter:
    """Lets each request through once; `duplicates` counts those that came before."""

    ledger: Ledger
    jobs: Jobs
    duplicates: int = 0

    async def is_new(self, key: str) -> bool:
        """Tell whether this request was not answered before, by whatever process.

        True as well while the ledger is away, for then nobody can tell.
        """
        # In a task of its own: the key is written even when nobody waits for that any more.
        claiming = self.jobs.spawn(self._claim_key(key), f"note {key}")
        await asyncio.wait({claiming}, timeout=WAIT_SECONDS)
        if claiming.done() and not claiming.result():
            self.duplicates += 1
            log.info("request %s was delivered twice", key)
            return False
        return True

    async def _claim_key(self, key: str) -> bool:
        try:
            return not key or await self.ledger.requests.claim_key(key)
        except MeshbotError as problem:
            log.warning("whether request %s was answered before is not known: %s", key, problem)
            return True
