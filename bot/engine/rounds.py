"""What is looked after now and then: who is gone, what they left, and what waits for Slack or for an answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator

from bot.engine.desk import Engine
from bot.errors import MeshbotError
from bot.figures import Figure, counter
from bot.ledger import Ledger

log = logging.getLogger(__name__)

QUESTIONS = 15.0
"""Seconds between looks for questions whose time is over."""

AUDITS = 60.0
"""Seconds between looks for runs whose end no process had the time to write into the audit."""

PRUNING = 3600.0
"""Seconds between prunings of what is old."""

Work = Callable[[], Awaitable[object]]


class Rounds:
    """Goes round until stopped. `again` delivers what is kept for Slack, `let_go` drops what waits to be posted."""

    def __init__(self, engine: Engine, ledger: Ledger, *, again: Work, let_go: Callable[[], None]) -> None:
        self._engine, self._ledger = engine, ledger
        self._again, self._let_go = again, let_go
        self._due: dict[str, float] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.began = self.last = time.monotonic()
        self.pending = 0

    def figures(self) -> Iterator[Figure]:
        """For Prometheus."""
        yield Figure("outbox_pending", "Messages of all processes that Slack does not show as wanted.", self.pending)
        yield counter("evictions", "Processes that this one found to be gone.", self._ledger.replicas.evictions)

    async def join(self) -> None:
        """Joins the others and beats from now on: nothing may be begun before, for it would count as left behind."""
        await self._ledger.replicas.join()
        self._tasks.append(asyncio.create_task(self._ledger.replicas.beating(self._fenced), name="beats"))

    async def start(self) -> None:
        """Takes over what is to be taken over now, and goes on with that in the background."""
        await self._once()
        self._tasks.append(asyncio.create_task(self._go(), name="rounds"))

    @property
    def going(self) -> bool:
        """True while its tasks live and the last round is not long ago."""
        alive = bool(self._tasks) and not any(task.done() for task in self._tasks)
        return alive and time.monotonic() - self.last < QUESTIONS + 60.0

    async def stop(self) -> None:
        """Ends the rounds."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def leave(self) -> None:
        """The last act of this process: whatever it left may be taken over."""
        try:
            await self._ledger.replicas.leave()
        except MeshbotError as problem:
            log.warning("this process could not say that it ends: %s", problem)

    def _fenced(self) -> None:
        self._engine.let_go()
        self._let_go()

    async def _go(self) -> None:
        while True:
            await asyncio.sleep(self._ledger.replicas.rhythm.beat)
            await self._once()

    async def _once(self) -> None:
        ledger = self._ledger
        await self._try("the other processes", ledger.replicas.look)
        if not ledger.replicas.fenced:
            await self._try("messages of those that are gone", ledger.outbox.take)
            await self._try("messages that wait", self._again)
            await self._try("runs of those that are gone", self._engine.recover)
        await self._now_and_then(QUESTIONS, "questions", self._engine.runner.expire_questions)
        await self._now_and_then(QUESTIONS, "what waits", self._count)
        await self._now_and_then(AUDITS, "the audit", self._engine.runner.audit.catch_up)
        for what, prune in (("replicas", ledger.replicas), ("messages", ledger.outbox), ("requests", ledger.requests)):
            await self._now_and_then(PRUNING, what, prune.prune)
        self.last = time.monotonic()

    async def _count(self) -> None:
        self.pending = await self._ledger.outbox.pending()

    async def _now_and_then(self, every: float, what: str, work: Work) -> None:
        if self._due.get(what, time.monotonic()) <= time.monotonic():
            self._due[what] = time.monotonic() + every
            await self._try(what, work)

    async def _try(self, what: str, work: Work) -> None:
        try:
            await work()
        except MeshbotError as problem:
            log.warning("%s could not be looked at: %s", what, problem)
        except Exception:
            log.exception("%s could not be looked at", what)
