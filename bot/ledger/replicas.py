"""Processes that share the ledger: each shows that it lives, sees which others do not, and knows when it must stop.

Death is observed and not computed from clocks, which differ between machines: each process counts up a number of its
own, and another one that has read the same number for long enough declares it gone. That is one conditional write, so
a process that comes back in the same moment either wins, or finds at its next beat that it was declared gone. A process
that cannot beat stops its work sooner than others may declare it gone. What no lease can prevent: a process that was
frozen as a whole may, in the moment in which it wakes up, send one more request before it learns that it was replaced.
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
"""The processes that are not gone. One that is not in the table has never begun anything, or was pruned long ago."""

KEPT = timedelta(days=7)
"""How long it is remembered that a process is gone."""


@dataclass(frozen=True)
class Rhythm:
    """Seconds: between beats, without a beat until a process stops its work, until others count it as gone."""

    beat: float = 3.0
    fence: float = 10.0
    gone: float = 15.0


def place() -> str:
    """This machine, or this container: where a process id of ours means the same process."""
    try:
        namespace = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:
        namespace = ""
    return f"{socket.gethostname()}.{namespace}" if namespace else socket.gethostname()


def new_owner() -> str:
    """A name for this process: where it is, its id, and a piece of chance."""
    return f"{place()}-{os.getpid()}-{secrets.token_hex(3)}"


class Replicas:
    """This process among those that share the ledger. `fenced` tells when it must not change anything.

    A SQLite file has one process by design, which is never fenced.
    """

    def __init__(
        self, engine: AsyncEngine, *, owner: str, now: Callable[[], datetime], rhythm: Rhythm | None = None
    ) -> None:
        self._engine, self.owner, self._now, self.rhythm = engine, owner, now, rhythm or Rhythm()
        self._reader = engine.execution_options(**READS)
        self._fences = engine.url.drivername != SQLITE
        self._heard: dict[str, tuple[int, float]] = {}
        self._looked = 0.0
        self._beaten = time.monotonic()
        self._evicted = False
        self.evictions = 0

    @property
    def fenced(self) -> bool:
        """True when others may count this process as gone, or did."""
        return self._evicted or (self._fences and time.monotonic() - self._beaten > self.rhythm.fence)

    async def join(self) -> None:
        """Enters this process; before that it must not begin anything."""
        moment = self._moment()
        began = time.monotonic()
        row = {"owner": self.owner, "beat": 1, "started_at": moment, "seen_at": moment}
        try:
            await execute(self._engine, replicas.insert().values(**row))
        except IntegrityError as twice:
            raise LedgerError(f"Another process is called {self.owner} already.") from twice
        self._beaten = began

    async def beat(self) -> bool:
        """Shows that this process lives; False when it was declared gone meanwhile, and from now on lives again."""
        began = time.monotonic()
        change = update(replicas).values(beat=replicas.c.beat + 1, seen_at=self._moment())
        mine = replicas.c.owner == self.owner
        alive = await execute(self._engine, change.where(mine, replicas.c.gone_at.is_(None)).returning(replicas.c.beat))
        if not alive:
            self._evicted = True
            await self._revive(change.where(mine).values(gone_at=None).returning(replicas.c.beat))
        self._beaten = began
        return bool(alive)

    async def _revive(self, change: Executable) -> None:
        if not await execute(self._engine, change):
            await self.join()

    async def beating(self, fenced: Callable[[], None]) -> None:
        """Beats until cancelled; `fenced` is called when this process must drop what it does."""
        loop = asyncio.get_running_loop()
        fence: asyncio.TimerHandle | None = None
        try:
            while True:
                beaten = await self._tried()
                if self._evicted:
                    fenced()
                if beaten:
                    self._evicted = False
                    if fence is not None:
                        fence.cancel()
                    left = self._beaten + self.rhythm.fence - time.monotonic()
                    fence = loop.call_later(left, self._cut_off, fenced) if self._fences else None
                await asyncio.sleep(self.rhythm.beat)
        finally:
            if fence is not None:
                fence.cancel()

    async def _tried(self) -> bool:
        try:
            async with asyncio.timeout(self.rhythm.beat if self._fences else None):
                await self.beat()
        except (LedgerError, TimeoutError) as problem:
            log.warning("the ledger did not take this process's beat: %s", problem or "no answer in time")
            return False
        return True

    def _cut_off(self, fenced: Callable[[], None]) -> None:
        log.error("no beat for %.0f s: others may take over, so what runs here is dropped", self.rhythm.fence)
        fenced()

    async def look(self) -> frozenset[str]:
        """Reads how the others are, to be called at every beat; declares gone who is, and gives whom it did."""
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
        evicted = [row["owner"] for row in others if self._silent(row, at) and await self._evict(row)]
        self._heard = {row["owner"]: self._heard[row["owner"]] for row in others if row["owner"] not in evicted}
        self.evictions += len(evicted)
        return frozenset(evicted)

    def _silent(self, row: RowMapping, at: float) -> bool:
        beat, since = self._heard.get(row["owner"], (-1, at))
        if beat != row["beat"]:
            since = at
        self._heard[row["owner"]] = (row["beat"], since)
        return at - since >= self.rhythm.gone or _dead_here(row["owner"])

    async def _evict(self, row: RowMapping) -> bool:
        same = (replicas.c.owner == row["owner"]) & (replicas.c.beat == row["beat"]) & replicas.c.gone_at.is_(None)
        declared = await execute(self._engine, self._gone(same).returning(replicas.c.owner))
        if declared:
            log.warning("process %s is gone: what it left is taken over", row["owner"])
        return bool(declared)

    def _gone(self, where: ColumnElement[bool]) -> Update:
        return update(replicas).where(where).values(gone_at=self._moment())

    async def leave(self) -> None:
        """This process ends: whatever it left undone may be taken over at once."""
        await execute(self._engine, self._gone(replicas.c.owner == self.owner))

    async def gone(self) -> frozenset[str]:
        """The processes that ended, or were declared gone."""
        rows = await execute(self._reader, select(replicas.c.owner).where(replicas.c.gone_at.is_not(None)))
        return frozenset(row["owner"] for row in rows)

    async def living(self) -> frozenset[str]:
        """The processes that are not gone, this one among them."""
        return frozenset(row["owner"] for row in await execute(self._reader, LIVING))

    async def prune(self) -> None:
        """Forgets processes that are gone for a week."""
        await execute(self._engine, delete(replicas).where(replicas.c.gone_at < self._moment() - KEPT))

    def _moment(self) -> datetime:
        return self._now().astimezone(UTC)


def _dead_here(owner: str) -> bool:
    """Whether that process was in the same place as this one, and its id is nobody's now, or ours.

    Without Linux's /proc nothing is known of it: then its beats tell.
    """
    where, _, rest = owner.rpartition("-")
    where, _, number = where.rpartition("-")
    if not rest or where != place() or not number.isdecimal():
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
