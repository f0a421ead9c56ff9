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
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.errors import MeshbotError, SlackError
from bot.jobs import Jobs
from bot.ledger import Schedule, ScheduleState, Slot, SlotResult, SqlSchedules
from bot.ledger.schedule_store import ScheduleAdvance
from bot.messages import Message
from bot.metrics import Metric, counter
from bot.schedule import slots
from bot.schedule.service import ACTIVE, LIVE, ScheduleService
from bot.schedule.timer import Timer
from bot.steps import Recurrence, ReplyTarget, SlotContext
from bot.text import EMPTY, Text
from bot.when import Timing

log = logging.getLogger(__name__)

REREAD = 3.0
"""Seconds after which the schedules are read again although nothing rang."""

GRACE = 60.0
"""Seconds that a slot may be late and still counts as in time: a restart, a paused laptop."""

KEPT = timedelta(days=7)
"""How long slots that ended are remembered."""

TIDY = 3600.0
OVER = Text("its time is over")


@dataclass(frozen=True)
class SlotOutcome:
    """Result of a slot.

    `ending` is how it ended, `message` is posted where `tell` says, and `pause` says
    why the schedule must be paused ("": it goes on).
    """

    ending: SlotResult
    message: Message | None = None
    tell: ReplyTarget = ReplyTarget.NOWHERE
    pause: Text = EMPTY


@dataclass(frozen=True)
class SlotCallbacks:
    """Callbacks that the slot runner is given.

    `rule` gives how a step is scheduled, None for one that is not; `carry_out` carries
    out a slot and never raises; `gone` names the processes that are gone; `beside` is
    called in each pass.
    """

    rule: Callable[[str], Recurrence | None]
    carry_out: Callable[[Schedule, SlotContext], Awaitable[SlotOutcome]]
    gone: Callable[[], Awaitable[Collection[str]]]
    beside: Callable[[Collection[str]], Awaitable[None]] | None = None


