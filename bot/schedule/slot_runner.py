"""Runs the slots of schedules: finds those that are due, and claims each for this process.

Woken by the timer and every few seconds besides, for another process may have changed
the schedules. Which other processes are gone it is told (`gone`), and what a slot does
too (`carry_out`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Collection, Iterator
from datetime import timedelta

from bot.errors import MeshbotError
from bot.ledger import Schedule, SqlSchedules, SqlSlots
from bot.metrics import Metric, counter
from bot.schedule.due_slots import DueSlots
from bot.schedule.service import ScheduleService
from bot.schedule.slot_outcome import SlotCallbacks
from bot.schedule.slot_tasks import SlotTasks
from bot.schedule.timer import Timer

log = logging.getLogger(__name__)

REREAD_SECONDS = 3.0
"""Seconds after which the schedules are read again although the timer was silent."""

SLOT_RETENTION = timedelta(days=7)
"""How long slots that ended are remembered."""

PRUNE_SECONDS = 3600.0
"""Seconds between removals of old slots."""


class SlotRunner:
    """Carries out slots until closed."""

    def __init__(
        self,
        timetable: SqlSchedules,
        slots: SqlSlots,
        schedule_service: ScheduleService,
        callbacks: SlotCallbacks,
        *,
        owner: str,
    ) -> None:
        self._timetable, self._slots = timetable, slots
        self._callbacks, self._owner = callbacks, owner
        self._wake = asyncio.Event()
        self._timer = Timer(self._wake)
        self._tasks = SlotTasks(
            timetable, slots, schedule_service, callbacks, self._wake, owner=owner
        )
        self._due = DueSlots(
            timetable, slots, schedule_service, callbacks, self._tasks, owner=owner
        )
        self._loop: asyncio.Task[None] | None = None
        self._pruned_at = 0.0
        schedule_service.changed = self._wake.set

    def start(self) -> None:
        """Start in a task of its own."""
        self._timer.start()
        self._loop = asyncio.create_task(self._run_forever(), name="schedules")

    @property
    def is_running(self) -> bool:
        """Tell whether it looks for slots that are due."""
        return self._loop is not None and not self._loop.done()

    def figures(self) -> Iterator[Metric]:
        """Yield the metrics of slots."""
        counts = (
            ("fired", self._due.fired),
            ("missed", self._due.missed),
            ("cut", self._tasks.cut),
        )
        for name, count in counts:
            yield counter(
                "schedule_slots",
                "Slots of schedules, by what became of them here.",
                count,
                outcome=name,
            )
        yield Metric(
            "schedule_lag_seconds",
            "How late the newest slot was that this process fired.",
            self._due.lag,
        )

    async def close(self, grace: float) -> None:
        """Take no more slots, and wait `grace` seconds for those under way.

        Slots that are left are for another process.
        """
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        # After the loop, which would set it again; before the slots, which need none.
        await self._timer.close()
        await self._tasks.drain(grace)

    async def _run_forever(self) -> None:
        while True:
            # Before the pass: what changes during it is looked at in the next one.
            self._wake.clear()
            try:
                await self.run_once()
            except MeshbotError as problem:
                log.warning("schedules could not be looked at: %s", problem)
            except Exception:
                # The loop must outlive any pass: it is all that fires schedules.
                log.exception("schedules could not be looked at")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REREAD_SECONDS):
                    await self._wake.wait()

    async def run_once(self) -> None:
        """Make one pass.

        It takes the slots that are due, takes over those of processes that are gone, and
        sets the timer.
        """
        await self._tasks.retry_unwritten()
        gone = await self._callbacks.gone()
        for slot in await self._slots.list_running_slots():
            if slot.owner in gone and slot.owner != self._owner:
                await self._tasks.take_over(slot)
        await self._process_all(gone)
        if self._callbacks.on_pass is not None:
            await self._callbacks.on_pass(gone)
        await self._prune_old_slots()

    async def _process_all(self, gone: Collection[str]) -> None:
        begun = self._timetable.now()
        live = await self._timetable.list_live()
        # So that replicas that look at the same moment do not all reach for the same slot.
        random.shuffle(live)
        schedules: list[Schedule] = [await self._due.process_safely(one, gone) for one in live]
        now = self._timetable.now()
        times = {one.id: one.next_at for one in schedules if one.next_at}
        self._timer.set_times({name: at for name, at in times.items() if at > now})
        if any(begun < at <= now for at in times.values()):
            self._wake.set()  # it became due after it was looked at

    async def wait_until_idle(self) -> None:
        """Wait until no slot is being carried out."""
        await self._tasks.wait_until_idle()

    async def _prune_old_slots(self) -> None:
        now = asyncio.get_running_loop().time()
        self._pruned_at = self._pruned_at or now
        if now - self._pruned_at > PRUNE_SECONDS:
            self._pruned_at = now
            await self._slots.prune_slots(self._timetable.now() - SLOT_RETENTION)
