"""Finds the words that say when in a command, wherever they stand in it; what is left belongs to the step."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from bot.errors import UserError
from bot.when import pieces
from bot.when.timing import EVERY_DAY, WEEKDAYS, WEEKEND, Clock, Kind, Moment, Wish

KEYWORDS = ("every", "daily", "hourly", "weekdays", "weekends", "cron", "at", "until")
"""Words that begin or go on with a time, for “did you mean”."""

NAMED = {
    "daily": EVERY_DAY,
    "weekdays": WEEKDAYS,
    "weekday": WEEKDAYS,
    "workdays": WEEKDAYS,
    "weekends": WEEKEND,
    "weekend": WEEKEND,
}
EXAMPLES = 'Write `every 10m until 17:00`, `weekdays 09:00 Europe/Madrid`, `at 14:00` or `cron "0 9 * * 1-5"`.'
MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
}

Found = tuple[Wish, int]
"""A wish, and how many words said it."""


def split(words: list[str]) -> tuple[list[str], Wish | None, list[str]]:
    """The words without those that say when, the wish in those, and those; UserError when they cannot be meant so."""
    for index in range(len(words)):
        found = _begin(words[index:])
        if found is not None:
            wish, used = _go_on(*found, words[index:])
            wish, rest, more = _further(wish, words[index + used :])
            return words[:index] + rest, wish, words[index : index + used] + more
    return words, None, []


def _begin(words: list[str]) -> Found | None:
    first = words[0].lower()
    if first in STARTS:
        return STARTS[first](words)
    if first in NAMED:
        return _on(NAMED[first], words, 1)
    chosen = pieces.days(words[0])
    if chosen is not None and len(words) > 1 and pieces.looks_like_clock(words[1]):
        return _on(chosen, words, 1)
    return None


def _every(words: list[str]) -> Found:
    if length := pieces.duration(words[1:]):
        seconds, used = length
        if words[1].lower() == "day" and len(words) > 2 and (words[2] == "at" or pieces.looks_like_clock(words[2])):
            return _on(EVERY_DAY, words, 2)
        return Wish(Kind.EVERY, every=seconds), 1 + used
    following = words[1].lower() if len(words) > 1 else ""
    chosen = NAMED.get(following) or pieces.days(following)
    if chosen is not None:
        return _on(chosen, words, 2)
    raise UserError(f"every needs a time after it{_said(following)}.", "Write `every 30s`, `every 10m` or `every 2h`.")


def _hourly(words: list[str]) -> Found:
    return Wish(Kind.EVERY, every=3600.0), 1


def _on(days: tuple[int, ...], words: list[str], used: int) -> Found:
    """Days of the week want a time of day."""
    used += len(words) > used and words[used].lower() == "at"
    typed = words[used] if len(words) > used else ""
    return Wish(Kind.DAYS, days=days, clock=_clock(typed, words[0])), used + 1


def _clock(typed: str, before: str) -> Clock:
    found = pieces.clock(typed) if typed else None
    if found is None:
        wrong = f"“{typed[:20]}” is not a time of day" if typed else f"{before} needs a time of day after it"
        raise UserError(f"{wrong}.", "Write it as 09:30 or 17:00.")
    return found


def _at(words: list[str]) -> Found | None:
    """Once. `at 20/s` is a rate of the step's, and left to it."""
    following = words[1].lower() if len(words) > 1 else ""
    found = pieces.moment(words[1:])
    if found is not None:
        return Wish(Kind.ONCE, moment=found[0]), 1 + found[1]
    if pieces.looks_like_clock(following):
        raise UserError(f"“{following}” is not a time of day.", "Write it as 09:30 or 17:00.")
    if following == "tomorrow" or re.match(r"\d{4}-", following):
        raise UserError(f"{following[:20]} needs a time of day after it.", "Write `at tomorrow 09:30`.")
    return None


