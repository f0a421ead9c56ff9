"""Keeps the schedules: looks which slots are due, takes each for this process if no other has, and has it carried out.

Woken by the alarm and every few seconds besides, for another process may have changed what there is. What it finds out
about other processes it is told (`gone`), and what a slot does too (`carry_out`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.errors import MeshbotError, SlackError
from bot.figures import Figure, counter
from bot.jobs import Jobs
from bot.ledger import Ending, Schedule, ScheduleState, Slot, Timetable
from bot.ledger.timetable import Move
from bot.messages import Message
from bot.schedule import slots
from bot.schedule.alarm import Alarm
from bot.schedule.office import ACTIVE, LIVE, Office
from bot.steps import Occasion, Regular, Tell
from bot.when import Timing

log = logging.getLogger(__name__)

REREAD = 3.0
"""Seconds after which the schedules are read again although nothing rang."""

GRACE = 60.0
"""Seconds that a slot may be late and still counts as in time: a restart, a paused laptop."""

KEPT = timedelta(days=7)
"""How long slots that ended are remembered."""

TIDY = 3600.0
OVER = "its time is over"


@dataclass(frozen=True)
class Outcome:
    """What came of a slot: how it ended, what is told where, and why the schedule must be paused ("": it goes on)."""

    ending: Ending
    message: Message | None = None
    tell: Tell = Tell.NOWHERE
    pause: str = ""


@dataclass(frozen=True)
class Hands:
    """What the keeper cannot know itself. `rule` gives how a step is done again and again, None for one that is not;
    `carry_out` does it and never raises; `gone` names the processes that are no more."""

    rule: Callable[[str], Regular | None]
    carry_out: Callable[[Schedule, Occasion], Awaitable[Outcome]]
    gone: Callable[[], Awaitable[Collection[str]]]
    beside: Callable[[Collection[str]], Awaitable[None]] | None = None


class Keeper:
    """Fires slots until closed."""

    def __init__(self, timetable: Timetable, office: Office, hands: Hands, *, owner: str) -> None:
        self._timetable, self._office, self._hands, self._owner = timetable, office, hands, owner
        self._wake = asyncio.Event()
        self._alarm = Alarm(self._wake)
        self._jobs = Jobs()
        self._loop: asyncio.Task[None] | None = None
        self._unkept: dict[Slot, Outcome] = {}
        self._tidied = 0.0
        self.fired = self.missed = self.cut = 0
        self.lag = 0.0
        office.changed = self._wake.set

    def start(self) -> None:
        """Begins, in a task of its own."""
        self._alarm.start()
        self._loop = asyncio.create_task(self._rounds(), name="schedules")

    @property
    def going(self) -> bool:
        """True while it looks for what is due."""
        return self._loop is not None and not self._loop.done()

    def figures(self) -> Iterator[Figure]:
        """For Prometheus."""
        for name, count in (("fired", self.fired), ("missed", self.missed), ("cut", self.cut)):
            yield counter("schedule_slots", "Slots of schedules, by what became of them here.", count, outcome=name)
        yield Figure("schedule_lag_seconds", "How late the newest slot was that this process fired.", self.lag)

    async def close(self, grace: float) -> None:
        """Takes no more slots, and waits that many seconds for those under way; what is left is for another process."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        await self._alarm.close()
        await self._jobs.drain(grace)

    async def _rounds(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self.round()
            except MeshbotError as problem:
                log.warning("schedules could not be looked at: %s", problem)
            except Exception:
                log.exception("schedules could not be looked at")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REREAD):
                    await self._wake.wait()

    async def round(self) -> None:
        """One look: takes what is due, inherits what processes that are gone left, and sets the alarm."""
        await self._keep_again()
        gone = await self._hands.gone()
        for slot in await self._timetable.unfinished():
            if slot.owner in gone and slot.owner != self._owner:
                await self._inherit(slot)
        begun = self._timetable.now()
        live = await self._timetable.live()
        random.shuffle(live)  # so that replicas that look at the same moment do not all reach for the same slot
        schedules = [await self._safely(one, gone) for one in live]
        now = self._timetable.now()
        times = {one.id: one.next_at for one in schedules if one.next_at}
        self._alarm.set({name: at for name, at in times.items() if at > now})
        if any(begun < at <= now for at in times.values()):
            self._wake.set()  # it became due after it was looked at
        if self._hands.beside is not None:
            await self._hands.beside(gone)
        await self._tidy()

    async def idle(self) -> None:
        """Returns when nothing is carried out any more."""
        await self._jobs.idle()

    async def _safely(self, schedule: Schedule, gone: Collection[str]) -> Schedule:
        """One schedule that cannot be looked at does not hold up the others."""
        try:
            return await self._looked_at(schedule, gone)
        except MeshbotError as problem:
            log.warning("schedule %s could not be looked at: %s", schedule.id, problem)
            return schedule

    async def _posted(self, schedule: Schedule) -> Schedule:
        """Shows a schedule whose process died before it did; one that Slack refuses is not kept in secret."""
        adopted = await self._timetable.adopt(schedule, self._owner)
        if adopted is None:
            return schedule
        try:
            return await self._office.post(adopted)
        except SlackError as problem:
            why = f"its message could not be posted ({problem.code})"
            return await self._office.turn(adopted, ScheduleState.ENDED, why, among=LIVE) or adopted

    async def _looked_at(self, schedule: Schedule, gone: Collection[str]) -> Schedule:
        """The schedule after what this moment wants of it."""
        now = self._timetable.now()
        if schedule.ts is None and schedule.owner in gone:
            schedule = await self._posted(schedule)
        if schedule.over:
            return schedule
        if self._hands.rule(schedule.step) is None:
            why = f"this version of the bot does not schedule {schedule.step}"
            return await self._office.turn(schedule, ScheduleState.ENDED, why, among=LIVE) or schedule
        if schedule.state is not ACTIVE:
            over = schedule.until is not None and schedule.until < now
            ended = await self._office.turn(schedule, ScheduleState.ENDED, OVER, among=LIVE) if over else None
            return ended or schedule
        if schedule.next_at is None:
            return await self._ended(schedule) or schedule
        return await self._due(schedule) if schedule.next_at <= now and await self._still(schedule) else schedule

    async def _still(self, schedule: Schedule) -> bool:
        """Whether it stands as it was read: a look is cheap, a write that comes too late holds up the others."""
        now = await self._timetable.get(schedule.id)
        return now is not None and (now.next_at, now.state) == (schedule.next_at, schedule.state)

    async def _ended(self, schedule: Schedule) -> Schedule | None:
        """Ends a schedule of which nothing is to come, once its last slot has ended."""
        if any(slot.schedule == schedule.id for slot in await self._timetable.unfinished()):
            return None
        return await self._office.turn(schedule, ScheduleState.ENDED, OVER, among={ACTIVE})

    async def _due(self, schedule: Schedule) -> Schedule:
        """Takes the newest slot that is due, or passes over it when it is too late; those before it are missed."""
        now, rule = self._timetable.now(), self._hands.rule(schedule.step)
        assert schedule.next_at is not None
        assert rule is not None
        if schedule.ts is None:
            return schedule
        # After days away a frequent cron takes a second to count.
        found = await asyncio.to_thread(slots.due, Timing.from_json(schedule.timing), schedule.next_at, now)
        late = (now - found.slot).total_seconds()
        if late > GRACE and not rule.late:
            passed = await self._timetable.skip(
                schedule, Move(schedule.next_at, found.following, found.earlier + 1)
            )  # fmt: skip
            if passed is None:
                return schedule
            self.missed += found.earlier + 1
            await self._office.show(passed)
            return passed if passed.next_at else await self._ended(passed) or passed
        move = Move(schedule.next_at, found.following, found.earlier)
        claimed = await self._timetable.claim(schedule, found.slot, move, self._owner)
        if claimed is None:
            return schedule
        self.fired, self.missed, self.lag = self.fired + 1, self.missed + found.earlier, late
        self._begin(*claimed, late)
        return claimed[0]

    def _begin(self, schedule: Schedule, slot: Slot, late: float) -> None:
        self._jobs.spawn(self._carry(schedule, slot, late), f"slot {slot.schedule} {slot.slot_at.isoformat()}")

    async def _carry(self, schedule: Schedule, slot: Slot, late: float) -> None:
        occasion = Occasion(slot.slot_at.timestamp(), late if late > GRACE else 0.0, schedule.memory)
        outcome = await self._hands.carry_out(schedule, occasion)
        if outcome.message is not None and not await self._office.tell(
            schedule, outcome.message, outcome.tell, f"{slot.slot_at.timestamp():.0f}"
        ):
            unsaid = f"{outcome.ending.summary} (Slack did not take the message.)"
            outcome = replace(outcome, ending=replace(outcome.ending, summary=unsaid, failed=True))
        try:
            await self._finish(slot, outcome)
        except MeshbotError as problem:
            log.error("the end of a slot of %s is not kept yet: %s", slot.schedule, problem)
            self._unkept[slot] = outcome

    async def _finish(self, slot: Slot, outcome: Outcome) -> None:
        after = await self._timetable.finish(slot, outcome.ending)
        if after is None:
            log.warning("a slot of %s was taken from this process while it was under way", slot.schedule)
        elif outcome.pause and after.next_at is not None:
            await self._office.turn(after, ScheduleState.PAUSED, outcome.pause, among={ACTIVE})
        elif after.next_at is None and after.state is ACTIVE:
            await self._office.turn(after, ScheduleState.ENDED, outcome.pause or OVER, among={ACTIVE})
        else:
            await self._office.show(after)
        if after is not None and after.next_at is not None and after.next_at <= self._timetable.now():
            self._wake.set()

    async def _keep_again(self) -> None:
        for slot, outcome in list(self._unkept.items()):
            await self._finish(slot, outcome)
            self._unkept.pop(slot, None)

    async def _inherit(self, slot: Slot) -> None:
        """A slot whose process is gone is begun once more, or counted as cut."""
        schedule = await self._timetable.get(slot.schedule)
        rule = self._hands.rule(schedule.step) if schedule is not None else None
        if schedule is not None and rule is not None and rule.again and slot.attempt == 1 and not schedule.over:
            mine = await self._timetable.resume(slot, self._owner)
            if mine is not None:
                self._begin(schedule, mine, (self._timetable.now() - slot.slot_at).total_seconds())
            return
        after = await self._timetable.cut(slot)
        if after is not None:
            self.cut += 1
            await self._office.show(after)

    async def _tidy(self) -> None:
        now = asyncio.get_running_loop().time()
        self._tidied = self._tidied or now
        if now - self._tidied > TIDY:
            self._tidied = now
            await self._timetable.prune(self._timetable.now() - KEPT)
