"""Says a `bot.text.Text`: its template by a catalogue, lists, dates and numbers by Babel.

English is said without either, so that a bot in English starts as fast as before. A template
without a translation is said in English; a test holds the catalogues complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

from bot.language.translations import SOURCE, Catalog, load_catalog
from bot.text import ENGLISH as ENGLISH_FORMATTER
from bot.text import Formatter, Text

if TYPE_CHECKING:
    from babel.core import Locale

REMEMBERED: Final = 4096
"""Texts whose words are kept: a message that is edited says most of the same again."""
SKELETONS: Final = {"weekday": "E", "day": "MMMd", "weekday and day": "MMMEd", "year": "yMMMEd"}
"""Unicode's names for the forms of a date (CLDR), which each language puts in its own order."""


class Localizer:
    """Says texts in one language; call it. Raises ValueError without a sound catalogue."""

    def __init__(self, language: str = SOURCE, formatter: Formatter | None = None) -> None:
        if formatter is None:
            formatter = (
                ENGLISH_FORMATTER if language == SOURCE else LocaleFormatter(load_catalog(language))
            )
        self.language = language

        def render(text: Text) -> str:
            return text.render(formatter)

        self._say = lru_cache(REMEMBERED)(render)

    def __call__(self, text: Text) -> str:
        """Return a text in the language."""
        return self._say(text)


class LocaleFormatter(Formatter):
    """Writes the language of a catalogue."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    @cached_property
    def locale(self) -> Locale:
        """Babel's data of the language."""
        from babel.core import Locale

        return Locale.parse(self._catalog.language)

    @cached_property
    def _separators(self) -> dict[int, str]:
        from babel.numbers import get_decimal_symbol, get_group_symbol

        signs = {".": get_decimal_symbol(self.locale), ",": get_group_symbol(self.locale)}
        return str.maketrans(signs)

    def choose_template(self, one: str, many: str, count: int | None, context: str) -> str:
        """Return the translation, or the English where there is none."""
        found = self._catalog.find_template(one, count, context)
        return super().choose_template(one, many, count, context) if found is None else found

    def format_number(self, value: float, spec: str) -> str:
        """Return the number in its format, with the language's separators.

        Nothing is grouped unless the format says so (`:,`): many whole numbers are ports and
        status codes.
        """
        # Both at once: one after the other, a comma that became a point would become a comma again.
        return super().format_number(value, spec).translate(self._separators)

    def format_list(self, items: Sequence[str], how: str) -> str:
        """Return the items with the language's conjunction."""
        if how not in ("and", "or"):
            return super().format_list(items, how)
        from babel.lists import format_list

        return format_list(list(items), "standard" if how == "and" else "or", self.locale)

    def format_unit(self, count: float, unit: str) -> str:
        """Return a count with the language's short unit."""
        from babel.units import format_unit

        return format_unit(count, f"duration-{unit}", "short", locale=self.locale)

    def format_weekday(self, day: int) -> str:
        """Return the language's short name of a day; 0 is Monday."""
        from babel.dates import get_day_names

        return str(get_day_names("abbreviated", "stand-alone", self.locale)[day])

    def format_moment(self, moment: datetime, date: str, time: str) -> str:
        """Return date and time in the language's order, as the moment's own zone has them."""
        from babel.dates import format_skeleton

        # The wall clock without its zone: Babel would convert it to UTC again.
        there = moment.replace(tzinfo=None)
        day = format_skeleton(SKELETONS[date], there, locale=self.locale) if date else ""
        return " ".join(filter(None, (day, self.format_clock(moment, time))))


ENGLISH: Final = Localizer()