def _cron(words: list[str]) -> Found:
    quoted = words[1] if len(words) > 1 else ""
    if quoted.lower() in MACROS:
        return Wish(Kind.CRON, cron=MACROS[quoted.lower()]), 2
    if " " in quoted:
        return Wish(Kind.CRON, cron=_fields(quoted.split())), 2
    if len(words) > 5:
        return Wish(Kind.CRON, cron=_fields(words[1:6])), 6
    raise UserError("cron needs five fields.", 'Write `cron "0 9 * * 1-5"`: minute, hour, day, month, weekday.')


def _fields(fields: list[str]) -> str:
    """Five fields in plain cron's letters; what they mean is looked at when they are settled."""
    if len(fields) != 5 or not all(re.fullmatch(r"[\w*,/-]+", field, re.ASCII) for field in fields):
        raise UserError(
            f"cron has five fields, not “{' '.join(fields)[:40]}”.",
            'Write `cron "0 9 * * 1-5"`: minute, hour, day, month, weekday (1-5 is Monday to Friday).',
        )
    return " ".join(fields)


STARTS: dict[str, Callable[[list[str]], Found | None]] = {
    "every": _every,
    "hourly": _hourly,
    "at": _at,
    "cron": _cron,
}


def _go_on(wish: Wish, used: int, words: list[str]) -> Found:
    """What may follow in any order: an end, a zone."""
    while used < len(words):
        more = _modifier(wish, words[used:])
        if more is None:
            break
        wish, used = more[0], used + more[1]
    return wish, used


def _further(wish: Wish, words: list[str]) -> tuple[Wish, list[str], list[str]]:
    """An end that stands behind options of the step, and what is left; a second time is a slip, and refused."""
    rest: list[str] = []
    taken: list[str] = []
    while words:
        ends = words[0].lower() in {"until", "for"} or re.match(r"(zone|tz)=", words[0], re.IGNORECASE)
        more = _modifier(wish, words) if ends else None
        if more is not None:
            wish, used = more
            taken, words = taken + words[:used], words[used:]
            continue
        _once_only(words)
        rest, words = [*rest, words[0]], words[1:]
    return wish, rest, taken


def _modifier(wish: Wish, words: list[str]) -> Found | None:
    first = words[0].lower()
    if first == "until":
        return replace(_endless(wish), until=_until(words[1:])), 1 + _length(words[1:])
    if first == "for":
        length = pieces.duration(words[1:])
        if length is None:
            raise UserError(f"for needs a length of time after it{_said(' '.join(words[1:2]))}.", "Write `for 1h`.")
        return replace(_endless(wish), lasts=length[0]), 1 + length[1]
    named = re.sub(r"^(zone|tz)=", "", words[0], flags=re.IGNORECASE)
    explicit = named != words[0] or pieces.looks_like_zone(named)
    found = pieces.zone(named)
    if found is None and explicit:
        near = pieces.nearest_zone(named)
        hint = f"Did you mean `{near}`?" if near else "Write a zone such as `Europe/Madrid` or `UTC`."
        raise UserError(f"There is no time zone “{named[:40]}”.", hint)
    if found is None:
        return None
    if wish.zone:
        raise UserError("There are two time zones in that.", "Leave one out.")
    return replace(wish, zone=found), 1


def _until(words: list[str]) -> Moment:
    found = pieces.moment(words)
    if found is None:
        said = _said(" ".join(words[:1]))
        raise UserError(
            f"until needs a time of day after it{said}.", "Write `until 17:00` or `until tomorrow 17:00`."
        )  # fmt: skip
    return found[0]


def _length(words: list[str]) -> int:
    found = pieces.moment(words)
    return found[1] if found else 0


def _endless(wish: Wish) -> Wish:
    if wish.until or wish.lasts:
        raise UserError("There are two ends in that.", "Leave one out: `until …` or `for …`.")
    if wish.kind is Kind.ONCE:
        raise UserError("Something that happens once has no end.", "Leave `until …` or `for …` out.")
    return wish


def _once_only(words: list[str]) -> None:
    try:
        again = _begin(words) is not None
    except UserError:
        again = True
    if again:
        raise UserError(f"“{words[0][:20]}” begins a second time in that.", f"One will do. {EXAMPLES}")


def _said(word: str) -> str:
    return f", not “{word[:20]}”" if word else ""
