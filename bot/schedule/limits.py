"""Limits on the number, frequency and length of schedules, checked before one is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.errors import UserError
from bot.ledger import Schedule
from bot.schedule.slots import compute_first_slot, compute_shortest_gap
from bot.steps import Options, Step
from bot.text import Seconds, Text
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
    least = max(limits.least, step.regular.least(options))
    if gap < least:
        every, between = Seconds(gap, "exact"), Seconds(least, "exact")
        words = (
            Text(
                "Every {every} is too often for {step}: {least} must lie between.",
                every=every,
                step=step.id,
                least=between,
            )
            if timing.kind is TimingKind.EVERY
            else Text(
                "`{cron}` comes every {every}: that is too often for {step}, "
                "{least} must lie between.",
                cron=timing.cron,
                every=every,
                step=step.id,
                least=between,
            )
        )
        raise UserError(
            words,
            Text(
                "Write `every {interval}`, or less often.",
                interval=str(Seconds(least, "exact")).replace(" ", ""),
            ),
        )
    if not step.regular.longest or gap >= OFTEN:
        return timing, ()
    longest = min(step.regular.longest, limits.longest)
    latest = timing.start + timedelta(seconds=longest)
    if timing.until is None:
        return replace(timing, until=latest), (
            Text(
                "It ends by itself after {interval}; `until …` sets another end.",
                interval=Seconds(longest, "exact"),
            ),
        )
    if timing.until > latest:
        words = Text(
            "{step} may go on for {interval} when it comes more often than hourly.",
            step=step.id,
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
                Text("That goes on already: {id}, {state}.", id=schedule.id, state=schedule.state),
                Text("`schedule remove {id}` ends it; `schedule` lists them all.", id=schedule.id),
            )
    if len(live) >= limits.most:
        there = (
            Text("there are {live} schedules", live=len(live))
            if live
            else Text("there may be no schedules here")
        )
        raise UserError(
            Text("Nothing more can be scheduled: {there}.", there=there),
            Text("`schedule` lists them; remove one of them first."),
        )
