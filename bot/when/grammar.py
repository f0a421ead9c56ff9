"""Finds the words of a command that say when, wherever they stand in it; the other words
belong to the step.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from bot.errors import UserError
from bot.text import EMPTY, Text
from bot.when import pieces
from bot.when.timing import EVERY_DAY, WEEKDAYS, WEEKEND, Moment, TimeOfDay, TimingKind, TimingSpec

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
EXAMPLES = Text(
    'Write `every 10m until 17:00`, `weekdays 09:00 Europe/Madrid`, `at 14:00` or `cron "0 9 * * '
    '1-5"`.'
)
MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
}

Found = tuple[TimingSpec, int]
"""A wish, and how many words said it."""


def split_timing(words: list[str]) -> tuple[list[str], TimingSpec | None, list[str]]:
    """Return the words without those that say when, the timing that those ask for, and those
    words.

    Raises UserError when they say when but cannot be understood.
    """
    for index in range(len(words)):
        found = _parse_start(words[index:])
        if found is not None:
            wish, used = _parse_modifiers(*found, words[index:])
            wish, rest, more = _parse_trailing_end(wish, words[index + used :])
            return words[:index] + rest, wish, words[index : index + used] + more
    return words, None, []


def _parse_start(words: list[str]) -> Found | None:
    first = words[0].lower()
    if first in STARTS:
        return STARTS[first](words)
    if first in NAMED:
        return _parse_days_at(NAMED[first], words, 1)
    chosen = pieces.parse_days(words[0])
    if chosen is not None and len(words) > 1 and pieces.looks_like_clock(words[1]):
        return _parse_days_at(chosen, words, 1)
    return None


def _parse_every(words: list[str]) -> Found:
    if length := pieces.parse_duration(words[1:]):
        seconds, used = length
        if (
            words[1].lower() == "day"
            and len(words) > 2
            and (words[2] == "at" or pieces.looks_like_clock(words[2]))
        ):
            return _parse_days_at(EVERY_DAY, words, 2)
        return TimingSpec(TimingKind.EVERY, every=seconds), 1 + used
    following = words[1].lower() if len(words) > 1 else ""
    chosen = NAMED.get(following) or pieces.parse_days(following)
    if chosen is not None:
        return _parse_days_at(chosen, words, 2)
    raise UserError(
        Text(
            "every needs a time after it{quote_instead}.", quote_instead=_quote_instead(following)
        ),
        Text("Write `every 30s`, `every 10m` or `every 2h`."),
    )


def _parse_hourly(words: list[str]) -> Found:
    return TimingSpec(TimingKind.EVERY, every=3600.0), 1


def _parse_days_at(days: tuple[int, ...], words: list[str], used: int) -> Found:
    """Parse the time of day that days of the week need."""
    used += len(words) > used and words[used].lower() == "at"
    typed = words[used] if len(words) > used else ""
    return TimingSpec(TimingKind.DAYS, days=days, clock=_require_clock(typed, words[0])), used + 1


def _require_clock(typed: str, before: str) -> TimeOfDay:
    found = pieces.parse_clock(typed) if typed else None
    if found is None:
        wrong = (
            Text("“{typed}” is not a time of day", typed=typed[:20])
            if typed
            else Text("{before} needs a time of day after it", before=before)
        )
        raise UserError(Text("{wrong}.", wrong=wrong), Text("Write it as 09:30 or 17:00."))
    return found


def _parse_at(words: list[str]) -> Found | None:
    """Parse a moment that comes once; return None for `at 20/s`, which is a rate of the
    step's and left to it.
    """
    following = words[1].lower() if len(words) > 1 else ""
    found = pieces.parse_moment(words[1:])
    if found is not None:
        return TimingSpec(TimingKind.ONCE, moment=found[0]), 1 + found[1]
    if pieces.looks_like_clock(following):
        raise UserError(
            Text("“{following}” is not a time of day.", following=following),
            Text("Write it as 09:30 or 17:00."),
        )
    if following == "tomorrow" or re.match(r"\d{4}-", following):
        raise UserError(
            Text("{following} needs a time of day after it.", following=following[:20]),
            Text("Write `at tomorrow 09:30`."),
        )
    return None


def _parse_cron(words: list[str]) -> Found:
    quoted = words[1] if len(words) > 1 else ""
    if quoted.lower() in MACROS:
        return TimingSpec(TimingKind.CRON, cron=MACROS[quoted.lower()]), 2
    if " " in quoted:
        return TimingSpec(TimingKind.CRON, cron=_join_cron_fields(quoted.split())), 2
    if len(words) > 5:
        return TimingSpec(TimingKind.CRON, cron=_join_cron_fields(words[1:6])), 6
    raise UserError(
        Text("cron needs five fields."),
        Text('Write `cron "0 9 * * 1-5"`: minute, hour, day, month, weekday.'),
    )


def _join_cron_fields(fields: list[str]) -> str:
    """Return five fields in plain cron's letters; what they mean is checked when the timing
    is resolved.
    """
    if len(fields) != 5 or not all(re.fullmatch(r"[\w*,/-]+", field, re.ASCII) for field in fields):
        raise UserError(
            Text("cron has five fields, not “{fields}”.", fields=" ".join(fields)[:40]),
            Text(
                'Write `cron "0 9 * * 1-5"`: minute, hour, day, month, weekday (1-5 is Monday to '
                "Friday)."
            ),
        )
    return " ".join(fields)


STARTS: dict[str, Callable[[list[str]], Found | None]] = {
    "every": _parse_every,
    "hourly": _parse_hourly,
    "at": _parse_at,
    "cron": _parse_cron,
}


def _parse_modifiers(wish: TimingSpec, used: int, words: list[str]) -> Found:
    """Parse what may follow in any order: an end, a zone."""
    while used < len(words):
        more = _parse_modifier(wish, words[used:])
        if more is None:
            break
        wish, used = more[0], used + more[1]
    return wish, used


def _parse_trailing_end(
    wish: TimingSpec, words: list[str]
) -> tuple[TimingSpec, list[str], list[str]]:
    """Parse an end that stands behind options of the step; return the timing, the words that
    are left and those that were used.

    Raises UserError for a second timing in the words.
    """
    rest: list[str] = []
    taken: list[str] = []
    while words:
        ends = words[0].lower() in {"until", "for"} or re.match(
            r"(zone|tz)=", words[0], re.IGNORECASE
        )
        more = _parse_modifier(wish, words) if ends else None
        if more is not None:
            wish, used = more
            taken, words = taken + words[:used], words[used:]
            continue
        _refuse_second_timing(words)
        rest, words = [*rest, words[0]], words[1:]
    return wish, rest, taken


def _parse_modifier(wish: TimingSpec, words: list[str]) -> Found | None:
    first = words[0].lower()
    if first == "until":
        return replace(
            _require_endless(wish), until=_parse_until(words[1:])
        ), 1 + _count_moment_words(words[1:])
    if first == "for":
        length = pieces.parse_duration(words[1:])
        if length is None:
            raise UserError(
                Text(
                    "for needs a length of time after it{quote_instead}.",
                    quote_instead=_quote_instead(" ".join(words[1:2])),
                ),
                Text("Write `for 1h`."),
            )
        return replace(_require_endless(wish), lasts=length[0]), 1 + length[1]
    named = re.sub(r"^(zone|tz)=", "", words[0], flags=re.IGNORECASE)
    explicit = named != words[0] or pieces.looks_like_zone(named)
    found = pieces.find_zone(named)
    if found is None and explicit:
        near = pieces.find_nearest_zone(named)
        hint = (
            Text("Did you mean `{near}`?", near=near)
            if near
            else Text("Write a zone such as `Europe/Madrid` or `UTC`.")
        )
        raise UserError(Text("There is no time zone “{named}”.", named=named[:40]), hint)
    if found is None:
        return None
    if wish.zone:
        raise UserError(Text("There are two time zones in that."), Text("Leave one out."))
    return replace(wish, zone=found), 1


def _parse_until(words: list[str]) -> Moment:
    found = pieces.parse_moment(words)
    if found is None:
        said = _quote_instead(" ".join(words[:1]))
        raise UserError(
            Text("until needs a time of day after it{said}.", said=said),
            Text("Write `until 17:00` or `until tomorrow 17:00`."),
        )
    return found[0]


def _count_moment_words(words: list[str]) -> int:
    found = pieces.parse_moment(words)
    return found[1] if found else 0


def _require_endless(wish: TimingSpec) -> TimingSpec:
    if wish.until or wish.lasts:
        raise UserError(
            Text("There are two ends in that."), Text("Leave one out: `until …` or `for …`.")
        )
    if wish.kind is TimingKind.ONCE:
        raise UserError(
            Text("Something that happens once has no end."), Text("Leave `until …` or `for …` out.")
        )
    return wish


def _refuse_second_timing(words: list[str]) -> None:
    try:
        again = _parse_start(words) is not None
    except UserError:
        again = True
    if again:
        raise UserError(
            Text("“{words}” begins a second time in that.", words=words[0][:20]),
            Text("One will do. {examples}", examples=EXAMPLES),
        )


def _quote_instead(word: str) -> Text:
    return Text(", not “{word}”", word=word[:20]) if word else EMPTY
