"""Periodic maintenance: dead processes and their runs, waiting messages and questions."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator

from bot.engine.router import CommandRouter
from bot.errors import MeshbotError
from bot.ledger import Ledger
from bot.metrics import Metric, counter

log = logging.getLogger(__name__)

QUESTIONS = 15.0
"""Seconds between looks for questions whose time is over."""

AUDITS = 60.0
"""Seconds between looks for runs whose end no process had the time to write into the audit."""

PRUNING = 3600.0
"""Seconds between prunings of what is old."""

Work = Callable[[], Awaitable[object]]


class Maintenance:
    """Runs maintenance periodically until stopped.

    `again` delivers the messages that are kept for Slack, `let_go` drops those that
    wait to be posted.
    """

    def __init__(
        self, engine: CommandRouter, ledger: Ledger, *, again: Work, let_go: Callable[[], None]
    ) -> None:
        self._engine, self._ledger = engine, ledger
        self._again, self._let_go = again, let_go
        self._due: dict[str, float] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.began = self.last = time.monotonic()
        self.pending = 0

    def figures(self) -> Iterator[Metric]:
        """Yield the metrics of maintenance."""
        yield Metric(
            "outbox_pending",
            "Messages of all processes that Slack does not show as wanted.",
            self.pending,
        )
        yield counter(
            "evictions",
            "Processes that this one found to be gone.",
            self._ledger.replicas.evictions,
        )

    async def join_replicas(self) -> None:
        """Join the other processes, and send heartbeats from now on.

        Nothing may be begun before, for it would count as left by a dead process.
        """
        await self._ledger.replicas.join()
        self._tasks.append(
            asyncio.create_task(self._ledger.replicas.run_heartbeats(self._on_fenced), name="beats")
        )

    async def start(self) -> None:
        """Take over now what dead processes left, and go on with that in the background."""
        await self._run_once()
        self._tasks.append(asyncio.create_task(self._run_forever(), name="rounds"))

    @property
    def is_running(self) -> bool:
        """Tell whether the tasks are alive and the last pass is less than 75 seconds ago."""
        alive = bool(self._tasks) and not any(task.done() for task in self._tasks)
        return alive and time.monotonic() - self.last < QUESTIONS + 60.0

    async def stop(self) -> None:
        """Cancel the background tasks."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def leave_replicas(self) -> None:
        """Leave the other processes; from then on they may take over what this one left."""
        try:
            await self._ledger.replicas.leave()
        except MeshbotError as problem:
            log.warning("this process could not say that it ends: %s", problem)

    def _on_fenced(self) -> None:
        self._engine.release_runs()
        self._let_go()

    async def _run_forever(self) -> None:
        while True:
            await asyncio.sleep(self._ledger.replicas.rhythm.beat)
            await self._run_once()

    async def _run_once(self) -> None:
        ledger = self._ledger
        await self._run_safely("the other processes", ledger.replicas.evict_silent)
        if not ledger.replicas.is_fenced:
            await self._run_safely(
                "messages of those that are gone", ledger.outbox.take_over_orphaned
            )
            await self._run_safely("messages that wait", self._again)
            await self._run_safely("runs of those that are gone", self._engine.recover_runs)
        await self._run_if_due(QUESTIONS, "questions", self._engine.runner.expire_overdue_questions)
        await self._run_if_due(QUESTIONS, "what waits", self._count_pending_messages)
        await self._run_if_due(AUDITS, "the audit", self._engine.runner.audit.record_missing_ends)
        for what, prune in (
            ("replicas", ledger.replicas),
            ("messages", ledger.outbox),
            ("requests", ledger.requests),
        ):
            await self._run_if_due(PRUNING, what, prune.prune)
        self.last = time.monotonic()

    async def _count_pending_messages(self) -> None:
        self.pending = await self._ledger.outbox.count_pending()

    async def _run_if_due(self, every: float, what: str, work: Work) -> None:
        if self._due.get(what, time.monotonic()) <= time.monotonic():
            self._due[what] = time.monotonic() + every
            await self._run_safely(what, work)

    async def _run_safely(self, what: str, work: Work) -> None:
        try:
            await work()
        except MeshbotError as problem:
            log.warning("%s could not be looked at: %s", what, problem)
        except Exception:
            log.exception("%s could not be looked at", what)
