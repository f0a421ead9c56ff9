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

from bot.text import Listed, Seconds, Text, Weekday
from bot.text import Moment as LocalMoment

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERY_DAY, WEEKDAYS, WEEKEND = tuple(range(7)), tuple(range(5)), (5, 6)
NAMED = {EVERY_DAY: Text("every day"), WEEKDAYS: Text("on weekdays"), WEEKEND: Text("at weekends")}


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

    def describe(self) -> Text:
        """Return repetition and end in words: `every 10 min, until Thu 26 Nov 17:00 (UTC)`."""
        if self.until is None or self.kind is TimingKind.ONCE:
            return self.times
        return Text(
            "{times}, until {moment}", times=self.times, moment=self.locate_moment(self.until)
        )

    @property
    def times(self) -> Text:
        """The repetition in words: `every 10 min`, `on weekdays at 09:00 (Europe/Madrid)`."""
        if self.kind is TimingKind.EVERY:
            return Text("every {interval}", interval=Seconds(self.every, "exact"))
        if self.kind is TimingKind.ONCE:
            return Text("once, {moment}", moment=self.locate_moment(self.start))
        if self.kind is TimingKind.CRON:
            return Text("by cron `{cron}` ({zone})", cron=self.cron, zone=self.zone)
        named = [Text("{day}", day=Weekday(day)) for day in self.days]
        days = NAMED.get(self.days) or Text("every {days}", days=Listed(named, "comma"))
        return Text("{days} at {clock} ({zone})", days=days, clock=str(self.clock), zone=self.zone)

    def locate_moment(self, moment: datetime) -> LocalMoment:
        """Return a moment as it is shown in the timing's zone: `Thu 26 Nov 17:00 (UTC)`."""
        return LocalMoment(moment.timestamp(), self.zone)

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
