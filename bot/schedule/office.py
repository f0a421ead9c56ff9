"""Where schedules are made, listed, paused, resumed and removed; each has one message, which is edited."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime

from bot.catalog import Catalog
from bot.errors import MeshbotError, SlackError, UserError
from bot.ledger import NewSchedule, Schedule, ScheduleState, Timetable
from bot.messages import Board, Message, Place
from bot.records import Scheduled
from bot.schedule import cards, slots
from bot.schedule.limits import Limits, admit, room
from bot.steps import Options, Step, Tell
from bot.when import Timing, Wish, remarks, settle
from bot.when.pieces import zones

log = logging.getLogger(__name__)

ACTIVE, PAUSED = ScheduleState.ACTIVE, ScheduleState.PAUSED
LIVE = (ACTIVE, PAUSED)


@dataclass(frozen=True)
class Order:
    """What somebody wants done again and again. `words` is the command without its times, `typed` the whole of it."""

    step: Step
    options: Options
    wish: Wish
    words: str
    typed: str
    user: str
    channel: str
    namespace: str
    key: str


class Office:
    """Implements `bot.records.Schedules`, and makes schedules; `zone` counts where none is named."""

    def __init__(
        self, timetable: Timetable, board: Board, catalog: Catalog, *, owner: str, zone: str, limits: Limits
    ) -> None:
        self._timetable, self._board, self._catalog = timetable, board, catalog
        self._owner, self._zone, self._limits = owner, zone, limits
        zones()  # read before anybody waits for it
        self.changed: Callable[[], None] = lambda: None

    async def make(self, order: Order, now: datetime) -> None:
        """Enters a schedule and posts its message. Raises UserError, LedgerError, and SlackError, and then there is
        none; a command that was delivered twice makes one."""
        timing = settle(order.wish, now, self._zone)
        timing, said = admit(order.step, order.options, timing, self._limits)
        new = self._new(order, timing)
        live = await self._timetable.live()
        if any(schedule.request_key == order.key for schedule in live):
            return
        room(live, order.words, timing, order.namespace, self._limits)
        schedule, fresh = await self._timetable.add(new)
        if not fresh:
            return
        try:
            await self.post(schedule, said)
        except MeshbotError:
            await self._timetable.turn(
                schedule.id, ScheduleState.REMOVED, "it could not be shown", among=LIVE, next_at=None
            )  # fmt: skip
            raise
        self.changed()

    def _new(self, order: Order, timing: Timing) -> NewSchedule:
        next_at = slots.first(timing)
        assert next_at is not None  # `admit` saw to it
        texts = {"words": order.words, "typed": order.typed, "user": order.user, "channel": order.channel}
        return NewSchedule(
            request_key=order.key,
            step=order.step.id,
            namespace=order.namespace,
            timing=timing.as_json(),
            next_at=next_at,
            until=timing.until,
            owner=self._owner,
            **texts,
        )

    # bot.records.Schedules

    async def entries(self) -> list[Scheduled]:
        """Those that go on or are paused, the oldest first."""
        return [entry(schedule) for schedule in await self._timetable.live()]

    async def pause(self, id: str, by: str) -> Scheduled:
        """Nothing is done until it is resumed."""
        return await self._turned(id, PAUSED, f"paused by <@{by}>", among={ACTIVE})

    async def resume(self, id: str, by: str) -> Scheduled:
        """It goes on with its next time; when there is none any more, it stays as it is."""
        schedule = await self._there(id)
        timing = Timing.from_json(schedule.timing)
        following = slots.after(timing, self._timetable.now())
        if following is None:
            raise UserError(f"The time of {schedule.id} is over.", "Remove it, and type it anew.")
        return await self._turned(id, ACTIVE, f"resumed by <@{by}>", among={PAUSED}, next_at=following)

    async def remove(self, id: str, by: str) -> Scheduled:
        """It is over."""
        return await self._turned(id, ScheduleState.REMOVED, f"removed by <@{by}>", among=LIVE)

    async def end(self, why: str, *, step: str = "", namespace: str = "") -> list[Scheduled]:
        """Ends those of a step and a namespace, because what they need is taken away."""
        wanted = [
            schedule
            for schedule in await self._timetable.live()
            if (not step or schedule.step == step) and (not namespace or schedule.namespace == namespace)
        ]
        ended = [await self.turn(schedule, ScheduleState.ENDED, why, among=LIVE) for schedule in wanted]
        return [entry(schedule) for schedule in ended if schedule is not None]

    # Showing

    async def post(self, schedule: Schedule, said: tuple[str, ...] = ()) -> Schedule:
        """Posts a schedule's message, and remembers where. Raises SlackError, LedgerError."""
        message = self._card(schedule, said)
        posted = await self._board.post(schedule.channel, message, Place(key=f"schedule:{schedule.id}"))
        await self._timetable.posted(schedule.id, posted.channel, posted.ts)
        return replace(schedule, channel=posted.channel, ts=posted.ts)

    async def show(self, schedule: Schedule) -> None:
        """Edits its message; what no later slot will say again is kept until Slack has it."""
        if schedule.posted is None:
            return
        if schedule.state is ACTIVE:
            self._board.edit(schedule.posted, self._card(schedule))
            return
        try:
            await self._board.settle(schedule.posted, self._card(schedule))
        except SlackError as problem:
            log.error("schedule %s: that it is %s is not shown: %s", schedule.id, schedule.state, problem)

    async def tell(self, schedule: Schedule, message: Message, tell: Tell, key: str) -> bool:
        """Says something in its thread, perhaps for the whole channel; False when Slack does not take it."""
        if tell is Tell.NOWHERE:
            return True
        place = Place(thread=schedule.ts or "", broadcast=tell is Tell.CHANNEL, key=f"schedule:{schedule.id}:{key}")
        try:
            await self._board.post(schedule.channel, message, place)
        except MeshbotError as problem:
            log.error("schedule %s: its thread was not told: %s", schedule.id, problem)
            return False
        return True

    async def turn(
        self, schedule: Schedule, state: ScheduleState, why: str, *, among: Collection[ScheduleState]
    ) -> Schedule | None:
        """Ends or pauses a schedule, and says so in its message and thread; None when somebody else did."""
        return await self._turn(schedule.id, state, why, among=among, next_at=None)

    async def _turn(
        self, id: str, state: ScheduleState, why: str, *, among: Collection[ScheduleState], next_at: datetime | None
    ) -> Schedule | None:
        reason = "" if state is ACTIVE else why
        turned = await self._timetable.turn(id, state, reason, among=among, next_at=next_at)
        if turned is not None:
            await self.show(turned)
            counts = f" {cards.tally(turned)}." if turned.over and cards.tally(turned) else ""
            words = f"{why}.{counts}"
            await self.tell(turned, cards.note(turned, words), Tell.THREAD, f"{state}:{turned.updated_at.timestamp()}")
            self.changed()
        return turned

    async def _turned(
        self,
        id: str,
        state: ScheduleState,
        why: str,
        *,
        among: Collection[ScheduleState],
        next_at: datetime | None = None,
    ) -> Scheduled:
        schedule = await self._there(id)
        turned = await self._turn(schedule.id, state, why, among=among, next_at=next_at)
        if turned is None:
            now = await self._timetable.get(schedule.id) or schedule
            raise UserError(f"{schedule.id} {cards.STANDS[now.state]} already.", "`schedule` lists them all.")
        return entry(turned)

    async def _there(self, id: str) -> Schedule:
        schedule = await self._timetable.get(id.lower())
        if schedule is None:
            there = ", ".join(one.id for one in await self._timetable.live())
            raise UserError(f"There is no schedule {id[:20]}.", f"These are: {there}." if there else "There are none.")
        if schedule.over:
            raise UserError(f"{schedule.id} {cards.STANDS[schedule.state]} already.", "`schedule` lists the others.")
        return schedule

    def _card(self, schedule: Schedule, said: tuple[str, ...] = ()) -> Message:
        step = self._catalog.get(schedule.step)
        title = step.title if step is not None else schedule.step
        known = () if schedule.over else remarks(Timing.from_json(schedule.timing), self._timetable.now())
        return cards.card(schedule, title, command=self._catalog.command, remarks=(*said, *known))


def entry(schedule: Schedule) -> Scheduled:
    """A schedule as steps see it."""
    timing = Timing.from_json(schedule.timing)
    return Scheduled(
        id=schedule.id,
        step=schedule.step,
        typed=schedule.words,
        when=str(timing),
        user=schedule.user,
        state=schedule.state.value,
        next_at=schedule.next_at.timestamp() if schedule.next_at else None,
        next=timing.local(schedule.next_at) if schedule.next_at else "",
        last=schedule.last_summary,
        missed=schedule.missed,
    )
