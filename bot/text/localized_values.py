"""Values of a message that each language writes in its own way: durations, days, moments."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args
from zoneinfo import ZoneInfo

from bot.text.formatter import Formatter

DurationForm = Literal["short", "exact", "rough"]
"""`short`: minutes and whole seconds, `1 min 20 s`. `exact`: from days to milliseconds,
`1 h 30 min`. `rough`: the largest unit alone, `3 min`."""
DateForm = Literal["", "weekday", "day", "weekday and day", "year"]
"""Nothing, `Thu`, `26 Nov`, `Thu 26 Nov`, `Thu 26 Nov 2026`."""
TimeForm = Literal["", "minutes", "seconds", "auto"]
"""Nothing, `14:00`, `14:00:05`; `auto` shows seconds unless they are zero."""
ZoneForm = Literal["", "plain", "brackets"]
"""Nothing, `14:00 UTC`, `14:00 (Europe/Madrid)`."""
PERSON_MARKS: Final = "\ue000\ue001"
"""Stand around the id of a `Person` until the chat's own form takes their place."""
SIZES: Final = ((86400, "day"), (3600, "hour"), (60, "minute"))


class Phrase(ABC):
    """A value with words of its own. Immutable, hashable and comparable."""

    __slots__ = ()

    @abstractmethod
    def render(self, formatter: Formatter) -> str:
        """Return it in a formatter's language."""


@dataclass(frozen=True, slots=True)
class Seconds(Phrase):
    """A duration in seconds. Raises ValueError unless it is finite."""

    seconds: float
    how: DurationForm = "short"

    def __post_init__(self) -> None:
        object.__setattr__(self, "seconds", _as_number(self.seconds))
        _check_choice(self.how, DurationForm)

    def render(self, formatter: Formatter) -> str:
        """Return the duration in a formatter's language."""
        return formatter.format_duration(self._split())

    def _split(self) -> list[tuple[float, str]]:
        if self.how == "rough":
            return [self._estimate()]
        sizes = SIZES if self.how == "exact" else SIZES[-1:]
        rest: float = round(self.seconds, 3) if self.how == "exact" else round(self.seconds)
        counts: list[tuple[float, str]] = []
        for size, unit in sizes:
            count, rest = divmod(rest, size)
            counts.append((int(count), unit))
        counts.append((int(rest) if rest == int(rest) else rest, "second"))
        return [(count, unit) for count, unit in counts if count] or [(0, "second")]

    def _estimate(self) -> tuple[float, str]:
        for size, unit in SIZES[1:]:
            if self.seconds > size:
                return round(self.seconds / size), unit
        return round(self.seconds), "second"


@dataclass(frozen=True, slots=True)
class Person(Phrase):
    """A user of the chat by id, whose name the chat shows."""

    user: str

    def render(self, formatter: Formatter) -> str:
        """Return the id between marks that no text from outside has."""
        return f"{PERSON_MARKS[0]}{hide_marks(self.user)}{PERSON_MARKS[1]}"


@dataclass(frozen=True, slots=True)
class Weekday(Phrase):
    """A day of the week by its short name, `Mon`; 0 is Monday. Raises ValueError beyond 6."""

    day: int

    def __post_init__(self) -> None:
        if self.day not in range(7) or not isinstance(self.day, int):
            raise ValueError(f"{self.day} is no day of the week from 0 to 6")

    def render(self, formatter: Formatter) -> str:
        """Return the day's name in a formatter's language."""
        return formatter.format_weekday(self.day)


@dataclass(frozen=True, slots=True)
class Moment(Phrase):
    """A moment in epoch seconds as clocks in a zone show it. Raises ValueError for no zone."""

    at: float
    zone: str = "UTC"
    date: DateForm = "weekday and day"
    time: TimeForm = "auto"
    named: ZoneForm = "brackets"

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", _as_number(self.at))
        _check_choice(self.date, DateForm)
        _check_choice(self.time, TimeForm)
        _check_choice(self.named, ZoneForm)
        try:
            self._locate()
        except (KeyError, OSError, OverflowError, TypeError, ValueError):
            raise ValueError(f"{self.at:g} in zone {str(self.zone)!r} is no moment") from None

    def render(self, formatter: Formatter) -> str:
        """Return date and time in a formatter's language, with the zone's name where wanted."""
        there = self._locate()
        time = self.time
        if time == "auto":
            time = "seconds" if there.second else "minutes"
        written = formatter.format_moment(there, self.date, time)
        zone = {"": "", "plain": f" {self.zone}", "brackets": f" ({self.zone})"}[self.named]
        return written + zone

    def _locate(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC).astimezone(ZoneInfo(self.zone))


def hide_marks(value: str) -> str:
    """Return a value from outside without marks of a person, which it may not forge."""
    if not set(PERSON_MARKS) & set(value):
        return value
    return value.replace(PERSON_MARKS[0], r"\ue000").replace(PERSON_MARKS[1], r"\ue001")


def _as_number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no finite number")
    return float(value)


def _check_choice(value: object, choices: Any) -> None:
    if value not in get_args(choices):
        raise ValueError(f"{value!r} is none of {', '.join(map(repr, get_args(choices)))}")
