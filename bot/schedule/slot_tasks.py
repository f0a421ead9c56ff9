"""Slots under way in this process: each is carried out in a task, and its end written down."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from bot.errors import MeshbotError
from bot.jobs import Jobs
from bot.ledger import Schedule, ScheduleState, Slot, SqlSchedules, SqlSlots
from bot.schedule.service import ScheduleService
from bot.schedule.slot_outcome import SlotCallbacks, SlotOutcome
from bot.steps import SlotContext
from bot.text import Text

log = logging.getLogger(__name__)

GRACE = 60.0
"""Seconds that a slot may be late and still counts as in time: a restart, a paused laptop."""

OVER = Text("its time is over")


class SlotTasks:
    """The slots that this process carries out; `wake` is set when a schedule is due again."""

    def __init__(
        self,
        timetable: SqlSchedules,
        slots: SqlSlots,
        schedule_service: ScheduleService,
        callbacks: SlotCallbacks,
        wake: asyncio.Event,
        *,
        owner: str,
    ) -> None:
        self._timetable, self._slots = timetable, slots
        self._schedule_service = schedule_service
        self._callbacks, self._wake, self._owner = callbacks, wake, owner
        self._jobs = Jobs()
        self._unwritten: dict[Slot, SlotOutcome] = {}
        self.cut = 0

    def spawn(self, schedule: Schedule, slot: Slot, late: float) -> None:
        """Carry out a claimed slot in a task; `late` is in seconds."""
        self._jobs.spawn(
            self._run_slot(schedule, slot, late), f"slot {slot.schedule} {slot.slot_at.isoformat()}"
        )

    async def wait_until_idle(self) -> None:
        """Wait until no slot is being carried out."""
        await self._jobs.wait_until_idle()

    async def drain(self, grace: float) -> None:
        """Wait `grace` seconds for the slots under way, and cancel the rest."""
        await self._jobs.drain(grace)

    async def retry_unwritten(self) -> None:
        """Write the ends that the database did not take. Raises LedgerError."""
        for slot, outcome in list(self._unwritten.items()):
            await self._finish_slot(slot, outcome)
            self._unwritten.pop(slot, None)

    async def take_over(self, slot: Slot) -> None:
        """Begin a slot whose process is gone once more, or count it as cut."""
        schedule = await self._timetable.get(slot.schedule)
        rule = self._callbacks.rule(schedule.step) if schedule is not None else None
        if (
            schedule is not None
            and rule is not None
            and rule.again
            # Once only: a slot that ends its process would end each that takes it over.
            and slot.attempt == 1
            and not schedule.is_over
        ):
            mine = await self._slots.resume_slot(slot, self._owner)
            if mine is not None:
                late = (self._timetable.now() - slot.slot_at).total_seconds()
                self.spawn(schedule, mine, late)
            return
        after = await self._slots.cut_slot(slot)
        if after is not None:
            self.cut += 1
            await self._schedule_service.messages.update(after)

    async def _run_slot(self, schedule: Schedule, slot: Slot, late: float) -> None:
        slot_context = SlotContext(
            slot.slot_at.timestamp(), late if late > GRACE else 0.0, schedule.memory
        )
        outcome = await self._callbacks.carry_out(schedule, slot_context)
        # The message goes out before the end is written. A process that dies in between leaves a
        # slot that another may carry out once more; under the same key its message is there once.
        if outcome.message is not None and not await self._schedule_service.messages.post_in_thread(
            schedule, outcome.message, outcome.tell, f"{slot.slot_at.timestamp():.0f}"
        ):
            unsaid = Text(
                "{summary} (Slack did not take the message.)", summary=outcome.ending.summary
            )
            outcome = replace(outcome, ending=replace(outcome.ending, summary=unsaid, failed=True))
        try:
            await self._finish_slot(slot, outcome)
        except MeshbotError as problem:
            log.error("the end of a slot of %s is not kept yet: %s", slot.schedule, problem)
            self._unwritten[slot] = outcome

    async def _finish_slot(self, slot: Slot, outcome: SlotOutcome) -> None:
        after = await self._slots.finish_slot(slot, outcome.ending)
        if after is None:
            log.warning(
                "a slot of %s was taken from this process while it was under way", slot.schedule
            )
            return
        active = {ScheduleState.ACTIVE}
        if outcome.pause and after.next_at is not None:
            await self._schedule_service.change_state(
                after, ScheduleState.PAUSED, outcome.pause, among=active
            )
        elif after.next_at is None and after.state is ScheduleState.ACTIVE:
            await self._schedule_service.change_state(
                after, ScheduleState.ENDED, outcome.pause or OVER, among=active
            )
        else:
            await self._schedule_service.messages.update(after)
        # While the slot was under way, the next one could not be claimed.
        if after.next_at is not None and after.next_at <= self._timetable.now():
            self._wake.set()
