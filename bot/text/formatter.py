"""Writes the parts of a message in English; `bot.language` derives from it for other languages.

It takes plain strings, numbers and dates only, so that the values of a message can use it without
a cycle. English is plain code here: the bot starts without reading any data of locales.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

NEGATIVE_ZERO: Final = re.compile(r"\s*-[0.,]+\s*%?")
"""What rounding leaves of a number just below zero."""
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
UNITS: Final = {"hour": "h", "minute": "min", "second": "s"}
SEPARATORS: Final = {
    "comma": ", ",
    "semicolon": "; ",
    "sentences": " ",
    "dots": " · ",
    "lines": "\n",
}
"""What stands between the items of a list that has no conjunction."""


class Formatter:
    """Writes English. Each method is one thing that another language may say differently."""

    def choose_template(self, one: str, many: str, count: int | None, context: str) -> str:
        """Return the template to fill; `many` is "" and `count` None where there is no plural."""
        return many if many and count != 1 else one

    def format_number(self, value: float, spec: str) -> str:
        """Return a number in a format of Python's, as it is when that is ""; no zero has a sign."""
        text = format(value, spec)
        return text.replace("-", "", 1) if NEGATIVE_ZERO.fullmatch(text) else text

    def format_list(self, items: Sequence[str], how: str) -> str:
        """Return items as one text; `how` is `and`, `or` or one of SEPARATORS."""
        if how in SEPARATORS:
            return SEPARATORS[how].join(items)
        if len(items) < 2:
            return "".join(items)
        return f"{', '.join(items[:-1])} {how} {items[-1]}"

    def format_duration(self, counts: Sequence[tuple[float, str]]) -> str:
        """Return counts of `day`, `hour`, `minute` and `second`, the largest first, as one text."""
        return " ".join(self.format_unit(count, unit) for count, unit in counts)

    def format_unit(self, count: float, unit: str) -> str:
        """Return a count with its unit: `8 s`, `2 days`."""
        word = UNITS.get(unit) or ("day" if count == 1 else "days")
        return f"{count:g} {word}" if isinstance(count, float) else f"{count} {word}"

    def format_weekday(self, day: int) -> str:
        """Return the short name of a day of the week; 0 is Monday."""
        return DAYS[day]

    def format_moment(self, moment: datetime, date: str, time: str) -> str:
        """Return a date and a time of day, in the moment's own zone and without its name.

        `date` is one of `bot.text.localized_values.DateForm`, `time` is `minutes`, `seconds` or "".
        """
        day = f"{moment.day} {MONTHS[moment.month - 1]}"
        weekday = DAYS[moment.weekday()]
        dates = {
            "weekday": weekday,
            "day": day,
            "weekday and day": f"{weekday} {day}",
            "year": f"{weekday} {day} {moment.year}",
        }
        return " ".join(filter(None, (dates.get(date, ""), self.format_clock(moment, time))))

    def format_clock(self, moment: datetime, time: str) -> str:
        """Return a time of day: `14:00`, `14:00:05`, or nothing; the same in all languages."""
        formats = {"minutes": "%H:%M", "seconds": "%H:%M:%S"}
        return moment.strftime(formats[time]) if time else ""


ENGLISH: Final = Formatter()
