"""The translations of a language, read from its gettext file `locales/LANGUAGE.po`.

A file that is there is a language that can be chosen; nothing else names the languages. A
translation must keep the fields of its English, or the message could not be filled: such a file
is refused as a whole, at start and by a test.
"""

from __future__ import annotations

import gettext
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import BytesIO
from typing import TYPE_CHECKING, Final

from bot.text import Field, list_fields

if TYPE_CHECKING:  # Babel takes tens of milliseconds to import, which English does not need.
    from babel.messages.catalog import Catalog as PoFile
    from babel.messages.catalog import Message

SOURCE: Final = "en"
"""The language that the source is written in; it has no file."""
COUNT: Final = "n"


@dataclass(frozen=True)
class Catalog:
    """The translations of one language, by context and English template.

    `forms` has one translation, or as many as the language has plurals; `choose_form` gives the
    index for a count.
    """

    language: str
    forms: Mapping[tuple[str, str], tuple[str, ...]]
    choose_form: Callable[[int], int]

    def find_template(self, one: str, count: int | None, context: str) -> str | None:
        """Return the translation of a template for a count, or None where there is none."""
        forms = self.forms.get((context, one))
        if forms is None or count is None:
            return forms[0] if forms else None
        index = self.choose_form(abs(count))
        return forms[index] if index < len(forms) else None


def list_languages() -> tuple[str, ...]:
    """Return the languages that can be chosen, English first."""
    found = sorted(
        file.name.removesuffix(".po") for file in locate_catalogs() if file.name.endswith(".po")
    )
    return (SOURCE, *found)


@cache
def load_catalog(language: str) -> Catalog:
    """Return the catalogue of a language, read once. Raises ValueError without a sound one."""
    for file in locate_catalogs():
        if file.name == f"{language}.po":
            return read_catalog(language, file.read_bytes())
    raise ValueError(
        f"there is no language “{language}”: it is one of {', '.join(list_languages())}"
    )


def read_catalog(language: str, content: bytes) -> Catalog:
    """Return the catalogue in a `.po` file. Raises ValueError that names every faulty translation.

    A translation that is empty or marked fuzzy counts as missing.
    """
    po = parse_po(language, content)
    if faults := list(find_faults(po)):
        raise ValueError(f"{language}.po: " + "; ".join(faults))
    forms = {
        (message.context or "", list_templates(message.id)[0]): list_templates(message.string)
        for message in po
        if message.id and is_translated(message)
    }
    return Catalog(language, forms, gettext.c2py(po.plural_expr))


def parse_po(language: str, content: bytes) -> PoFile:
    """Return a `.po` file as Babel reads it. Raises ValueError when it cannot."""
    from babel.core import UnknownLocaleError
    from babel.messages.pofile import PoFileError, read_po

    try:
        return read_po(BytesIO(content), locale=language, abort_invalid=True)
    except (PoFileError, UnknownLocaleError) as problem:
        raise ValueError(f"{language}.po: {problem}") from problem


def is_translated(message: Message) -> bool:
    """Tell whether each form of a message has a translation that somebody has looked at."""
    return not message.fuzzy and all(list_templates(message.string))


def find_faults(po: PoFile) -> Iterator[str]:
    """Yield what is wrong with translations whose fields are not those of the English."""
    for message in po:
        if message.id and is_translated(message):
            for translation in list_templates(message.string):
                if fault := compare_fields(list_templates(message.id), translation):
                    yield fault


def compare_fields(english: Sequence[str], translation: str) -> str:
    """Return what is wrong with the fields of a translation, "" when nothing is.

    They are those of the English with their formats; where there is a plural, the count may be
    left out.
    """
    try:
        wanted = frozenset[Field]().union(*map(list_fields, english))
        there = list_fields(translation)
    except ValueError as problem:
        return str(problem)
    free = {field for field in wanted if field.name == COUNT} if len(english) > 1 else set()
    if there - free == wanted - free:
        return ""
    fields = " ".join(sorted(map(str, wanted))) or "no fields"
    return f"“{translation}” should have {fields} as “{english[0]}” has"


def list_templates(id_or_string: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the forms of an English or translated message, which Babel gives bare when single."""
    if id_or_string is None:
        return ("",)
    return (id_or_string,) if isinstance(id_or_string, str) else tuple(id_or_string)


def locate_catalogs() -> list[Traversable]:
    """Return what stands in the folder of catalogues."""
    return list((files("bot.language") / "locales").iterdir())
