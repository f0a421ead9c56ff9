"""Effects of clock changes (daylight saving time) on a timing, told before they happen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.text import EMPTY, Text
from bot.text import Moment as LocalMoment
from bot.when.timing import TimeOfDay, Timing, TimingKind

SOON = timedelta(days=28)
"""A change that is so near is said in any case."""

YEAR = timedelta(days=366)
MINUTE = timedelta(minutes=1)


def find_clock_changes(place: ZoneInfo, now: datetime, ahead: timedelta = YEAR) -> list[datetime]:
    """Return the moments (UTC, to the minute) at which a zone's clocks change, from now on."""
    found, step = [], timedelta(days=1)
    before = now.astimezone(UTC).replace(second=0, microsecond=0)
    while before < now + ahead:
        after = before + step
        if _get_utc_offset(before, place) != _get_utc_offset(after, place):
            found.append(_locate_change(before, after, place))
        before = after
    return found


def _locate_change(before: datetime, after: datetime, place: ZoneInfo) -> datetime:
    old = _get_utc_offset(before, place)
    while after - before > MINUTE:
        middle = before + ((after - before) / 2 // MINUTE) * MINUTE
        before, after = (
            (middle, after) if _get_utc_offset(middle, place) == old else (before, middle)
        )
    return after


def _get_utc_offset(moment: datetime, place: ZoneInfo) -> timedelta:
    return moment.astimezone(place).utcoffset() or timedelta()


def describe_clock_changes(timing: Timing, now: datetime) -> tuple[Text, ...]:
    """Return remarks on the clock changes in a timing's zone; none for what does not go by
    the time of day.
    """
    if timing.kind is TimingKind.EVERY:
        return ()
    found = [] if timing.kind is TimingKind.ONCE else find_clock_changes(timing.zone_info, now)
    said = [describe_change(timing, moment) for moment in found if moment - now <= SOON]
    if timing.clock is not None:
        said += [
            words for moment in found if (words := describe_clash(timing.clock, moment, timing))
        ]
    elif timing.kind is TimingKind.CRON and found and not said:
        said = [describe_change(timing, found[0])]
    return tuple(said)


def describe_change(timing: Timing, moment: datetime) -> Text:
    """Describe a clock change at that moment, and what stays."""
    old, new = (
        _get_utc_offset(moment - MINUTE, timing.zone_info),
        _get_utc_offset(moment, timing.zone_info),
    )
    stays = (
        Text("{clock} stays {clock} there", clock=str(timing.clock))
        if timing.clock
        else Text("the times stay those of the clocks there")
    )
    day = LocalMoment(moment.timestamp(), timing.zone, date="year", time="", named="")
    before, after = format_utc_offset(old), format_utc_offset(new)
    if new > old:
        return Text(
            "Clocks in {zone} go forward on {day} ({before} to {after}): {stays}.",
            zone=timing.zone,
            day=day,
            before=before,
            after=after,
            stays=stays,
        )
    return Text(
        "Clocks in {zone} go back on {day} ({before} to {after}): {stays}.",
        zone=timing.zone,
        day=day,
        before=before,
        after=after,
        stays=stays,
    )


def describe_clash(clock: TimeOfDay, moment: datetime, timing: Timing) -> Text:
    """Describe that clocks skip this time of day, or have it twice, when they change at that
    moment on a day it is meant for; return "" otherwise.
    """
    place = timing.zone_info
    old, new = _get_utc_offset(moment - MINUTE, place), _get_utc_offset(moment, place)
    first, last = sorted((moment.astimezone(UTC) + old, moment.astimezone(UTC) + new))
    meant = first.replace(hour=clock.hour, minute=clock.minute)
    if not first <= meant < last or (timing.days and meant.weekday() not in timing.days):
        return EMPTY
    # `meant` is the wall clock written as UTC: its date is the one in the zone.
    day = LocalMoment(meant.timestamp(), "UTC", date="year", time="", named="")
    if new > old:
        later = meant + (new - old)
        return Text(
            "On {day} there is no {clock} in {zone}: it comes at {later} that day.",
            day=day,
            clock=str(clock),
            zone=timing.zone,
            later=later.strftime("%H:%M"),
        )
    return Text(
        "On {day} {clock} comes twice in {zone}: it is the first that counts.",
        day=day,
        clock=str(clock),
        zone=timing.zone,
    )


def format_utc_offset(offset: timedelta) -> str:
    """Format an offset as `UTC+1` or `UTC-3:30`."""
    minutes = round(offset.total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02}" if rest else "")
