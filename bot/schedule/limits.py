"""Limits on the number, frequency and length of schedules, checked before one is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.errors import UserError
from bot.ledger import Schedule
from bot.schedule.slots import compute_first_slot, compute_shortest_gap
from bot.steps import Options, Step
from bot.when import Timing, TimingKind
from bot.when.timing import format_interval

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
) -> tuple[Timing, tuple[str, ...]]:
    """Return the timing with the end that the limits give it, and remarks on that.

    Raises UserError when it comes too often, goes on too long or never comes.
    """
    assert step.regular is not None  # the catalog refuses times after any other step
    if compute_first_slot(timing) is None:
        raise UserError("That never comes.", "Write another time, or a later end.")
    gap = compute_shortest_gap(timing)
    least = max(limits.least, step.regular.least(options))
    if gap < least:
        often = (
            f"Every {format_interval(gap)}"
            if timing.kind is TimingKind.EVERY
            else f"`{timing.cron}` comes every {format_interval(gap)}: that"
        )
        words = f"{often} is too often for {step.id}: {format_interval(least)} must lie between."
        raise UserError(
            words, f"Write `every {format_interval(least).replace(' ', '')}`, or less often."
        )
    if not step.regular.longest or gap >= OFTEN:
        return timing, ()
    longest = min(step.regular.longest, limits.longest)
    latest = timing.start + timedelta(seconds=longest)
    if timing.until is None:
        return replace(timing, until=latest), (
            f"It ends by itself after {format_interval(longest)}; `until …` sets another end.",
        )
    if timing.until > latest:
        words = f"{step.id} may go on for {format_interval(longest)} when it comes more often than hourly."
        raise UserError(words, f"Write an end before {timing.format_local(latest)}.")
    return timing, ()


def check_capacity(
    live: Sequence[Schedule], words: str, timing: Timing, namespace: str, limits: Limits
) -> None:
    """Raise UserError when there are too many schedules, or one that does the same."""
    for schedule in live:
        same = (schedule.words, schedule.namespace) == (words, namespace)
        if same and Timing.from_json(schedule.timing).times == timing.times:
            raise UserError(
                f"That goes on already: {schedule.id}, {schedule.state}.",
                f"`schedule remove {schedule.id}` ends it; `schedule` lists them all.",
            )
    if len(live) >= limits.most:
        there = f"there are {len(live)} schedules" if live else "there may be no schedules here"
        raise UserError(
            f"Nothing more can be scheduled: {there}.",
            "`schedule` lists them; remove one of them first.",
        )
