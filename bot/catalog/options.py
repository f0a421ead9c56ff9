"""Sorting of words into a step's options, and what may have been meant by those that do not fit."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from bot import when
from bot.catalog.option_errors import (
    TEXTS,
    explain_validation_error,
    find_limit,
    get_error_words,
    keep_allowed_characters,
    list_allowed_values,
)
from bot.catalog.words import shorten_word
from bot.errors import UserError
from bot.steps import Options, PersonName, Step
from bot.text import EMPTY, Text, join

FLAG = re.compile(r"^-+(?=[A-Za-z])")
"""The dashes of an option; a number may have one as well."""
THOUSANDS = re.compile(r"\d{1,3}(?:([.,'])\d{3})(?:\1\d{3})*")
"""A number with marks between its thousands; which mark is a decimal point is another question."""


class WordError(UserError):
    """A word that does not fit; `instead` are words that may take its place, "" for none."""

    def __init__(
        self, message: Text, hint: Text = EMPTY, *, word: str = "", instead: Sequence[str] = ()
    ) -> None:
        super().__init__(message, hint)
        self.word, self.instead = word, tuple(instead)

    def list_corrections(self, words: Sequence[str]) -> Iterator[list[str]]:
        """Yield the words with another in the place of the one that does not fit."""
        places = [n for n, word in enumerate(words) if word == self.word]
        for other in self.instead if places else ():
            # Of a word that is there twice the second is too much.
            place = places[0] if other else places[-1]
            yield [*words[:place], *([other] if other else []), *words[place + 1 :]]


def validate_options(step: Step, words: Sequence[str]) -> Options:
    """Return the options of a step that the words after its name give.

    Raises WordError; its cause is pydantic's error where that found the mistake.
    """
    values = collect_options(step, words)
    try:
        return step.options.model_validate(values)
    except ValidationError as problem:
        errors = problem.errors()
        said = join("semicolon", *(describe_error(step, error, words) for error in errors))
        word = find_typed_word(words, errors[0])
        raise WordError(said, word=word, instead=list_replacements(errors[0], word)) from problem


def describe_error(step: Step, error: Any, words: Sequence[str]) -> Text:
    """Return an error of an option with the option's name and the word that was typed."""
    option, fault = ".".join(map(str, error["loc"][:1])) or step.id, explain_validation_error(error)
    word = shorten_word(find_typed_word(words, error))
    if not word or word in fault.values.values():
        return Text("{option}: {fault}", option=option, fault=fault)
    typed = word.replace("`", "ˋ")
    return Text("`{typed}` — {option}: {fault}", typed=typed, option=option, fault=fault)


def find_typed_word(words: Sequence[str], error: Any) -> str:
    """Return the word that an error is about, "" when it is not known."""
    named = get_error_words(error)
    value = named[0] if named else error["input"]
    if not isinstance(value, str) or not value:
        return ""
    wanted = value.lower()
    found = (w for w in words if wanted in (w.lower(), w.partition("=")[2].lower()))
    return next(found, "")


def list_replacements(error: Any, word: str) -> list[str]:
    """Return words that may have been meant by one that pydantic refuses, the likeliest first."""
    key, equals, value = word.partition("=")
    before, typed = (f"{key}=", value) if equals else ("", word)
    if named := get_error_words(error):
        return [*named[1:]]
    instead: list[str] = []
    if allowed := list_allowed_values(error):
        instead = difflib.get_close_matches(typed.lower(), allowed, n=1, cutoff=0.5)
    elif (limit := find_limit(error)) is not None:
        instead = [f"{limit:g}"]
    elif error["type"] == "string_pattern_mismatch" and not typed.startswith("<"):
        kept = keep_allowed_characters(typed.lower(), [str(error["ctx"]["pattern"])])
        instead = [kept] if kept else []
    elif error["type"].startswith(("int_", "float_")) and (number := re.search(r"\d+", typed)):
        instead = [number[0]]
    return [before + other for other in instead]


