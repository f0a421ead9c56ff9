"""The small words of times: durations, times of day, days of the week, dates and zones. None: not one of these."""

from __future__ import annotations

import difflib
import re
from datetime import date
from functools import cache
from zoneinfo import available_timezones

from bot.when.timing import DAYS, Clock, Moment

UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
}
LONG_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NAMES = {
    **{name: (number,) for number, name in enumerate(DAYS)},
    **{name: (number,) for number, name in enumerate(LONG_DAYS)},
    **{f"{name}s": (number,) for number, name in enumerate(LONG_DAYS)},
    **dict.fromkeys(("tues",), (1,)),
    **dict.fromkeys(("thur", "thurs"), (3,)),
}
SPOKEN = {"noon": Clock(12, 0), "midday": Clock(12, 0), "midnight": Clock(0, 0)}


def duration(words: list[str]) -> tuple[float, int] | None:
    """Seconds, and how many words say so: `10m`, `1h30m`, `10 min`, `minute`."""
    if not words:
        return None
    first = words[0].lower()
    if first in UNITS and not first.endswith("s") and len(first) > 1:
        return UNITS[first], 1
    parts = re.findall(r"(\d+(?:\.\d+)?)([a-z]+)", first)
    if parts and "".join(f"{number}{unit}" for number, unit in parts) == first and all(u in UNITS for _, u in parts):
        return sum(float(number) * UNITS[unit] for number, unit in parts), 1
    if re.fullmatch(r"\d+(\.\d+)?", first) and len(words) > 1 and words[1].lower() in UNITS:
        return float(first) * UNITS[words[1].lower()], 2
    return None


def looks_like_clock(word: str) -> bool:
    """Whether somebody meant a time of day, right or wrong: `25:00` is one as well."""
    return word.lower() in SPOKEN or re.fullmatch(r"\d{1,2}[:h]\d{2}|\d{1,2}(:\d{2})?(am|pm)", word.lower()) is not None


def clock(word: str) -> Clock | None:
    """A time of day: `9:30`, `09:30`, `9h30`, `9am`, `5:30pm`, `noon`."""
    if (named := SPOKEN.get(word.lower())) is not None:
        return named
    found = re.fullmatch(r"(\d{1,2})(?:[:h](\d{2}))?(am|pm)?", word.lower())
    if found is None or not (found[2] or found[3]):
        return None
    hour, minute = int(found[1]), int(found[2] or 0)
    if found[3]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found[3] == "pm" else 0)
    return Clock(hour, minute) if hour < 24 and minute < 60 else None


def days(word: str) -> tuple[int, ...] | None:
    """Days of the week: `mon`, `monday`, `mon,wed`, `mon-fri`, `fri-mon`, in the order of the week."""
    chosen: set[int] = set()
    for part in word.lower().split(","):
        first, dash, last = part.partition("-")
        if first not in NAMES or (dash and last not in NAMES):
            return None
        begin = NAMES[first][0]
        end = NAMES[last][0] if dash else begin
        chosen.update((begin + step) % 7 for step in range((end - begin) % 7 + 1))
    return tuple(sorted(chosen))


def day(word: str) -> str | None:
    """A day: `today`, `tomorrow`, or a date such as `2026-11-26`."""
    if word.lower() in {"today", "tomorrow"}:
        return "" if word.lower() == "today" else "tomorrow"
    try:
        return date.fromisoformat(word).isoformat() if re.fullmatch(r"\d{4}-\d{2}-\d{2}", word) else None
    except ValueError:
        return None


def moment(words: list[str]) -> tuple[Moment, int] | None:
    """A time of day, with a day before it if one is named: `17:00`, `tomorrow 9am`, `2026-11-26T14:00`."""
    if not words:
        return None
    joined = re.fullmatch(r"(\d{4}-\d{2}-\d{2})[tT](\d{1,2}:\d{2})", words[0])
    if joined and (on := day(joined[1])) is not None and (at := clock(joined[2])):
        return Moment(on, at), 1
    if (on := day(words[0])) is not None and len(words) > 1 and (at := clock(words[1])):
        return Moment(on, at), 2
    if at := clock(words[0]):
        return Moment("", at), 1
    return None


@cache
def zones() -> dict[str, str]:
    """All time zones, by their names in lower case; the first call reads the disk for some hundredths of a second."""
    return {name.lower(): name for name in available_timezones()}


def zone(word: str) -> str | None:
    """A time zone by its IANA name, in whatever case."""
    return zones().get(word.lower().replace(" ", "_"))


def looks_like_zone(word: str) -> bool:
    """Whether somebody meant a time zone, right or wrong."""
    return re.fullmatch(r"[A-Za-z_]+/[A-Za-z_/+-]+", word) is not None


def of_city(word: str) -> str:
    """The zone of a city, whatever stands before it: `Europe/Madrid` for `Madrid`; or ""."""
    city = word.lower().rpartition("/")[2].replace(" ", "_")
    found = sorted(name for name in zones() if name.endswith(f"/{city}"))
    return zones()[found[0]] if found and city else ""


def nearest_zone(word: str) -> str:
    """The zone that is most like the word, or ""; the city alone finds it too."""
    names = zones()
    if found := of_city(word):
        return found
    close = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    return names[close[0]] if close else ""
