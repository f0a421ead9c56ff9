"""Brings single schedules up to the present moment: claims a slot that is due, or ends the
schedule.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

from bot.errors import MeshbotError, SlackError
from bot.ledger import Schedule, ScheduleState, SqlSchedules, SqlSlots
from bot.ledger.slot_store import ScheduleAdvance
from bot.schedule.service import ACTIVE, LIVE, ScheduleService
from bot.schedule.slot_outcome import SlotCallbacks
from bot.schedule.slot_tasks import GRACE, OVER, SlotTasks
from bot.schedule.slots import find_due_slot
from bot.text import Text
from bot.when import Timing

log = logging.getLogger(__name__)


class DueSlots:
    """Claims slots for this process, and counts those that it claimed or missed.

    `lag` is how late the newest claimed slot was, in seconds.
    """

    def __init__(
        self,
        timetable: SqlSchedules,
        slots: SqlSlots,
        schedule_service: ScheduleService,
        callbacks: SlotCallbacks,
        tasks: SlotTasks,
        *,
        owner: str,
    ) -> None:
        self._timetable, self._slots = timetable, slots
        self._schedule_service = schedule_service
        self._callbacks, self._tasks, self._owner = callbacks, tasks, owner
        self.fired = self.missed = 0
        self.lag = 0.0

    async def process_safely(self, schedule: Schedule, gone: Collection[str]) -> Schedule:
        """Process a schedule and return it; log an error, so that it does not hold up the
        others.

        `gone` names the processes that are gone.
        """
        try:
            return await self._process(schedule, gone)
        except MeshbotError as problem:
            log.warning("schedule %s could not be looked at: %s", schedule.id, problem)
            return schedule

    async def _process(self, schedule: Schedule, gone: Collection[str]) -> Schedule:
        now = self._timetable.now()
        if schedule.ts is None and schedule.owner in gone:
            schedule = await self._post_missing_message(schedule)
        if schedule.is_over:
            return schedule
        if self._callbacks.rule(schedule.step) is None:
            why = Text("this version of the bot does not schedule {step}", step=schedule.step)
            return await self._end(schedule, why)
        if schedule.state is not ACTIVE:
            over = schedule.until is not None and schedule.until < now
            return await self._end(schedule, OVER) if over else schedule
        if schedule.next_at is None:
            # The last slot may still be under way, in whatever process.
            return await self._end_if_finished(schedule) or schedule
        return (
            await self._take_due_slot(schedule)
            if schedule.next_at <= now and await self._is_unchanged(schedule)
            else schedule
        )

    async def _end(self, schedule: Schedule, why: Text) -> Schedule:
        """End a schedule and return it; as it was when another process did."""
        ended = await self._schedule_service.change_state(
            schedule, ScheduleState.ENDED, why, among=LIVE
        )
        return ended or schedule

    async def _post_missing_message(self, schedule: Schedule) -> Schedule:
        """Post the message of a schedule whose process died before it did.

        A schedule whose message Slack refuses is ended.
        """
        adopted = await self._timetable.adopt_unposted(schedule, self._owner)
        if adopted is None:
            return schedule
        try:
            return await self._schedule_service.messages.post(adopted, keep=True)
        except SlackError as problem:
            return await self._end(
                adopted, Text("the message could not be posted ({code})", code=problem.code)
            )

    async def _is_unchanged(self, schedule: Schedule) -> bool:
        """Tell whether the schedule in the ledger is still as it was read.

        A read is cheap; a write that comes too late holds up the others.
        """
        now = await self._timetable.get(schedule.id)
        return now is not None and (now.next_at, now.state) == (schedule.next_at, schedule.state)

    async def _end_if_finished(self, schedule: Schedule) -> Schedule | None:
        """End a schedule without a next slot, once its last slot has ended."""
        if any(slot.schedule == schedule.id for slot in await self._slots.list_running_slots()):
            return None
        return await self._schedule_service.change_state(
            schedule, ScheduleState.ENDED, OVER, among={ACTIVE}
        )

    async def _take_due_slot(self, schedule: Schedule) -> Schedule:
        """Claim the newest slot that is due, or skip it when it is too late.

        The slots before it count as missed.
        """
        now, rule = self._timetable.now(), self._callbacks.rule(schedule.step)
        assert schedule.next_at is not None
        assert rule is not None
        # Its message is on its way still: a slot would have no thread to answer in.
        if schedule.ts is None:
            return schedule
        # After days away a frequent cron takes a second to count.
        found = await asyncio.to_thread(
            find_due_slot, Timing.from_json(schedule.timing), schedule.next_at, now
        )
        late = (now - found.slot).total_seconds()
        if late > GRACE and not rule.late:
            return await self._skip(
                schedule, ScheduleAdvance(schedule.next_at, found.following, found.earlier + 1)
            )
        move = ScheduleAdvance(schedule.next_at, found.following, found.earlier)
        claimed = await self._slots.claim_slot(schedule, found.slot, move, self._owner)
        if claimed is None:
            return schedule
        self.fired, self.missed, self.lag = self.fired + 1, self.missed + found.earlier, late
        self._tasks.spawn(*claimed, late)
        return claimed[0]

    async def _skip(self, schedule: Schedule, move: ScheduleAdvance) -> Schedule:
        """Move a schedule on without carrying out a slot."""
        passed = await self._slots.skip_slots(schedule, move)
        if passed is None:
            return schedule
        self.missed += move.missed
        await self._schedule_service.messages.update(passed)
        return passed if passed.next_at else await self._end_if_finished(passed) or passed
