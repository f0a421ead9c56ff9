"""Processes that share the ledger: their heartbeats, and fencing.

A process that cannot write its heartbeat stops its work sooner than others may declare
it gone (`bot.ledger.failure_detector`). No lease can prevent this: a process that was
frozen as a whole may, in the moment in which it wakes up, send one more request before
it learns that it was replaced.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Executable, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.dml import Update

from bot.errors import LedgerError
from bot.ledger.database import READS, SQLITE, execute
from bot.ledger.database_tables import replicas

log = logging.getLogger(__name__)

LIVING = select(replicas.c.owner).where(replicas.c.gone_at.is_(None))
"""The processes that are not gone. One that is not in the table has never begun anything, or was
pruned long ago."""

KEPT = timedelta(days=7)
"""How long it is remembered that a process is gone."""


@dataclass(frozen=True)
class HeartbeatTiming:
    """Times of heartbeats, in seconds.

    `beat` lies between two heartbeats; without one for `fence` a process stops its work,
    and for `gone` others count it as gone.
    """

    beat: float = 3.0
    fence: float = 10.0
    gone: float = 15.0


def identify_host() -> str:
    """Return a name of this machine or container, within which a process id is unique."""
    try:
        # Two containers of one host have the same host name where they share its network.
        namespace = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:
        namespace = ""
    return f"{socket.gethostname()}.{namespace}" if namespace else socket.gethostname()


def generate_owner() -> str:
    """Return a name for this process: its host, its process id, and random digits."""
    return f"{identify_host()}-{os.getpid()}-{secrets.token_hex(3)}"


class Replicas:
    """This process among those that share the ledger. `fenced` tells when it must not change
    anything.

    A SQLite file has one process by design, which is never fenced.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        owner: str,
        now: Callable[[], datetime],
        rhythm: HeartbeatTiming | None = None,
    ) -> None:
        self._engine, self.owner, self._now, self.rhythm = (
            engine,
            owner,
            now,
            rhythm or HeartbeatTiming(),
        )
        self._reader = engine.execution_options(**READS)
        self._fences = engine.url.drivername != SQLITE
        self._beaten = time.monotonic()
        self._evicted = False

    @property
    def is_fenced(self) -> bool:
        """Tell whether others may count this process as gone, or did."""
        return self._evicted or (
            self._fences and time.monotonic() - self._beaten > self.rhythm.fence
        )

    async def join(self) -> None:
        """Enter this process; before that it must not begin anything.

        Raises LedgerError when another process has its name.
        """
        moment = self._utc_now()
        began = time.monotonic()
        row = {"owner": self.owner, "beat": 1, "started_at": moment, "seen_at": moment}
        try:
            await execute(self._engine, replicas.insert().values(**row))
        except IntegrityError as twice:
            raise LedgerError(f"Another process is called {self.owner} already.") from twice
        self._beaten = began

    async def send_heartbeat(self) -> bool:
        """Show that this process lives; return False when it was declared gone meanwhile.

        From then on it counts as alive again.
        """
        began = time.monotonic()
        change = update(replicas).values(beat=replicas.c.beat + 1, seen_at=self._utc_now())
        mine = replicas.c.owner == self.owner
        alive = await execute(
            self._engine,
            change.where(mine, replicas.c.gone_at.is_(None)).returning(replicas.c.beat),
        )
        if not alive:
            self._evicted = True
            await self._rejoin_after_eviction(
                change.where(mine).values(gone_at=None).returning(replicas.c.beat)
            )
        # Counted from before it was sent: the others may have read it as early as that.
        self._beaten = began
        return bool(alive)

    async def _rejoin_after_eviction(self, change: Executable) -> None:
        if not await execute(self._engine, change):
            await self.join()

    async def run_heartbeats(self, fenced: Callable[[], None]) -> None:
        """Send heartbeats until cancelled.

        `fenced` is called when this process must drop what it does.
        """
        loop = asyncio.get_running_loop()
        fence: asyncio.TimerHandle | None = None
        try:
            while True:
                beaten = await self._try_heartbeat()
                # Before the flag is cleared: whoever drops work here may ask whether it is fenced.
                if self._evicted:
                    fenced()
                if beaten:
                    self._evicted = False
                    if fence is not None:
                        fence.cancel()
                    left = self._beaten + self.rhythm.fence - time.monotonic()
                    # By a timer: the next heartbeat may hang in the database, and this process must
                    # stop all the same.
                    fence = loop.call_later(left, self._fence_off, fenced) if self._fences else None
                await asyncio.sleep(self.rhythm.beat)
        finally:
            if fence is not None:
                fence.cancel()

    async def _try_heartbeat(self) -> bool:
        try:
            # No longer than until the next one. A file has no other process that could take over.
            async with asyncio.timeout(self.rhythm.beat if self._fences else None):
                await self.send_heartbeat()
        except (LedgerError, TimeoutError) as problem:
            log.warning(
                "the ledger did not take this process's beat: %s", problem or "no answer in time"
            )
            return False
        return True

    def _fence_off(self, fenced: Callable[[], None]) -> None:
        log.error(
            "no beat for %.0f s: others may take over, so what runs here is dropped",
            self.rhythm.fence,
        )
        fenced()

    async def leave(self) -> None:
        """Record that this process ends: the work it left may be taken over at once."""
        mine = replicas.c.owner == self.owner
        await execute(self._engine, build_gone_update(mine, self._utc_now()))

    async def list_gone(self) -> frozenset[str]:
        """Return the processes that ended, or were declared gone."""
        rows = await execute(
            self._reader, select(replicas.c.owner).where(replicas.c.gone_at.is_not(None))
        )
        return frozenset(row["owner"] for row in rows)

    async def list_living(self) -> frozenset[str]:
        """Return the processes that are not gone, this one among them."""
        return frozenset(row["owner"] for row in await execute(self._reader, LIVING))

    async def prune(self) -> None:
        """Delete processes that are gone for a week."""
        await execute(
            self._engine, delete(replicas).where(replicas.c.gone_at < self._utc_now() - KEPT)
        )

    def _utc_now(self) -> datetime:
        return self._now().astimezone(UTC)


def build_gone_update(where: ColumnElement[bool], now: datetime) -> Update:
    """Build the statement that declares processes gone, at `now` (UTC)."""
    return update(replicas).where(where).values(gone_at=now)
