"""Creates, lists, pauses, resumes and removes schedules.

Each schedule has one message, which is edited.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime

from bot.catalog import Catalog
from bot.errors import MeshbotError, SlackError, UserError
from bot.language import Localizer
from bot.ledger import NewSchedule, Schedule, ScheduleState, SqlSchedules
from bot.messages import ChannelMessages, Message, Place
from bot.records import ScheduleSummary
from bot.schedule import slots
from bot.schedule.limits import Limits, apply_limits, check_capacity
from bot.steps import Options, ReplyTarget, Step, mark_person
from bot.text import EMPTY, Text, join, verbatim
from bot.view import schedules
from bot.when import Timing, TimingSpec, describe_clock_changes, resolve_timing
from bot.when.pieces import load_zones

log = logging.getLogger(__name__)

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

    `zone` is the time zone where a request names none.
    """

    def __init__(  # noqa: PLR0913 - the language, beside what it works with
        self,
        timetable: SqlSchedules,
        channel_messages: ChannelMessages,
        catalog: Catalog,
        *,
        owner: str,
        zone: str,
        limits: Limits,
        say: Localizer,
    ) -> None:
        self._say = say
        self._timetable, self._channel_messages, self._catalog = (
            timetable,
            channel_messages,
            catalog,
        )
        self._owner, self._zone, self._limits = owner, zone, limits
        load_zones()  # read before anybody waits for it
        self.changed: Callable[[], None] = lambda: None

    async def create(self, order: ScheduleRequest, now: datetime) -> None:
        """Enter a schedule and post its message.

        Raises UserError, LedgerError and SlackError, and then there is none; a command that
        was delivered twice creates one.
        """
        timing = resolve_timing(order.wish, now, self._zone)
        timing, said = apply_limits(order.step, order.options, timing, self._limits)
        new = self._build_new_schedule(order, timing)
        live = await self._timetable.list_live()
        if any(schedule.request_key == order.key for schedule in live):
            return
        check_capacity(live, order.words, timing, order.namespace, self._limits)
        schedule, fresh = await self._timetable.add(new)
        if not fresh:
            return
        try:
            await self.post_message(schedule, said)
        except MeshbotError:
            await self._timetable.change_state(
                schedule.id,
                ScheduleState.REMOVED,
                Text("it could not be shown"),
                among=LIVE,
                next_at=None,
            )
            raise
        self.changed()

    def _build_new_schedule(self, order: ScheduleRequest, timing: Timing) -> NewSchedule:
        next_at = slots.compute_first_slot(timing)
        assert next_at is not None  # `admit` saw to it
        texts = {
            "words": order.words,
            "typed": order.typed,
            "user": order.user,
            "channel": order.channel,
        }
        return NewSchedule(
            request_key=order.key,
            step=order.step.id,
            namespace=order.namespace,
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
                Text("Remove it, and type it anew."),
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

    # Showing

    async def post_message(self, schedule: Schedule, said: tuple[Text, ...] = ()) -> Schedule:
        """Post a schedule's message, and keep its address. Raises SlackError, LedgerError."""
        message = self._render_message(schedule, said)
        posted = await self._channel_messages.post(
            schedule.channel, message, Place(key=f"schedule:{schedule.id}")
        )
        await self._timetable.record_posted(schedule.id, posted.channel, posted.ts)
        return replace(schedule, channel=posted.channel, ts=posted.ts)

    async def update_message(self, schedule: Schedule) -> None:
        """Edit the schedule's message.

        The edit of one that is not active is kept until Slack has it, for no later slot
        will repeat it.
        """
        if schedule.posted is None:
            return
        if schedule.state is ACTIVE:
            self._channel_messages.edit(schedule.posted, self._render_message(schedule))
            return
        try:
            await self._channel_messages.settle(schedule.posted, self._render_message(schedule))
        except SlackError as problem:
            log.error(
                "schedule %s: that it is %s is not shown: %s", schedule.id, schedule.state, problem
            )

    async def post_in_thread(
        self, schedule: Schedule, message: Message, tell: ReplyTarget, key: str
    ) -> bool:
        """Post a message in the schedule's thread, or nowhere, as `tell` says.

        Return False when Slack does not take it.
        """
        if tell is ReplyTarget.NOWHERE:
            return True
        place = Place(
            thread=schedule.ts or "",
            broadcast=tell is ReplyTarget.CHANNEL,
            key=f"schedule:{schedule.id}:{key}",
        )
        try:
            await self._channel_messages.post(schedule.channel, message, place)
        except MeshbotError as problem:
            log.error("schedule %s: its thread was not told: %s", schedule.id, problem)
            return False
        return True

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
            await self.update_message(turned)
            counts = schedules.describe_counts(turned) if turned.is_over else EMPTY
            words = (
                Text("{why}. {counts}.", why=why, counts=counts)
                if counts
                else Text("{why}.", why=why)
            )
            await self.post_in_thread(
                turned,
                schedules.render_note(self._say, turned, words),
                ReplyTarget.THREAD,
                f"{state}:{turned.updated_at.timestamp()}",
            )
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
                schedules.describe_unchanged_state(schedule.id, now.state),
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
                schedules.describe_unchanged_state(schedule.id, schedule.state),
                Text("`schedule` lists the others."),
            )
        return schedule

    def _render_message(self, schedule: Schedule, said: tuple[Text, ...] = ()) -> Message:
        step = self._catalog.get(schedule.step)
        title = step.title if step is not None else verbatim(schedule.step)
        known = (
            ()
            if schedule.is_over
            else describe_clock_changes(Timing.from_json(schedule.timing), self._timetable.now())
        )
        return schedules.render_schedule(
            self._say, schedule, title, command=self._catalog.command, remarks=(*said, *known)
        )


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
