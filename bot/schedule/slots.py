"""The slots of a timing: the next one after a moment, and the one that is due.

Times of day are reckoned here, since the bot promises in words how it treats clock
changes; cron is APScheduler's, whose numbers for weekdays begin at Monday and whose
days and weekdays must both fit, which is not what people mean.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.triggers.cron import CronTrigger

from bot.errors import UserError
from bot.text import Text
from bot.when.pieces import NAMES
from bot.when.settling import wall_time_to_utc
from bot.when.timing import DAYS, Timing, TimingKind

MAX_COUNTED_SLOTS = 20_000
"""Slots that are counted when a schedule was away for long; more than a week of every minute."""

SAMPLED_SLOTS = 60
"""Slots over which it is seen how often a cron expression comes."""

HORIZON = timedelta(days=9 * 366)
"""How far a cron expression is followed: 29 February may be eight years away, and 31 February never
comes."""

SUNDAY_FIRST = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""Plain cron's weekdays by number: 0 and 7 are Sunday."""


@dataclass(frozen=True)
class DueSlot:
    """The newest slot that is due, how many before it, and the slot after it; None is the end."""

    slot: datetime
    earlier: int
    following: datetime | None


def compute_first_slot(timing: Timing) -> datetime | None:
    """Return the first slot, which for `every` is the start itself.

    None when there is none before the end.
    """
    if timing.kind in (TimingKind.EVERY, TimingKind.ONCE):
        return timing.start
    return compute_next_slot(timing, timing.start)


def compute_next_slot(timing: Timing, moment: datetime) -> datetime | None:
    """Return the first slot after a moment, in UTC; None when there is none.

    Raises UserError for a cron expression that cannot be read.
    """
    found = next(_iterate_slots(timing, moment), None)
    return found if found and (timing.until is None or found <= timing.until) else None


def find_due_slot(timing: Timing, next_at: datetime, now: datetime) -> DueSlot:
    """Return the slot that is due now.

    `next_at` is the next slot that was not taken, and is past.
    """
    if timing.kind is TimingKind.EVERY:
        late = min(now, timing.until or now) - next_at
        earlier = max(0, math.floor(late / timedelta(seconds=timing.every)))
        slot = next_at + earlier * timedelta(seconds=timing.every)
        return DueSlot(slot, earlier, compute_next_slot(timing, slot))
    slot, earlier = next_at, 0
    for following in _iterate_slots(timing, slot):
        if timing.until is not None and following > timing.until:
            break
        # Counting on would hold up the schedule, and nobody needs a larger number.
        if following > now or earlier >= MAX_COUNTED_SLOTS:
            return DueSlot(slot, earlier, following)
        slot, earlier = following, earlier + 1
    return DueSlot(slot, earlier, None)


def compute_shortest_gap(timing: Timing) -> float:
    """Return the shortest time between two slots in seconds.

    It is infinite when there is one slot at most.
    """
    if timing.kind is TimingKind.EVERY:
        return timing.every
    slots = []
    for slot in _iterate_slots(timing, timing.start):
        slots.append(slot)
        if len(slots) > SAMPLED_SLOTS:
            break
    gaps = [
        (later - earlier).total_seconds() for earlier, later in zip(slots, slots[1:], strict=False)
    ]
    return min(gaps, default=math.inf)


def _iterate_slots(timing: Timing, moment: datetime) -> Iterator[datetime]:
    if timing.kind is TimingKind.EVERY:
        return _iterate_interval_slots(timing, moment)
    if timing.kind is TimingKind.DAYS:
        return _iterate_day_slots(timing, moment)
    if timing.kind is TimingKind.CRON:
        return _iterate_cron_slots(timing, moment)
    return iter([timing.start] if timing.start > moment else [])


def _iterate_interval_slots(timing: Timing, moment: datetime) -> Iterator[datetime]:
    step = timedelta(seconds=timing.every)
    number = max(0, math.floor((moment - timing.start) / step) + 1)
    while True:
        yield timing.start + number * step
        number += 1


def _iterate_day_slots(timing: Timing, moment: datetime) -> Iterator[datetime]:
    assert timing.clock is not None  # the grammar sees to it
    # From the day before: a time of day that a clock change skips may fall on the next day.
    day = moment.astimezone(timing.zone_info).date() - timedelta(days=1)
    while True:
        slot = wall_time_to_utc(day, timing.clock, timing.zone_info)
        if day.weekday() in timing.days and slot > moment:
            yield slot
        day += timedelta(days=1)


