"""Detection of processes that are gone, and their eviction.

Death is observed and not computed from clocks, which differ between machines: each
process counts up a number of its own, and another one that has read the same number for
long enough declares it gone. That is one conditional write, so a process that comes
back in the same moment either wins, or finds at its next heartbeat that it was declared
gone.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.errors import LedgerError
from bot.ledger.database import READS, execute
from bot.ledger.database_tables import replicas
from bot.ledger.replicas import HeartbeatTiming, build_gone_update, identify_host

log = logging.getLogger(__name__)


class FailureDetector:
    """Watches the heartbeats of the other processes for `owner`; `evictions` counts those that it
    declared gone."""

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        owner: str,
        now: Callable[[], datetime],
        rhythm: HeartbeatTiming | None = None,
    ) -> None:
        self._engine, self._owner, self._now = engine, owner, now
        self._reader = engine.execution_options(**READS)
        self._rhythm = rhythm or HeartbeatTiming()
        self._heard: dict[str, tuple[int, float]] = {}
        self._looked = 0.0
        self.evictions = 0

    async def evict_silent(self) -> frozenset[str]:
        """Read the heartbeats of the others; declare gone those that are silent too long.

        Returns the processes that this call declared gone. To be called at every heartbeat.
        """
        at = time.monotonic()
        # This process did not look for a while: whether the others were silent is not known.
        if at - self._looked > 2 * self._rhythm.beat:
            self._heard.clear()
        self._looked = at
        try:
            rows = await execute(self._reader, select(replicas).where(replicas.c.gone_at.is_(None)))
        except LedgerError:
            self._heard.clear()
            raise
        others = [row for row in rows if row["owner"] != self._owner]
        evicted = [
            row["owner"]
            for row in others
            if self._is_silent(row, at) and await self._declare_gone(row)
        ]
        self._heard = {
            row["owner"]: self._heard[row["owner"]] for row in others if row["owner"] not in evicted
        }
        self.evictions += len(evicted)
        return frozenset(evicted)

    def _is_silent(self, row: RowMapping, at: float) -> bool:
        beat, since = self._heard.get(row["owner"], (-1, at))
        if beat != row["beat"]:
            since = at
        self._heard[row["owner"]] = (row["beat"], since)
        return at - since >= self._rhythm.gone or _is_dead_local_process(row["owner"])

    async def _declare_gone(self, row: RowMapping) -> bool:
        same = (
            (replicas.c.owner == row["owner"])
            & (replicas.c.beat == row["beat"])
            & replicas.c.gone_at.is_(None)
        )
        declared = await execute(
            self._engine,
            build_gone_update(same, self._now().astimezone(UTC)).returning(replicas.c.owner),
        )
        if declared:
            log.warning("process %s is gone: what it left is taken over", row["owner"])
        return bool(declared)


def _is_dead_local_process(owner: str) -> bool:
    """Tell whether that process ran on this host, and its id is nobody's now, or ours.

    Without Linux's /proc nothing is known of it: then its heartbeats tell.
    """
    where, _, rest = owner.rpartition("-")
    where, _, number = where.rpartition("-")
    if not rest or where != identify_host() or not number.isdecimal():
        return False
    # Another name and our process id: the predecessor in this container, whose first process has
    # the same id each time.
    if int(number) == os.getpid():
        return True
    try:
        stat = Path(f"/proc/{number}/stat").read_text()
    except FileNotFoundError:
        return Path("/proc/self/stat").exists()
    except OSError:
        return False
    # After the last bracket, for a program's name may hold blanks and brackets. Z is a zombie, X a
    # dead process.
    return stat.rpartition(")")[2].split()[0] in "ZX"