class SlotRunner:
    """Carries out slots until closed."""

    def __init__(
        self,
        timetable: SqlSchedules,
        schedule_service: ScheduleService,
        hands: SlotCallbacks,
        *,
        owner: str,
    ) -> None:
        self._timetable, self._schedule_service, self._hands, self._owner = (
            timetable,
            schedule_service,
            hands,
            owner,
        )
        self._wake = asyncio.Event()
        self._timer = Timer(self._wake)
        self._jobs = Jobs()
        self._loop: asyncio.Task[None] | None = None
        self._unkept: dict[Slot, SlotOutcome] = {}
        self._tidied = 0.0
        self.fired = self.missed = self.cut = 0
        self.lag = 0.0
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
        for name, count in (("fired", self.fired), ("missed", self.missed), ("cut", self.cut)):
            yield counter(
                "schedule_slots",
                "Slots of schedules, by what became of them here.",
                count,
                outcome=name,
            )
        yield Metric(
            "schedule_lag_seconds",
            "How late the newest slot was that this process fired.",
            self.lag,
        )

    async def close(self, grace: float) -> None:
        """Take no more slots, and wait `grace` seconds for those under way.

        Slots that are left are for another process.
        """
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        await self._timer.close()
        await self._jobs.drain(grace)

    async def _run_forever(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self.run_once()
            except MeshbotError as problem:
                log.warning("schedules could not be looked at: %s", problem)
            except Exception:
                log.exception("schedules could not be looked at")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REREAD):
                    await self._wake.wait()

    async def run_once(self) -> None:
        """Make one pass.

        It takes the slots that are due, takes over those of processes that are gone, and
        sets the timer.
        """
        await self._retry_unwritten()
        gone = await self._hands.gone()
        for slot in await self._timetable.list_running_slots():
            if slot.owner in gone and slot.owner != self._owner:
                await self._take_over_slot(slot)
        begun = self._timetable.now()
        live = await self._timetable.list_live()
        random.shuffle(
            live
        )  # so that replicas that look at the same moment do not all reach for the same slot
        schedules = [await self._process_safely(one, gone) for one in live]
        now = self._timetable.now()
        times = {one.id: one.next_at for one in schedules if one.next_at}
        self._timer.set_times({name: at for name, at in times.items() if at > now})
        if any(begun < at <= now for at in times.values()):
            self._wake.set()  # it became due after it was looked at
        if self._hands.beside is not None:
            await self._hands.beside(gone)
        await self._prune_old_slots()

    async def wait_until_idle(self) -> None:
        """Wait until no slot is being carried out."""
        await self._jobs.wait_until_idle()

    async def _process_safely(self, schedule: Schedule, gone: Collection[str]) -> Schedule:
        """Process a schedule; log an error, so that it does not hold up the others."""
        try:
            return await self._process_schedule(schedule, gone)
        except MeshbotError as problem:
            log.warning("schedule %s could not be looked at: %s", schedule.id, problem)
            return schedule

    async def _post_missing_message(self, schedule: Schedule) -> Schedule:
        """Post the message of a schedule whose process died before it did.

        A schedule whose message Slack refuses is ended.
        """
        adopted = await self._timetable.adopt_unposted(schedule, self._owner)
        if adopted is None:
            return schedule
        try:
            return await self._schedule_service.post_message(adopted)
        except SlackError as problem:
            why = Text("its message could not be posted ({code})", code=problem.code)
            return (
                await self._schedule_service.change_state(
                    adopted, ScheduleState.ENDED, why, among=LIVE
                )
                or adopted
            )

    async def _process_schedule(self, schedule: Schedule, gone: Collection[str]) -> Schedule:
        """Bring a schedule up to the present moment, and return it."""
        now = self._timetable.now()
        if schedule.ts is None and schedule.owner in gone:
            schedule = await self._post_missing_message(schedule)
        if schedule.is_over:
            return schedule
        if self._hands.rule(schedule.step) is None:
            why = Text("this version of the bot does not schedule {step}", step=schedule.step)
            return (
                await self._schedule_service.change_state(
                    schedule, ScheduleState.ENDED, why, among=LIVE
                )
                or schedule
            )
        if schedule.state is not ACTIVE:
            over = schedule.until is not None and schedule.until < now
            ended = (
                await self._schedule_service.change_state(
                    schedule, ScheduleState.ENDED, OVER, among=LIVE
                )
                if over
                else None
            )
            return ended or schedule
        if schedule.next_at is None:
            return await self._end_if_finished(schedule) or schedule
        return (
            await self._take_due_slot(schedule)
            if schedule.next_at <= now and await self._is_unchanged(schedule)
            else schedule
        )

    async def _is_unchanged(self, schedule: Schedule) -> bool:
        """Tell whether the schedule in the ledger is still as it was read.

        A read is cheap; a write that comes too late holds up the others.
        """
        now = await self._timetable.get(schedule.id)
        return now is not None and (now.next_at, now.state) == (schedule.next_at, schedule.state)

    async def _end_if_finished(self, schedule: Schedule) -> Schedule | None:
        """End a schedule without a next slot, once its last slot has ended."""
        if any(slot.schedule == schedule.id for slot in await self._timetable.list_running_slots()):
            return None
        return await self._schedule_service.change_state(
            schedule, ScheduleState.ENDED, OVER, among={ACTIVE}
        )

    async def _take_due_slot(self, schedule: Schedule) -> Schedule:
        """Claim the newest slot that is due, or skip it when it is too late.

        The slots before it count as missed.
        """
        now, rule = self._timetable.now(), self._hands.rule(schedule.step)
        assert schedule.next_at is not None
        assert rule is not None
        if schedule.ts is None:
            return schedule
        # After days away a frequent cron takes a second to count.
        found = await asyncio.to_thread(
            slots.find_due_slot, Timing.from_json(schedule.timing), schedule.next_at, now
        )
        late = (now - found.slot).total_seconds()
        if late > GRACE and not rule.late:
            passed = await self._timetable.skip_slots(
                schedule, ScheduleAdvance(schedule.next_at, found.following, found.earlier + 1)
            )
            if passed is None:
                return schedule
            self.missed += found.earlier + 1
            await self._schedule_service.update_message(passed)
            return passed if passed.next_at else await self._end_if_finished(passed) or passed
        move = ScheduleAdvance(schedule.next_at, found.following, found.earlier)
        claimed = await self._timetable.claim_slot(schedule, found.slot, move, self._owner)
        if claimed is None:
            return schedule
        self.fired, self.missed, self.lag = self.fired + 1, self.missed + found.earlier, late
        self._spawn_slot(*claimed, late)
        return claimed[0]

    def _spawn_slot(self, schedule: Schedule, slot: Slot, late: float) -> None:
        self._jobs.spawn(
            self._run_slot(schedule, slot, late), f"slot {slot.schedule} {slot.slot_at.isoformat()}"
        )

    async def _run_slot(self, schedule: Schedule, slot: Slot, late: float) -> None:
        occasion = SlotContext(
            slot.slot_at.timestamp(), late if late > GRACE else 0.0, schedule.memory
        )
        outcome = await self._hands.carry_out(schedule, occasion)
        if outcome.message is not None and not await self._schedule_service.post_in_thread(
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
            self._unkept[slot] = outcome

    async def _finish_slot(self, slot: Slot, outcome: SlotOutcome) -> None:
        after = await self._timetable.finish_slot(slot, outcome.ending)
        if after is None:
            log.warning(
                "a slot of %s was taken from this process while it was under way", slot.schedule
            )
        elif outcome.pause and after.next_at is not None:
            await self._schedule_service.change_state(
                after, ScheduleState.PAUSED, outcome.pause, among={ACTIVE}
            )
        elif after.next_at is None and after.state is ACTIVE:
            await self._schedule_service.change_state(
                after, ScheduleState.ENDED, outcome.pause or OVER, among={ACTIVE}
            )
        else:
            await self._schedule_service.update_message(after)
        if (
            after is not None
            and after.next_at is not None
            and after.next_at <= self._timetable.now()
        ):
            self._wake.set()

    async def _retry_unwritten(self) -> None:
        for slot, outcome in list(self._unkept.items()):
            await self._finish_slot(slot, outcome)
            self._unkept.pop(slot, None)

    async def _take_over_slot(self, slot: Slot) -> None:
        """Begin a slot whose process is gone once more, or count it as cut."""
        schedule = await self._timetable.get(slot.schedule)
        rule = self._hands.rule(schedule.step) if schedule is not None else None
        if (
            schedule is not None
            and rule is not None
            and rule.again
            and slot.attempt == 1
            and not schedule.is_over
        ):
            mine = await self._timetable.resume_slot(slot, self._owner)
            if mine is not None:
                self._spawn_slot(
                    schedule, mine, (self._timetable.now() - slot.slot_at).total_seconds()
                )
            return
        after = await self._timetable.cut_slot(slot)
        if after is not None:
            self.cut += 1
            await self._schedule_service.update_message(after)

    async def _prune_old_slots(self) -> None:
        now = asyncio.get_running_loop().time()
        self._tidied = self._tidied or now
        if now - self._tidied > TIDY:
            self._tidied = now
            await self._timetable.prune_slots(self._timetable.now() - KEPT)
