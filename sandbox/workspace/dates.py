"""Slack's `<!date^…>`: a moment in the reader's time zone, written in the format that the
message asks for.

The tokens are those of Slack's documentation of message formatting; hours are shown
from 0 to 24.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

_TOKEN = re.compile(r"\{(\w+)\}")
_TEENS = (11, 12, 13)
_STEPS = ((86_400.0, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second"))


def load_time_zone(name: str) -> tzinfo:
    """Return the time zone of this IANA name; UTC when there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


def parse_unix_time(seconds: str, zone: tzinfo) -> datetime | None:
    """Return a Unix time (seconds) in a time zone; None when the text is no such time."""
    try:
        return datetime.fromtimestamp(int(seconds), zone)
    except (ValueError, OverflowError, OSError):
        return None


def format_date(form: str, when: datetime, now: datetime) -> str:
    """Return a date format with its tokens filled in; a token that is not Slack's stays."""
    local = now.astimezone(when.tzinfo)

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        plain = name.removesuffix("_pretty")
        near = _NEAR.get((when.date() - local.date()).days) if name != plain else None
        if near is not None:
            return near if match.start() == 0 else near.lower()
        if name == "ago":
            return _format_elapsed(local - when)
        make = _TOKENS.get(plain)
        return make(when) if make is not None else match[0]

    return _TOKEN.sub(fill, form)


def _format_elapsed(passed: timedelta) -> str:
    seconds = passed.total_seconds()
    for size, unit in _STEPS:
        count = int(abs(seconds) // size)
        if count:
            words = f"{count} {unit}{'s' if count > 1 else ''}"
            return f"{words} ago" if seconds > 0 else f"in {words}"
    return "now"


def _format_ordinal(day: int) -> str:
    ending = "th" if day % 100 in _TEENS else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"


_NEAR = {-1: "Yesterday", 0: "Today", 1: "Tomorrow"}
_TOKENS: dict[str, Callable[[datetime], str]] = {
    "date": lambda t: f"{t:%B} {_format_ordinal(t.day)}, {t.year}",
    "date_long": lambda t: f"{t:%A}, {t:%B} {_format_ordinal(t.day)}, {t.year}",
    "date_num": lambda t: f"{t:%Y-%m-%d}",
    "date_short": lambda t: f"{t:%b} {t.day}, {t.year}",
    "date_slash": lambda t: f"{t:%m/%d/%Y}",
    "time": lambda t: f"{t:%H:%M}",
    "time_secs": lambda t: f"{t:%H:%M:%S}",
}
