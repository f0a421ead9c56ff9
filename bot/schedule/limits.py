"""How often and how long something may be done: what goes beyond is refused before it is remembered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.errors import UserError
from bot.ledger import Schedule
from bot.schedule.slots import first, shortest
from bot.steps import Options, Step
from bot.when import Kind, Timing
from bot.when.timing import spoken

OFTEN = 3600.0
"""Seconds: what comes less often than this may go on without an end."""


@dataclass(frozen=True)
class Limits:
    """`most` schedules at a time, `least` seconds between two slots, `longest` seconds for frequent traffic."""

    most: int = 20
    least: float = 10.0
    longest: float = 86400.0


def admit(step: Step, options: Options, timing: Timing, limits: Limits) -> tuple[Timing, tuple[str, ...]]:
    """The timing with the end that the limits give it, and what should be said of that. Raises UserError."""
    assert step.regular is not None  # the catalog refuses times after any other step
    if first(timing) is None:
        raise UserError("That never comes.", "Write another time, or a later end.")
    gap = shortest(timing)
    least = max(limits.least, step.regular.least(options))
    if gap < least:
        often = (
            f"Every {spoken(gap)}" if timing.kind is Kind.EVERY else f"`{timing.cron}` comes every {spoken(gap)}: that"
        )
        words = f"{often} is too often for {step.id}: {spoken(least)} must lie between."
        raise UserError(words, f"Write `every {spoken(least).replace(' ', '')}`, or less often.")
    if not step.regular.longest or gap >= OFTEN:
        return timing, ()
    longest = min(step.regular.longest, limits.longest)
    latest = timing.start + timedelta(seconds=longest)
    if timing.until is None:
        return replace(timing, until=latest), (
            f"It ends by itself after {spoken(longest)}; `until …` sets another end.",
        )
    if timing.until > latest:
        words = f"{step.id} may go on for {spoken(longest)} when it comes more often than hourly."
        raise UserError(words, f"Write an end before {timing.local(latest)}.")
    return timing, ()


def room(live: Sequence[Schedule], words: str, timing: Timing, namespace: str, limits: Limits) -> None:
    """Raises UserError when there are too many, or one that does the same."""
    for schedule in live:
        same = (schedule.words, schedule.namespace) == (words, namespace)
        if same and Timing.from_json(schedule.timing).times == timing.times:
            raise UserError(
                f"That goes on already: {schedule.id}, {schedule.state}.",
                f"`schedule remove {schedule.id}` ends it; `schedule` lists them all.",
            )
    if len(live) >= limits.most:
        there = f"there are {len(live)} schedules" if live else "there may be no schedules here"
        raise UserError(f"Nothing more can be scheduled: {there}.", "`schedule` lists them; remove one of them first.")
