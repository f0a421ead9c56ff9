"""Messages as values: what the bot says, before it is said in any language.

A step does not write a sentence but a `Text`: an English template and the values in it. The view
layer says it in the language of the channel (`bot.language`), the ledger keeps template and
values, and a test compares `str(text)`, which is English. This is the lowest layer and imports
the standard library alone, so that errors can carry a Text too.
"""

from bot.text.formatter import ENGLISH, SEPARATORS, Formatter
from bot.text.localized_values import PERSON_MARKS, Moment, Person, Phrase, Seconds, Weekday
from bot.text.message import (
    EMPTY,
    Listed,
    ListForm,
    Text,
    Value,
    build_text,
    counted,
    counted_in,
    in_context,
    join,
    verbatim,
)
from bot.text.stored import Json, from_json, to_json
from bot.text.template import Field, check_fields, list_fields, parse_template
from bot.text.visible import quote_where, show_hidden

__all__ = [
    "EMPTY",
    "ENGLISH",
    "Field",
    "Formatter",
    "Json",
    "ListForm",
    "Listed",
    "Moment",
    "PERSON_MARKS",
    "Person",
    "Phrase",
    "SEPARATORS",
    "Seconds",
    "Text",
    "Value",
    "Weekday",
    "build_text",
    "check_fields",
    "counted",
    "counted_in",
    "from_json",
    "in_context",
    "join",
    "list_fields",
    "parse_template",
    "quote_where",
    "show_hidden",
    "to_json",
    "verbatim",
]
