"""The times of a schedule as values: a `TimingSpec` is what was typed, a `Timing` is
what it means at some moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERY_DAY, WEEKDAYS, WEEKEND = tuple(range(7)), tuple(range(5)), (5, 6)
NAMED = {EVERY_DAY: "every day", WEEKDAYS: "on weekdays", WEEKEND: "at weekends"}


class TimingKind(StrEnum):
    """The four kinds of timings."""

    EVERY = "every"
    DAYS = "days"
    ONCE = "once"
    CRON = "cron"


class TimeOfDay(NamedTuple):
    """A time of day."""

    hour: int
    minute: int

    def __str__(self) -> str:
        return f"{self.hour:02}:{self.minute:02}"


class Moment(NamedTuple):
    """A time of day on a date (`2026-11-26`), on the day after (`tomorrow`), or "" for the day
    itself."""

    day: str
    clock: TimeOfDay


@dataclass(frozen=True)
class TimingSpec:
    """A timing as it was typed. `every` and `lasts` in seconds; `zone` is "" when none was
    named.
    """

    kind: TimingKind
    every: float = 0.0
    days: tuple[int, ...] = ()
    clock: TimeOfDay | None = None
    moment: Moment | None = None
    cron: str = ""
    until: Moment | None = None
    lasts: float = 0.0
    zone: str = ""


@dataclass(frozen=True)
class Timing:
    """The slots of a schedule: `start` is the first of them for `every` and `once`, `until`
    the last moment.
    """

    kind: TimingKind
    zone: str
    start: datetime
    until: datetime | None = None
    every: float = 0.0
    days: tuple[int, ...] = ()
    clock: TimeOfDay | None = None
    cron: str = ""

    @property
    def zone_info(self) -> ZoneInfo:
        """The zone that its times of day are in."""
        return ZoneInfo(self.zone)

    def __str__(self) -> str:
        return f"{self.times}{self.end}"

    @property
    def times(self) -> str:
        """The repetition in words: `every 10 min`, `on weekdays at 09:00 (Europe/Madrid)`."""
        if self.kind is TimingKind.EVERY:
            return f"every {format_interval(self.every)}"
        if self.kind is TimingKind.ONCE:
            return f"once, {self.format_local(self.start)}"
        if self.kind is TimingKind.CRON:
            return f"by cron `{self.cron}` ({self.zone})"
        days = NAMED.get(self.days) or "every " + ", ".join(
            DAYS[day].capitalize() for day in self.days
        )
        return f"{days} at {self.clock} ({self.zone})"

    @property
    def end(self) -> str:
        """The end in words, `, until Thu 26 Nov 17:00 (UTC)`, or nothing."""
        return (
            f", until {self.format_local(self.until)}"
            if self.until and self.kind is not TimingKind.ONCE
            else ""
        )

    def format_local(self, moment: datetime) -> str:
        """Format a moment in the timing's zone: `Thu 26 Nov 17:00 (UTC)`."""
        there = moment.astimezone(self.zone_info)
        seconds = there.strftime(":%S") if there.second else ""
        return f"{there.strftime('%a')} {there.day} {there.strftime('%b %H:%M')}{seconds} ({self.zone})"

    def to_json(self) -> dict[str, Any]:
        """Return the timing as the ledger keeps it."""
        return {
            "kind": self.kind.value,
            "zone": self.zone,
            "start": self.start.astimezone(UTC).isoformat(),
            "until": self.until.astimezone(UTC).isoformat() if self.until else None,
            "every": self.every,
            "days": list(self.days),
            "clock": list(self.clock) if self.clock else None,
            "cron": self.cron,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Timing:
        """Return the timing from what `to_json` gave."""
        return cls(
            kind=TimingKind(kept["kind"]),
            zone=kept["zone"],
            start=datetime.fromisoformat(kept["start"]),
            until=datetime.fromisoformat(kept["until"]) if kept["until"] else None,
            every=float(kept["every"]),
            days=tuple(kept["days"]),
            clock=TimeOfDay(*kept["clock"]) if kept["clock"] else None,
            cron=kept["cron"],
        )


def format_interval(seconds: float) -> str:
    """Format seconds as `30 s`, `10 min`, `1 h 30 min` or `1 day`: exactly, because it is
    how often something happens.
    """
    rest, words = round(seconds, 3), []
    for size, unit in ((86400, "day"), (3600, "h"), (60, "min")):
        count, rest = divmod(rest, size)
        if count:
            words.append(f"{count:g} {unit}{'s' if unit == 'day' and count > 1 else ''}")
    if rest or not words:
        words.append(f"{rest:g} s")
    return " ".join(words)
