"""Processes that share the ledger: their heartbeats, eviction of the dead, and fencing.

Death is observed and not computed from clocks, which differ between machines: each
process counts up a number of its own, and another one that has read the same number for
long enough declares it gone. That is one conditional write, so a process that comes
back in the same moment either wins, or finds at its next heartbeat that it was declared
gone. A process that cannot write its heartbeat stops its work sooner than others may
declare it gone. No lease can prevent this: a process that was frozen as a whole may, in
the moment in which it wakes up, send one more request before it learns that it was
replaced.
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
from pathlib import Path

from sqlalchemy import ColumnElement, Executable, RowMapping, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.dml import Update

from bot.errors import LedgerError
from bot.ledger.connection import READS, SQLITE, execute
from bot.ledger.tables import replicas

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
        self._heard: dict[str, tuple[int, float]] = {}
        self._looked = 0.0
        self._beaten = time.monotonic()
        self._evicted = False
        self.evictions = 0

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
                if self._evicted:
                    fenced()
                if beaten:
                    self._evicted = False
                    if fence is not None:
                        fence.cancel()
                    left = self._beaten + self.rhythm.fence - time.monotonic()
                    fence = loop.call_later(left, self._fence_off, fenced) if self._fences else None
                await asyncio.sleep(self.rhythm.beat)
        finally:
            if fence is not None:
                fence.cancel()

    async def _try_heartbeat(self) -> bool:
        try:
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

    async def evict_silent(self) -> frozenset[str]:
        """Read the heartbeats of the others; declare gone those that are silent too long.

        Returns the processes that this call declared gone. To be called at every heartbeat.
        """
        at = time.monotonic()
        if at - self._looked > 2 * self.rhythm.beat:
            self._heard.clear()
        self._looked = at
        try:
            rows = await execute(self._reader, select(replicas).where(replicas.c.gone_at.is_(None)))
        except LedgerError:
            self._heard.clear()
            raise
        others = [row for row in rows if row["owner"] != self.owner]
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
        return at - since >= self.rhythm.gone or _is_dead_local_process(row["owner"])

    async def _declare_gone(self, row: RowMapping) -> bool:
        same = (
            (replicas.c.owner == row["owner"])
            & (replicas.c.beat == row["beat"])
            & replicas.c.gone_at.is_(None)
        )
        declared = await execute(
            self._engine, self._build_gone_update(same).returning(replicas.c.owner)
        )
        if declared:
            log.warning("process %s is gone: what it left is taken over", row["owner"])
        return bool(declared)

    def _build_gone_update(self, where: ColumnElement[bool]) -> Update:
        return update(replicas).where(where).values(gone_at=self._utc_now())

    async def leave(self) -> None:
        """Record that this process ends: the work it left may be taken over at once."""
        await execute(self._engine, self._build_gone_update(replicas.c.owner == self.owner))

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


def _is_dead_local_process(owner: str) -> bool:
    """Tell whether that process ran on this host, and its id is nobody's now, or ours.

    Without Linux's /proc nothing is known of it: then its heartbeats tell.
    """
    where, _, rest = owner.rpartition("-")
    where, _, number = where.rpartition("-")
    if not rest or where != identify_host() or not number.isdecimal():
        return False
    if int(number) == os.getpid():
        return True
    try:
        stat = Path(f"/proc/{number}/stat").read_text()
    except FileNotFoundError:
        return Path("/proc/self/stat").exists()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] in "ZX"
