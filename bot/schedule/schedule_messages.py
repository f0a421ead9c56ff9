"""Posts and edits the messages of schedules: each has one, and notes in its thread."""

from __future__ import annotations

import logging
from dataclasses import replace

from bot.catalog import Catalog
from bot.errors import MeshbotError, SlackError
from bot.language import Localizer
from bot.ledger import Schedule, SqlSchedules, build_schedule_key
from bot.messages import ChannelMessages, Message, Place
from bot.steps import ReplyTarget
from bot.text import EMPTY, Text, join, verbatim
from bot.view import schedule_views
from bot.view.refusal_notes import render_unreachable_schedule
from bot.when import Timing, describe_clock_changes

log = logging.getLogger(__name__)


class ScheduleMessages:
    """The messages of all schedules, in the channel's language."""

    def __init__(
        self,
        timetable: SqlSchedules,
        channel_messages: ChannelMessages,
        catalog: Catalog,
        say: Localizer,
    ) -> None:
        self._timetable, self._channel_messages = timetable, channel_messages
        self._catalog, self._say = catalog, say

    async def post(
        self, schedule: Schedule, remarks: tuple[Text, ...] = (), *, keep: bool = False
    ) -> Schedule:
        """Post a schedule's message, and keep its address.

        Raises LedgerError, and SlackError; with `keep`, not where the channel takes nothing for
        now.
        """
        place = Place(key=build_schedule_key(schedule.id))
        posted = await self._channel_messages.post(
            schedule.channel, self._render(schedule, remarks), place, keep=keep
        )
        await self._timetable.record_posted(schedule.id, posted.channel, posted.ts)
        return replace(schedule, channel=posted.channel, ts=posted.ts)

    async def update(self, schedule: Schedule) -> None:
        """Edit the schedule's message; the edit is kept until Slack has it.

        Where the message was deleted, a new one shows it.
        """
        if schedule.posted is None:
            return
        try:
            await self._channel_messages.settle(schedule.posted, self._render(schedule))
        except SlackError as problem:
            log.error(
                "schedule %s: that it is %s is not shown: %s", schedule.id, schedule.state, problem
            )

    async def tell_maker(self, schedule: Schedule, why: Text) -> None:
        """Tell who made a schedule that it is paused because its channel takes no messages."""
        note = render_unreachable_schedule(self._say, schedule, why, command=self._catalog.command)
        # The time makes the key one of this change: a schedule can be paused twice.
        place = Place(key=f"told:schedule:{schedule.id}:{schedule.updated_at.timestamp()}")
        try:
            await self._channel_messages.post(schedule.user, note, place)
        except SlackError as problem:
            log.warning(
                "%s could not be told that schedule %s is paused: %s",
                schedule.user,
                schedule.id,
                problem,
            )

    async def post_in_thread(
        self, schedule: Schedule, message: Message, tell: ReplyTarget, key: str
    ) -> bool:
        """Post a message in the schedule's thread, or nowhere, as `tell` says.

        Return False when Slack does not take it and it could not be kept.
        """
        if tell is ReplyTarget.NOWHERE:
            return True
        place = Place(
            thread=schedule.ts or "",
            broadcast=tell is ReplyTarget.CHANNEL,
            key=f"schedule:{schedule.id}:{key}",
        )
        try:
            await self._channel_messages.post(schedule.channel, message, place, keep=True)
        except MeshbotError as problem:
            log.error("schedule %s: its thread was not told: %s", schedule.id, problem)
            return False
        return True

    async def announce_state(self, schedule: Schedule, why: Text) -> None:
        """Say that a schedule has changed its state, in its message and in its thread."""
        await self.update(schedule)
        counts = schedule_views.describe_counts(schedule) if schedule.is_over else EMPTY
        words = join(
            "sentences",
            Text("{why}.", why=why),
            Text("{counts}.", counts=counts) if counts else EMPTY,
        )
        await self.post_in_thread(
            schedule,
            schedule_views.render_note(self._say, schedule, words),
            ReplyTarget.THREAD,
            # The time makes the key one of this change: a schedule can be paused twice.
            f"{schedule.state}:{schedule.updated_at.timestamp()}",
        )

    def _render(self, schedule: Schedule, remarks: tuple[Text, ...] = ()) -> Message:
        step = self._catalog.get(schedule.step)
        title = step.title if step is not None else verbatim(schedule.step)
        clock_changes = (
            ()
            if schedule.is_over
            else describe_clock_changes(Timing.from_json(schedule.timing), self._timetable.now())
        )
        return schedule_views.render_schedule(
            self._say,
            schedule,
            title,
            command=self._catalog.command,
            remarks=(*remarks, *clock_changes),
        )