def _iterate_cron_slots(timing: Timing, moment: datetime) -> Iterator[datetime]:
    trigger = build_cron_trigger(timing.cron, timing.zone, moment + HORIZON)
    fixed = re.fullmatch(r"[\d,]+", timing.cron.split()[1]) is not None
    last = moment
    while True:
        # At the same moment the trigger would give the same time again.
        found = trigger.get_next_fire_time(None, last + timedelta(microseconds=1))
        if found is None:
            return
        last = found.astimezone(UTC)
        # An hour that comes twice counts once when it is named, and twice when every hour is meant.
        if not (fixed and last.astimezone(timing.zone_info).fold):
            yield last


def build_cron_trigger(expression: str, zone: str, end: datetime | None = None) -> CronTrigger:
    """Return a trigger for five fields of plain cron, which looks no further than `end`.

    Raises UserError for an expression that cannot be read.
    """
    minute, hour, day, month, weekday = expression.split()
    if day != "*" and weekday != "*":
        raise UserError(
            Text(
                "A cron expression with a day of the month and a weekday means either of them, "
                "which nobody expects."
            ),
            Text("Leave one as `*`, and make two schedules if both are meant."),
        )
    try:
        return CronTrigger(
            minute=minute,
            hour=hour,
            day=day,
            month=month,
            day_of_week=translate_weekdays(weekday),
            timezone=zone,
            end_date=end,
        )
    except (ValueError, TypeError) as problem:
        raise build_cron_error(expression) from problem


def build_cron_error(expression: str) -> UserError:
    """Return the error about the first of the fields that cannot be read, in the bot's words."""
    hint = Text('Write `cron "0 9 * * 1-5"`: minute, hour, day, month, weekday.')
    for (name, limits), word in zip(CRON_FIELDS.items(), expression.split(), strict=False):
        try:
            CronTrigger(**{name: word})
        except (ValueError, TypeError):
            said = Text("“{word}” does not fit in cron: {limits}.", word=word, limits=limits)
            return UserError(said, hint)
    return UserError(Text("cron cannot read “{expression}”.", expression=expression), hint)


CRON_FIELDS = {
    "minute": Text("a minute is 0 to 59"),
    "hour": Text("an hour is 0 to 23"),
    "day": Text("a day of the month is 1 to 31"),
    "month": Text("a month is 1 to 12"),
}
"""The fields of cron that APScheduler reads as they are, and what may stand in them."""


def translate_weekdays(field: str) -> str:
    """Return plain cron's weekdays by name. Raises UserError.

    `1-5` is `mon,tue,wed,thu,fri`, and `0` and `7` are `sun`.
    """
    if field == "*":
        return field
    chosen: set[str] = set()
    for part in field.lower().split(","):
        span, slash, step = part.partition("/")
        begin, dash, end = span.partition("-")
        numbers = (
            (0, 6)
            if span == "*"
            else (_parse_weekday(begin), _parse_weekday(end) if dash else _parse_weekday(begin))
        )
        if slash and not dash and span != "*":
            numbers = (numbers[0], 6)
        every = int(step) if slash and step.isdigit() and int(step) else (0 if slash else 1)
        if not every:
            raise UserError(
                Text("“{part}” is no weekday in cron.", part=part),
                Text("0 and 7 are Sunday, 1-5 Monday to Friday."),
            )
        length = (
            numbers[1] - numbers[0] if numbers[1] >= numbers[0] else (numbers[1] - numbers[0]) % 7
        )
        chosen.update(SUNDAY_FIRST[(numbers[0] + n) % 7] for n in range(0, length + 1, every))
    return ",".join(sorted(chosen, key=DAYS.index))


def _parse_weekday(word: str) -> int:
    if word.isdigit() and int(word) <= 7:
        return int(word)
    if word in NAMES:
        return (NAMES[word][0] + 1) % 7
    raise UserError(
        Text("“{word}” is no weekday in cron.", word=word),
        Text("0 and 7 are Sunday, 1-5 Monday to Friday; names such as mon too."),
    )
