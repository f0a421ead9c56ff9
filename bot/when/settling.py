"""Makes a timing of a wish: at this moment, in this zone. What lies in the past or never comes is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.errors import UserError
from bot.when.pieces import moment as moment_of
from bot.when.timing import Clock, Kind, Moment, Timing, Wish

LONGEST = timedelta(days=366)
"""How far ahead an end, or a thing that happens once, may lie."""


def settle(wish: Wish, now: datetime, zone: str) -> Timing:
    """The timing; `zone` counts when none was named. Raises UserError."""
    named = wish.zone or zone
    place = ZoneInfo(named)
    if wish.kind is Kind.EVERY and not wish.every:
        raise UserError("Every 0 s is no time.", "Write `every 10m`.")
    until = _end(wish, now, place)
    start = now
    if wish.kind is Kind.ONCE:
        assert wish.moment is not None  # the grammar sees to it
        start = _once(wish.moment, now, place)
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
    """How long it is from now until a time of day such as `17:00`. Raises UserError."""
    found = moment_of(typed.split())
    if found is None:
        raise UserError(f"“{typed[:20]}” is not a time of day.", "Write `until 17:00`.")
    end = _end(Wish(Kind.EVERY, until=found[0]), now, ZoneInfo(zone))
    assert end is not None  # an end was named
    return (end - now).total_seconds()


def wall(day: date, clock: Clock, place: ZoneInfo) -> datetime:
    """A time of day as a moment, UTC. One that clocks skip is as much later, one that comes twice is the first."""
    return datetime(day.year, day.month, day.day, clock.hour, clock.minute, tzinfo=place).astimezone(UTC)


def _end(wish: Wish, now: datetime, place: ZoneInfo) -> datetime | None:
    if wish.lasts:
        return _near(now + timedelta(seconds=min(wish.lasts, 1e9)), now, "That end")
    if wish.until is None:
        return None
    end = wall(_day(wish.until, now, place), wish.until.clock, place)
    if end <= now:
        hint = f"Write `until tomorrow {wish.until.clock}`, or a date before it, if that is meant."
        raise UserError(f"{_words(wish.until)} is over: it is {_here(now, place)}.", hint)
    return _near(end, now, "That end")


def _once(moment: Moment, now: datetime, place: ZoneInfo) -> datetime:
    """The next time that it is so late; a day that is named is that day."""
    start = wall(_day(moment, now, place), moment.clock, place)
    if start <= now and not moment.day:
        start = wall(now.astimezone(place).date() + timedelta(days=1), moment.clock, place)
    if start <= now:
        raise UserError(f"{_words(moment)} is over: it is {_here(now, place)}.", "Write a time that is to come.")
    return _near(start, now, "That")


def _near(moment: datetime, now: datetime, what: str) -> datetime:
    if moment - now > LONGEST:
        raise UserError(f"{what} is more than a year away.", "Write one that is nearer.")
    return moment.astimezone(UTC)


def _day(moment: Moment, now: datetime, place: ZoneInfo) -> date:
    today = now.astimezone(place).date()
    if moment.day == "tomorrow":
        return today + timedelta(days=1)
    return date.fromisoformat(moment.day) if moment.day else today


def _words(moment: Moment) -> str:
    return f"{moment.day} {moment.clock}".strip()


def _here(now: datetime, place: ZoneInfo) -> str:
    return now.astimezone(place).strftime(f"%H:%M ({place.key})")
