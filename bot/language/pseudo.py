"""A language that nobody speaks: a test sees in it that every word goes through the localizer.

Letters of templates get accents and each template stands in ⟦…⟧, so that whatever is left in
plain English was never a `Text`. Fields, `code`, addresses, mentions and Slack's `<!date^…>`
stay, as they would in a translation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bot.language.localizer import Localizer
from bot.text import SEPARATORS, Formatter

OPEN, CLOSE = "⟦", "⟧"
PLAIN: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
ACCENTED: Final = "áƀćďéƒǵħíĵķĺḿńóṕɋŕśťúṽẃẋýźÁɃĆĎÉƑǴĦÍĴĶĹḾŃÓṔɊŔŚŤÚṼẂẊÝŹ"
ACCENTS: Final = str.maketrans(PLAIN, ACCENTED)
KEPT: Final = re.compile(
    r"`[^`]*`|\{\{|\}\}|\{[^{}]*\}|<!date[^|>]*|<[^|<>]*|https?://\S+|:[a-z0-9_]+:"
)
"""Left alone, as in a translation; of a link and a date only the words after the bar are said."""
WORD: Final = re.compile(r"[A-Za-z]{2,}")


class PseudoLocalizer(Localizer):
    """Says texts in the language that nobody speaks."""

    def __init__(self) -> None:
        super().__init__("pseudo", PseudoFormatter())


class PseudoFormatter(Formatter):
    """Writes the language that nobody speaks."""

    def choose_template(self, one: str, many: str, count: int | None, context: str) -> str:
        """Return the English template with accents, in brackets."""
        return OPEN + accent(super().choose_template(one, many, count, context)) + CLOSE

    def format_list(self, items: Sequence[str], how: str) -> str:
        """Return the items with an accented conjunction."""
        if how in SEPARATORS or len(items) < 2:
            return super().format_list(items, how)
        return f"{', '.join(items[:-1])} {accent(how)} {items[-1]}"

    def format_unit(self, count: float, unit: str) -> str:
        """Return the count with an accented unit."""
        return accent(super().format_unit(count, unit))

    def format_weekday(self, day: int) -> str:
        """Return the day's name with accents."""
        return accent(super().format_weekday(day))

    def format_moment(self, moment: datetime, date: str, time: str) -> str:
        """Return date and time with accents on their names."""
        return accent(super().format_moment(moment, date, time))


def accent(template: str) -> str:
    """Return a template with accents on its own letters."""
    done, at = [], 0
    for kept in KEPT.finditer(template):
        done += [template[at : kept.start()].translate(ACCENTS), kept[0]]
        at = kept.end()
    return "".join([*done, template[at:].translate(ACCENTS)])


def find_plain_words(said: str, *outside: str) -> list[str]:
    """Return the words of a message that are plain English still, apart from `outside`."""
    for value in sorted(outside, key=len, reverse=True):
        said = said.replace(value, " ")
    return WORD.findall(KEPT.sub(" ", said))
