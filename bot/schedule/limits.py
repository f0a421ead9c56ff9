"""Limits on the number, frequency and length of schedules, checked before one is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.errors import UserError
from bot.ledger import Schedule, ScheduleState
from bot.schedule.slots import compute_first_slot, compute_shortest_gap
from bot.steps import Options, Step
from bot.text import Seconds, Text, counted
from bot.when import Timing, TimingKind

OFTEN = 3600.0
"""Seconds: what comes less often than this may go on without an end."""


@dataclass(frozen=True)
class Limits:
    """Limits of schedules.

    `most` schedules at a time, `least` seconds between two slots, `longest` seconds for
    frequent traffic.
    """

    most: int = 20
    least: float = 10.0
    longest: float = 86400.0


def apply_limits(
    step: Step, options: Options, timing: Timing, limits: Limits
) -> tuple[Timing, tuple[Text, ...]]:
    """Return the timing with the end that the limits give it, and remarks on that.

    Raises UserError when it comes too often, goes on too long or never comes.
    """
    assert step.regular is not None  # the catalog refuses times after any other step
    if compute_first_slot(timing) is None:
        raise UserError(Text("That never comes."), Text("Write another time, or a later end."))
    gap = compute_shortest_gap(timing)
    _refuse_frequent(step.id, timing, gap, max(limits.least, step.regular.least(options)))
    if not step.regular.longest or gap >= OFTEN:
        return timing, ()
    return _limit_length(step.id, timing, min(step.regular.longest, limits.longest))


def _refuse_frequent(step: str, timing: Timing, gap: float, least: float) -> None:
    """Raise UserError when slots follow each other within less than `least` seconds."""
    if gap >= least:
        return
    every, between = Seconds(gap, "exact"), Seconds(least, "exact")
    words = (
        Text(
            "Every {every} is too often for {step}: {least} must lie between.",
            every=every,
            step=step,
            least=between,
        )
        if timing.kind is TimingKind.EVERY
        else Text(
            "`{cron}` comes every {every}: that is too often for {step}, {least} must lie between.",
            cron=timing.cron,
            every=every,
            step=step,
            least=between,
        )
    )
    # What is typed is English in every language: `10min`.
    typed = str(between).replace(" ", "")
    raise UserError(words, Text("Write `every {interval}`, or less often.", interval=typed))


def _limit_length(step: str, timing: Timing, longest: float) -> tuple[Timing, tuple[Text, ...]]:
    """Return the timing with an end within `longest` seconds, and remarks on that.

    Raises UserError when it has a later end.
    """
    latest = timing.start + timedelta(seconds=longest)
    if timing.until is None:
        remark = Text(
            "It ends by itself after {interval}; `until …` sets another end.",
            interval=Seconds(longest, "exact"),
        )
        return replace(timing, until=latest), (remark,)
    if timing.until > latest:
        words = Text(
            "{step} may go on for {interval} when it comes more often than hourly.",
            step=step,
            interval=Seconds(longest, "exact"),
        )
        raise UserError(
            words, Text("Write an end before {moment}.", moment=timing.locate_moment(latest))
        )
    return timing, ()


def check_capacity(
    live: Sequence[Schedule], words: str, timing: Timing, namespace: str, limits: Limits
) -> None:
    """Raise UserError when there are too many schedules, or one that does the same."""
    for schedule in live:
        same = (schedule.words, schedule.namespace) == (words, namespace)
        if same and Timing.from_json(schedule.timing).times == timing.times:
            raise UserError(
                Text("That is there already, paused: {id}.", id=schedule.id)
                if schedule.state is ScheduleState.PAUSED
                else Text("That goes on already: {id}.", id=schedule.id),
                Text("`schedule remove {id}` ends it; `schedule` lists them all.", id=schedule.id),
            )
    if len(live) >= limits.most:
        message = (
            counted(
                "Nothing more can be scheduled: there is {n} schedule.",
                "Nothing more can be scheduled: there are {n} schedules.",
                n=len(live),
            )
            if live
            else Text("Nothing more can be scheduled: there may be no schedules here.")
        )
        raise UserError(message, Text("`schedule` lists them; remove one of them first."))
