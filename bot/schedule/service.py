"""Creates, lists, pauses, resumes and removes schedules.

Each schedule has one message, which is edited.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from bot.errors import MeshbotError, UserError
from bot.ledger import NewSchedule, Schedule, ScheduleState, SqlSchedules
from bot.records import ScheduleSummary
from bot.schedule import slots
from bot.schedule.limits import Limits, apply_limits, check_capacity
from bot.schedule.schedule_messages import ScheduleMessages
from bot.steps import Options, Step, mark_person
from bot.text import EMPTY, Text, join
from bot.view.schedule_views import describe_unchanged_state
from bot.when import Timing, TimingSpec, resolve_timing
from bot.when.pieces import load_zones

ACTIVE, PAUSED = ScheduleState.ACTIVE, ScheduleState.PAUSED
LIVE = (ACTIVE, PAUSED)


@dataclass(frozen=True)
class ScheduleRequest:
    """Request for a schedule.

    `words` is the command without its times, `typed` the whole of it.
    """

    step: Step
    options: Options
    wish: TimingSpec
    words: str
    typed: str
    user: str
    channel: str
    namespace: str
    key: str


class ScheduleService:
    """Implements `bot.records.Schedules`, and creates schedules.

    `zone` is the time zone where a request names none. `changed` is called after every change:
    the slot runner puts its own function there.
    """

    def __init__(
        self,
        timetable: SqlSchedules,
        messages: ScheduleMessages,
        *,
        owner: str,
        zone: str,
        limits: Limits,
    ) -> None:
        self._timetable, self.messages = timetable, messages
        self._owner, self._zone, self._limits = owner, zone, limits
        load_zones()  # read before anybody waits for it
        self.changed: Callable[[], None] = lambda: None

    async def create(self, request: ScheduleRequest, now: datetime) -> None:
        """Enter a schedule and post its message.

        Raises UserError, LedgerError and SlackError, and then there is none; a command that
        was delivered twice creates one.
        """
        timing = resolve_timing(request.wish, now, self._zone)
        timing, remarks = apply_limits(request.step, request.options, timing, self._limits)
        new = self._build_new_schedule(request, timing)
        live = await self._timetable.list_live()
        # Before the limits: a repeated delivery would be refused for doing what its first one does.
        if any(schedule.request_key == request.key for schedule in live):
            return
        check_capacity(live, request.words, timing, request.namespace, self._limits)
        schedule, fresh = await self._timetable.add(new)
        if not fresh:
            return
        try:
            await self.messages.post(schedule, remarks)
        except MeshbotError:
            # Nobody could see or remove it.
            why = Text("it could not be shown")
            await self._timetable.change_state(
                schedule.id, ScheduleState.REMOVED, why, among=LIVE, next_at=None
            )
            raise
        self.changed()

    def _build_new_schedule(self, request: ScheduleRequest, timing: Timing) -> NewSchedule:
        next_at = slots.compute_first_slot(timing)
        assert next_at is not None  # `apply_limits` refuses a timing without slots
        texts = {
            "words": request.words,
            "typed": request.typed,
            "user": request.user,
            "channel": request.channel,
        }
        return NewSchedule(
            request_key=request.key,
            step=request.step.id,
            namespace=request.namespace,
            timing=timing.to_json(),
            next_at=next_at,
            until=timing.until,
            owner=self._owner,
            **texts,
        )

    # bot.records.Schedules

    async def entries(self) -> list[ScheduleSummary]:
        """Return the schedules that are active or paused, the oldest first."""
        return [summarize_schedule(schedule) for schedule in await self._timetable.list_live()]

    async def pause(self, id: str, by: str) -> ScheduleSummary:
        """Pause a schedule until it is resumed."""
        return await self._change_state_or_refuse(
            id, PAUSED, Text("paused by {person}", person=mark_person(by)), among={ACTIVE}
        )

    async def resume(self, id: str, by: str) -> ScheduleSummary:
        """Resume a schedule with its next time.

        Raises UserError when there is none any more, and leaves it as it is.
        """
        schedule = await self._get_live_schedule(id)
        timing = Timing.from_json(schedule.timing)
        following = slots.compute_next_slot(timing, self._timetable.now())
        if following is None:
            raise UserError(
                Text("The time of {id} is over.", id=schedule.id),
                Text("Remove it, and type it again."),
            )
        return await self._change_state_or_refuse(
            id,
            ACTIVE,
            Text("resumed by {person}", person=mark_person(by)),
            among={PAUSED},
            next_at=following,
        )

    async def remove(self, id: str, by: str) -> ScheduleSummary:
        """Remove a schedule for good."""
        return await self._change_state_or_refuse(
            id,
            ScheduleState.REMOVED,
            Text("removed by {person}", person=mark_person(by)),
            among=LIVE,
        )

    async def end(self, why: Text, *, step: str = "", namespace: str = "") -> list[ScheduleSummary]:
        """End the schedules of a step and a namespace ("" is any), and return them.

        `why` says what is taken away that they need.
        """
        wanted = [
            schedule
            for schedule in await self._timetable.list_live()
            if (not step or schedule.step == step)
            and (not namespace or schedule.namespace == namespace)
        ]
        ended = [
            await self.change_state(schedule, ScheduleState.ENDED, why, among=LIVE)
            for schedule in wanted
        ]
        return [summarize_schedule(schedule) for schedule in ended if schedule is not None]

    # Changes of state

    async def change_state(
        self,
        schedule: Schedule,
        state: ScheduleState,
        why: Text,
        *,
        among: Collection[ScheduleState],
    ) -> Schedule | None:
        """End or pause a schedule, and say so in its message and thread.

        Return None when another process did.
        """
        return await self._change_state(schedule.id, state, why, among=among, next_at=None)

    async def _change_state(
        self,
        id: str,
        state: ScheduleState,
        why: Text,
        *,
        among: Collection[ScheduleState],
        next_at: datetime | None,
    ) -> Schedule | None:
        reason = EMPTY if state is ACTIVE else why
        turned = await self._timetable.change_state(id, state, reason, among=among, next_at=next_at)
        if turned is not None:
            await self.messages.announce_state(turned, why)
            self.changed()
        return turned

    async def _change_state_or_refuse(
        self,
        id: str,
        state: ScheduleState,
        why: Text,
        *,
        among: Collection[ScheduleState],
        next_at: datetime | None = None,
    ) -> ScheduleSummary:
        schedule = await self._get_live_schedule(id)
        turned = await self._change_state(schedule.id, state, why, among=among, next_at=next_at)
        if turned is None:
            now = await self._timetable.get(schedule.id) or schedule
            raise UserError(
                describe_unchanged_state(schedule.id, now.state),
                Text("`schedule` lists them all."),
            )
        return summarize_schedule(turned)

    async def _get_live_schedule(self, id: str) -> Schedule:
        schedule = await self._timetable.get(id.lower())
        if schedule is None:
            there = join("comma", *(one.id for one in await self._timetable.list_live()))
            raise UserError(
                Text("There is no schedule {id}.", id=id[:20]),
                Text("These are: {there}.", there=there) if there else Text("There are none."),
            )
        if schedule.is_over:
            raise UserError(
                describe_unchanged_state(schedule.id, schedule.state),
                Text("`schedule` lists the others."),
            )
        return schedule


def summarize_schedule(schedule: Schedule) -> ScheduleSummary:
    """Return a schedule as steps see it."""
    timing = Timing.from_json(schedule.timing)
    return ScheduleSummary(
        id=schedule.id,
        step=schedule.step,
        typed=schedule.words,
        when=timing.describe(),
        user=schedule.user,
        state=schedule.state.value,
        next_at=schedule.next_at.timestamp() if schedule.next_at else None,
        next=Text("{moment}", moment=timing.locate_moment(schedule.next_at))
        if schedule.next_at
        else EMPTY,
        last=schedule.last_summary,
        missed=schedule.missed,
    )