def collect_options(step: Step, words: Sequence[str]) -> dict[str, Any]:
    """Sort words into the step's options, as values by option.

    Takes `key=value`, `--key value`, bare flags, and positionals in their order. Raises
    WordError for a word that is none of these.
    """
    fields = {
        (field.alias or name).replace("_", "-"): (name, field)
        for name, field in step.options.model_fields.items()
    }
    values: dict[str, Any] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        key, equals, value = FLAG.sub("", word, count=1).partition("=")
        known = fields.get(key.replace("_", "-").lower())
        if known is None:
            name, field = find_positional_option(values, step, word)
            set_option(values, name, field, strip_capital(field, word), word)
        elif equals:
            set_option(values, *known, value, word)
        elif known[1].annotation is bool:
            set_option(values, *known, "true", word)
        elif rest:
            set_option(values, *known, strip_capital(known[1], rest[0]), word)
            rest.pop(0)
        else:
            raise WordError(
                Text("{key} needs a value.", key=key),
                Text("Type `{key}=…`.", key=key),
                word=word,
                instead=list_omissions(step),
            )
    return values


def strip_capital(field: FieldInfo, word: str) -> str:
    """Return the name of a person without the capital that a phone put there.

    A name that is typed behind `=` keeps it.
    """
    is_name = any(isinstance(each, PersonName) for each in field.metadata)
    capital = len(word) > 1 and word[0].isupper() and word[1:].islower() and word.isalpha()
    return word.lower() if is_name and (capital or word.lower() == "off") else word


def find_positional_option(values: dict[str, Any], step: Step, word: str) -> tuple[str, FieldInfo]:
    """Return the positional option that a bare word belongs to, as name and field.

    `a=b` only fits an option that takes several values. Raises WordError when no option
    fits.
    """
    fields, dashed = step.options.model_fields, FLAG.match(word) is not None
    several = False
    key, equals, value = FLAG.sub("", word, count=1).partition("=")
    known = [(f.alias or n) for n, f in fields.items()]
    known += when.KEYWORDS if step.regular else ()
    near = difflib.get_close_matches(key.lower(), known, n=1)
    for name in step.positional:
        several = get_origin(fields[name].annotation) is tuple
        fits = several or (name not in values and not equals)
        # A number that has none, and reads like an option's name, is that option misspelt.
        misspelt = near and fields[name].annotation is int and not re.search(r"\d", word)
        if fits and not misspelt and not dashed:
            return name, fields[name]
        if fits:
            break
    zone = when.find_city_zone(word) if step.regular and not equals else ""
    instead = [zone] if zone else [other + equals + value for other in near]
    instead += [FLAG.sub("", word, count=1)] if dashed and several else []
    raise WordError(
        Text("{id} does not know “{word}”.", id=step.id, word=shorten_word(word)),
        word=word,
        instead=instead if dashed else [*instead, *list_omissions(step)],
    )


def list_omissions(step: Step) -> tuple[str, ...]:
    """Return that a word may be left out, or nothing.

    Where something would be changed without it, as by `kiali off`, that is not what was meant.
    """
    return () if step.has_side_effects else ("",)


def set_option(
    values: dict[str, Any], name: str, field: FieldInfo, value: str, word: str = ""
) -> None:
    """Set an option once, or add to it when it takes several values.

    `word` is the one that names it. Raises WordError when it is given twice.
    """
    key, value = field.alias or name, fit_choice(field, value)
    if field.annotation is int and THOUSANDS.fullmatch(value):
        raise build_thousands_error(key, value, word or value)
    if get_origin(field.annotation) is tuple:
        values.setdefault(key, []).append(value)
    elif key in values:
        raise WordError(Text("{key} is given twice.", key=key), Text("Give it once."), word=word)
    else:
        values[key] = value


def build_thousands_error(option: str, value: str, word: str) -> WordError:
    """Return the error about a number such as `1,000`; pydantic would take `1.000` for 1."""
    meant = re.sub(r"\D", "", value)
    return WordError(
        Text(
            "`{typed}` — {option}: {fault}",
            typed=shorten_word(word),
            option=option,
            fault=TEXTS["int_parsing"],
        ),
        word=word,
        instead=[word.removesuffix(value) + meant if word.endswith(value) else meant],
    )


def fit_choice(field: FieldInfo, value: str) -> str:
    """Return the declared choice that the value is, whatever its capitals; else the value."""
    return next((c for c in list_declared_choices(field) if c.lower() == value.lower()), value)


def list_declared_choices(field: FieldInfo) -> tuple[str, ...]:
    """Return the values that an option's type allows, () when it does not say."""
    several = get_origin(field.annotation) is tuple
    kind: Any = get_args(field.annotation)[0] if several else field.annotation
    kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    values = (
        get_args(kind)
        if get_origin(kind) is Literal
        else tuple(getattr(kind, "__members__", {}).values())
    )
    return tuple(str(value) for value in values if str(value))
