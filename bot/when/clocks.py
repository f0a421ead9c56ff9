"""What clocks that change do to a timing: said beforehand, for a digest that comes an hour off is a riddle."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.when.timing import Clock, Kind, Timing

SOON = timedelta(days=28)
"""A change that is so near is said in any case."""

YEAR = timedelta(days=366)
MINUTE = timedelta(minutes=1)


def changes(place: ZoneInfo, now: datetime, ahead: timedelta = YEAR) -> list[datetime]:
    """The moments (UTC, to the minute) at which a zone's clocks change, from now on."""
    found, step = [], timedelta(days=1)
    before = now.astimezone(UTC).replace(second=0, microsecond=0)
    while before < now + ahead:
        after = before + step
        if _offset(before, place) != _offset(after, place):
            found.append(_between(before, after, place))
        before = after
    return found


def _between(before: datetime, after: datetime, place: ZoneInfo) -> datetime:
    old = _offset(before, place)
    while after - before > MINUTE:
        middle = before + ((after - before) / 2 // MINUTE) * MINUTE
        before, after = (middle, after) if _offset(middle, place) == old else (before, middle)
    return after


def _offset(moment: datetime, place: ZoneInfo) -> timedelta:
    return moment.astimezone(place).utcoffset() or timedelta()


def remarks(timing: Timing, now: datetime) -> tuple[str, ...]:
    """What should be known of the clocks in a timing's zone; nothing for what does not go by the time of day."""
    if timing.kind is Kind.EVERY:
        return ()
    found = [] if timing.kind is Kind.ONCE else changes(timing.place, now)
    said = [change_words(timing, moment) for moment in found if moment - now <= SOON]
    if timing.clock is not None:
        said += [words for moment in found if (words := clash(timing.clock, moment, timing))]
    elif timing.kind is Kind.CRON and found and not said:
        said = [change_words(timing, found[0])]
    return tuple(said)


def change_words(timing: Timing, moment: datetime) -> str:
    """That clocks change then, and what stays."""
    old, new = _offset(moment - MINUTE, timing.place), _offset(moment, timing.place)
    way = "forward" if new > old else "back"
    stays = f"{timing.clock} stays {timing.clock} there" if timing.clock else "the times stay those of the clocks there"
    there = moment.astimezone(timing.place)
    day = f"{there.strftime('%a')} {there.day} {there.strftime('%b %Y')}"
    return f"Clocks in {timing.zone} go {way} on {day} ({utc(old)} to {utc(new)}): {stays}."


def clash(clock: Clock, moment: datetime, timing: Timing) -> str:
    """That this time of day is skipped or comes twice when clocks change then, on a day that it is meant for; or ""."""
    place = timing.place
    old, new = _offset(moment - MINUTE, place), _offset(moment, place)
    first, last = sorted((moment.astimezone(UTC) + old, moment.astimezone(UTC) + new))
    meant = first.replace(hour=clock.hour, minute=clock.minute)
    if not first <= meant < last or (timing.days and meant.weekday() not in timing.days):
        return ""
    day = f"{meant.strftime('%a')} {meant.day} {meant.strftime('%b %Y')}"
    if new > old:
        later = meant + (new - old)
        return f"On {day} there is no {clock} in {timing.zone}: it comes at {later.strftime('%H:%M')} that day."
    return f"On {day} {clock} comes twice in {timing.zone}: it is the first that counts."


def utc(offset: timedelta) -> str:
    """`UTC+1`, `UTC-3:30`."""
    minutes = round(offset.total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02}" if rest else "")
