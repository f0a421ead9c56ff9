"""Parsers of the single words of times: durations, times of day, days of the week, dates
and zones. None: not one of these.
"""

from __future__ import annotations

import difflib
import re
from datetime import date
from functools import cache
from zoneinfo import available_timezones

from bot.when.timing import DAYS, Moment, TimeOfDay

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
NAMED_TIMES = {"noon": TimeOfDay(12, 0), "midday": TimeOfDay(12, 0), "midnight": TimeOfDay(0, 0)}


def parse_duration(words: list[str]) -> tuple[float, int] | None:
    """Return the seconds, and how many words say so: `10m`, `1h30m`, `10 min`, `minute`."""
    if not words:
        return None
    first = words[0].lower()
    if first in UNITS and not first.endswith("s") and len(first) > 1:
        return UNITS[first], 1
    parts = re.findall(r"(\d+(?:\.\d+)?)([a-z]+)", first)
    if (
        parts
        and "".join(f"{number}{unit}" for number, unit in parts) == first
        and all(u in UNITS for _, u in parts)
    ):
        return sum(float(number) * UNITS[unit] for number, unit in parts), 1
    if re.fullmatch(r"\d+(\.\d+)?", first) and len(words) > 1 and words[1].lower() in UNITS:
        return float(first) * UNITS[words[1].lower()], 2
    return None


def looks_like_clock(word: str) -> bool:
    """Tell whether somebody meant a time of day, right or wrong: `25:00` is one as well."""
    return (
        word.lower() in NAMED_TIMES
        or re.fullmatch(r"\d{1,2}[:h]\d{2}|\d{1,2}(:\d{2})?(am|pm)", word.lower()) is not None
    )


def parse_clock(word: str) -> TimeOfDay | None:
    """Return a time of day: `9:30`, `09:30`, `9h30`, `9am`, `5:30pm`, `noon`."""
    if (named := NAMED_TIMES.get(word.lower())) is not None:
        return named
    found = re.fullmatch(r"(\d{1,2})(?:[:h](\d{2}))?(am|pm)?", word.lower())
    if found is None or not (found[2] or found[3]):
        return None
    hour, minute = int(found[1]), int(found[2] or 0)
    if found[3]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found[3] == "pm" else 0)
    return TimeOfDay(hour, minute) if hour < 24 and minute < 60 else None


def parse_days(word: str) -> tuple[int, ...] | None:
    """Return days of the week, 0 for Monday, in the order of the week: `mon`, `monday`,
    `mon,wed`, `mon-fri`, `fri-mon`.
    """
    chosen: set[int] = set()
    for part in word.lower().split(","):
        first, dash, last = part.partition("-")
        if first not in NAMES or (dash and last not in NAMES):
            return None
        begin = NAMES[first][0]
        end = NAMES[last][0] if dash else begin
        chosen.update((begin + step) % 7 for step in range((end - begin) % 7 + 1))
    return tuple(sorted(chosen))


def parse_day(word: str) -> str | None:
    """Return a day: "" for `today`, `tomorrow`, or a date such as `2026-11-26`."""
    if word.lower() in {"today", "tomorrow"}:
        return "" if word.lower() == "today" else "tomorrow"
    try:
        return (
            date.fromisoformat(word).isoformat()
            if re.fullmatch(r"\d{4}-\d{2}-\d{2}", word)
            else None
        )
    except ValueError:
        return None


def parse_moment(words: list[str]) -> tuple[Moment, int] | None:
    """Return a time of day, with a day before it if one is named, and how many words say so:
    `17:00`, `tomorrow 9am`, `2026-11-26T14:00`.
    """
    if not words:
        return None
    joined = re.fullmatch(r"(\d{4}-\d{2}-\d{2})[tT](\d{1,2}:\d{2})", words[0])
    if joined and (on := parse_day(joined[1])) is not None and (at := parse_clock(joined[2])):
        return Moment(on, at), 1
    if (on := parse_day(words[0])) is not None and len(words) > 1 and (at := parse_clock(words[1])):
        return Moment(on, at), 2
    if at := parse_clock(words[0]):
        return Moment("", at), 1
    return None


@cache
def load_zones() -> dict[str, str]:
    """Return all time zones by their names in lower case; the first call reads the disk for
    some hundredths of a second.
    """
    return {name.lower(): name for name in available_timezones()}


def find_zone(word: str) -> str | None:
    """Return a time zone by its IANA name, in whatever case."""
    return load_zones().get(word.lower().replace(" ", "_"))


def looks_like_zone(word: str) -> bool:
    """Tell whether somebody meant a time zone, right or wrong."""
    return re.fullmatch(r"[A-Za-z_]+/[A-Za-z_/+-]+", word) is not None


def find_city_zone(word: str) -> str:
    """Return the zone of a city, whatever stands before it: `Europe/Madrid` for `Madrid`; ""
    when there is none.
    """
    city = word.lower().rpartition("/")[2].replace(" ", "_")
    found = sorted(name for name in load_zones() if name.endswith(f"/{city}"))
    return load_zones()[found[0]] if found and city else ""


def find_nearest_zone(word: str) -> str:
    """Return the zone that is most like the word, or "" when none is; the city alone finds
    it too.
    """
    names = load_zones()
    if found := find_city_zone(word):
        return found
    close = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    return names[close[0]] if close else ""
