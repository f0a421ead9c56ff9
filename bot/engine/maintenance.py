"""Periodic maintenance: dead processes and their runs, waiting messages and questions."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator

from bot.engine.router import CommandRouter
from bot.errors import MeshbotError
from bot.ledger import Ledger, RetentionTimes
from bot.metrics import Metric, counter

log = logging.getLogger(__name__)

CONFIRMATIONS_EVERY = 15.0
"""Seconds between looks for runs that were not confirmed in time."""

AUDIT_EVERY = 60.0
"""Seconds between looks for runs whose end no process had the time to write into the audit."""

PRUNE_EVERY = 3600.0
"""Seconds between prunings of what is old."""

CLEAR_EVERY = 60.0
"""Seconds between looks for runs, audit rows and schedules that are older than they are to be kept;
each look clears a part, so that others can write meanwhile."""

LONGEST_PASS = 60.0
"""Seconds that a pass may take before maintenance counts as stuck."""

Work = Callable[[], Awaitable[object]]


class Maintenance:
    """Runs maintenance periodically until stopped.

    `deliver_kept` delivers the messages that are kept for Slack, `drop_kept` drops those
    that wait to be posted; `kept` says for how long what is over is kept.
    """

    def __init__(
        self,
        router: CommandRouter,
        ledger: Ledger,
        *,
        deliver_kept: Work,
        drop_kept: Callable[[], None],
        kept: RetentionTimes,
    ) -> None:
        self._router, self._ledger, self._kept = router, ledger, kept
        self._deliver_kept, self._drop_kept = deliver_kept, drop_kept
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
            self._ledger.failure_detector.evictions,
        )
        for table, rows in self._ledger.retention.cleared.items():
            yield counter("cleared", "Rows that were older than they are kept.", rows, table=table)

    async def join_replicas(self) -> None:
        """Join the other processes, and send heartbeats from now on.

        Nothing may be begun before, for it would count as left by a dead process.
        """
        await self._ledger.replicas.join()
        beats = self._ledger.replicas.run_heartbeats(self._on_fenced)
        self._tasks.append(asyncio.create_task(beats, name="heartbeats"))

    async def start(self) -> None:
        """Take over now what dead processes left, and go on with that in the background."""
        await self._run_once()
        self._tasks.append(asyncio.create_task(self._run_forever(), name="maintenance"))

    @property
    def is_running(self) -> bool:
        """Tell whether the tasks are alive and the last pass is less than 75 seconds ago."""
        alive = bool(self._tasks) and not any(task.done() for task in self._tasks)
        return alive and time.monotonic() - self.last < CONFIRMATIONS_EVERY + LONGEST_PASS

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
        self._router.runs.tracker.release_runs()
        self._drop_kept()

    async def _run_forever(self) -> None:
        while True:
            await asyncio.sleep(self._ledger.replicas.rhythm.beat)
            await self._run_once()

    async def _run_once(self) -> None:
        ledger, runs = self._ledger, self._router.runs
        await self._run_safely("the other processes", ledger.failure_detector.evict_silent)
        # While cut off, this process may itself count as gone: what it took over would be done
        # twice.
        if not ledger.replicas.is_fenced:
            await self._run_safely("messages of dead processes", ledger.outbox.take_over_orphaned)
            await self._run_safely("messages that wait", self._deliver_kept)
            await self._run_safely("runs of dead processes", self._router.recover_runs)
        for every, what, work in (
            (CONFIRMATIONS_EVERY, "confirmations", runs.confirmations.expire_overdue_runs),
            (CONFIRMATIONS_EVERY, "commands that wait", self._router.begin_waiting),
            (CONFIRMATIONS_EVERY, "what waits", self._count_pending_messages),
            (AUDIT_EVERY, "the audit", runs.audit.record_missing_ends),
            (PRUNE_EVERY, "replicas", ledger.replicas.prune),
            (PRUNE_EVERY, "messages", ledger.outbox.prune),
            (PRUNE_EVERY, "requests", ledger.requests.prune),
            (CLEAR_EVERY, "what is old", self._clear_old),
        ):
            await self._run_if_due(every, what, work)
        # At the end, so that a pass which hangs shows in the health check.
        self.last = time.monotonic()

    async def _clear_old(self) -> None:
        await self._ledger.retention.clear(self._kept)

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
            # One task that fails must not end the loop that the others, and the heartbeat, live in.
            log.exception("%s could not be looked at", what)
