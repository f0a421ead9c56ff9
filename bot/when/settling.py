"""Resolves a typed timing at a moment and in a zone. What lies in the past or never
comes is refused.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.errors import UserError
from bot.text import Text
from bot.when.pieces import parse_moment as moment_of
from bot.when.timing import Moment, TimeOfDay, Timing, TimingKind, TimingSpec

LONGEST = timedelta(days=366)
"""How far ahead an end, or a thing that happens once, may lie."""


def resolve_timing(wish: TimingSpec, now: datetime, zone: str) -> Timing:
    """Return the timing that was asked for; `zone` counts when none was named. Raises
    UserError.
    """
    named = wish.zone or zone
    place = ZoneInfo(named)
    if wish.kind is TimingKind.EVERY and not wish.every:
        raise UserError(Text("Every 0 s is no time."), Text("Write `every 10m`."))
    until = _resolve_end(wish, now, place)
    start = now
    if wish.kind is TimingKind.ONCE:
        assert wish.moment is not None  # the grammar sees to it
        start = _resolve_once(wish.moment, now, place)
    return Timing(
        wish.kind,
        named,
        start.astimezone(UTC),
        until,
        every=wish.every,
        days=wish.days,
        clock=wish.clock,
        cron=wish.cron,
    )


def seconds_until(typed: str, now: datetime, zone: str) -> float:
    """Return the seconds from now until a time of day such as `17:00`. Raises UserError."""
    found = moment_of(typed.split())
    if found is None:
        raise UserError(
            Text("“{typed}” is not a time of day.", typed=typed[:20]), Text("Write `until 17:00`.")
        )
    end = _resolve_end(TimingSpec(TimingKind.EVERY, until=found[0]), now, ZoneInfo(zone))
    assert end is not None  # an end was named
    return (end - now).total_seconds()


def wall_time_to_utc(day: date, clock: TimeOfDay, place: ZoneInfo) -> datetime:
    """Return a time of day in a zone as a moment in UTC. One that clocks skip is as much
    later, one that comes twice is the first.
    """
    return datetime(
        day.year, day.month, day.day, clock.hour, clock.minute, tzinfo=place
    ).astimezone(UTC)


def _resolve_end(wish: TimingSpec, now: datetime, place: ZoneInfo) -> datetime | None:
    if wish.lasts:
        return _require_within_year(
            now + timedelta(seconds=min(wish.lasts, 1e9)), now, Text("That end")
        )
    if wish.until is None:
        return None
    end = wall_time_to_utc(_resolve_day(wish.until, now, place), wish.until.clock, place)
    if end <= now:
        hint = Text(
            "Write `until tomorrow {clock}`, or a date before it, if that is meant.",
            clock=str(wish.until.clock),
        )
        raise UserError(
            Text(
                "{format_moment} is over: it is {format_now}.",
                format_moment=_format_moment(wish.until),
                format_now=_format_now(now, place),
            ),
            hint,
        )
    return _require_within_year(end, now, Text("That end"))


def _resolve_once(moment: Moment, now: datetime, place: ZoneInfo) -> datetime:
    """Return the next time that it is so late; a day that is named is that day."""
    start = wall_time_to_utc(_resolve_day(moment, now, place), moment.clock, place)
    if start <= now and not moment.day:
        start = wall_time_to_utc(
            now.astimezone(place).date() + timedelta(days=1), moment.clock, place
        )
    if start <= now:
        raise UserError(
            Text(
                "{format_moment} is over: it is {format_now}.",
                format_moment=_format_moment(moment),
                format_now=_format_now(now, place),
            ),
            Text("Write a time that is to come."),
        )
    return _require_within_year(start, now, Text("That"))


def _require_within_year(moment: datetime, now: datetime, what: Text) -> datetime:
    if moment - now > LONGEST:
        raise UserError(
            Text("{what} is more than a year away.", what=what), Text("Write one that is nearer.")
        )
    return moment.astimezone(UTC)


def _resolve_day(moment: Moment, now: datetime, place: ZoneInfo) -> date:
    today = now.astimezone(place).date()
    if moment.day == "tomorrow":
        return today + timedelta(days=1)
    return date.fromisoformat(moment.day) if moment.day else today


def _format_moment(moment: Moment) -> str:
    return f"{moment.day} {moment.clock}".strip()


def _format_now(now: datetime, place: ZoneInfo) -> str:
    return now.astimezone(place).strftime(f"%H:%M ({place.key})")
