"""Schedules whose channel takes no messages: paused, and whoever made one is told directly."""

from __future__ import annotations

from dataclasses import dataclass

from bot.ledger import ScheduleState, SqlSchedules
from bot.schedule.service import ScheduleService
from bot.view.refusal_notes import describe_refusal


@dataclass(frozen=True)
class UnreachableSchedules:
    """Pauses schedules that would go on where nobody sees it."""

    timetable: SqlSchedules
    schedule_service: ScheduleService

    async def pause(self, schedule_id: str, code: str) -> None:
        """Pause a schedule whose channel takes no messages, and tell who made it.

        `code` is what Slack refuses with. Raises LedgerError.
        """
        schedule = await self.timetable.get(schedule_id)
        if schedule is None:
            return
        why = describe_refusal(code)
        paused = await self.schedule_service.change_state(
            schedule, ScheduleState.PAUSED, why, among={ScheduleState.ACTIVE}
        )
        if paused is not None:
            await self.schedule_service.messages.tell_maker(paused, why)
