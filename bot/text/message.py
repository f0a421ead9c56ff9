"""`Text`, the message as a value, and the ways to make one.

The four that take a template (`Text`, `counted`, `in_context`, `counted_in`) are found in the
source by `scripts/messages`, which is why their templates are literals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, final, get_args

from bot.text.formatter import ENGLISH, Formatter
from bot.text.localized_values import Phrase, hide_marks
from bot.text.template import Field, check_fields, list_fields, parse_template

ListForm = Literal["and", "or", "comma", "semicolon", "sentences", "dots", "lines"]
"""`a, b and c`, `a, b or c`, `a, b`, `a; b`, `a b`, `a · b`, one under the other."""
Value = str | int | float | Phrase
"""What may be filled in. A str is from outside or a name: it is never translated."""
BARE: Final = "{value}"
"""The template of a text without words of its own; no catalogue is asked for it."""


@final
class Text(Phrase):
    """A sentence of the bot's: an English template and its values. `str()` is English.

    Two are equal when they would read the same in every language: template, plural, context and
    values with their types. Raises ValueError when a value is missing, surplus or cannot be
    formatted, TypeError for other kinds.
    """

    __slots__ = ("_hash", "_key", "context", "plural", "template", "values")

    template: str
    plural: str
    context: str
    values: Mapping[str, Value]
    """By name; not to be changed."""
    _hash: int
    _key: tuple[object, ...]

    def __init__(self, template: str, /, **values: Value) -> None:
        self._fill(template, "", "", values)

    def _fill(self, template: str, plural: str, context: str, values: Mapping[str, Value]) -> None:
        kept = {name: _normalise(values[name]) for name in sorted(values)}
        check_fields(template, plural, frozenset(kept))
        for form in (template, plural):
            _check_formats(list_fields(form), kept)
        # 1 == 1.0 and would share a place in a cache, but they do not read the same.
        key = (template, plural, context, tuple((name, type(v), v) for name, v in kept.items()))
        for name, value in zip(
            Text.__slots__, (hash(key), key, context, plural, template, kept), strict=True
        ):
            object.__setattr__(self, name, value)

    def render(self, formatter: Formatter) -> str:
        """Return the text in a formatter's language."""
        count = self.values["n"] if self.plural else None
        number = count if isinstance(count, int) else None
        template = self.template
        if template != BARE:
            template = formatter.choose_template(template, self.plural, number, self.context)
        return "".join(
            part
            if isinstance(part, str)
            else _render_value(self.values[part.name], part.spec, formatter)
            for part in parse_template(template)
        )

    def __str__(self) -> str:
        return self.render(ENGLISH)

    def __bool__(self) -> bool:
        return self.template != BARE or bool(self.values["value"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Text) and self._key == other._key

    def __hash__(self) -> int:
        return self._hash

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Text does not change")

    def __reduce__(self) -> tuple[Any, ...]:
        return build_text, (self.template, self.plural, self.context, self.values)

    def __repr__(self) -> str:
        shown = [repr(self.template), *([repr(self.plural)] if self.plural else [])]
        shown += [f"{name}={value!r}" for name, value in self.values.items()]
        context = f" in {self.context!r}" if self.context else ""
        return f"<Text({', '.join(shown)}){context}>"


@dataclass(frozen=True, slots=True)
class Listed(Phrase):
    """Items as one value; empty ones are left out. Raises ValueError for an unknown `how`."""

    items: tuple[str | Text, ...]
    how: ListForm = "and"

    def __init__(self, items: Iterable[str | Text], how: ListForm = "and") -> None:
        kept = tuple(_normalise_item(item) for item in items)
        if how not in get_args(ListForm):
            raise ValueError(f"{how!r} is none of {', '.join(get_args(ListForm))}")
        object.__setattr__(self, "items", tuple(item for item in kept if item))
        object.__setattr__(self, "how", how)

    def render(self, formatter: Formatter) -> str:
        """Return the items, joined as a formatter's language does."""
        items = [
            hide_marks(item) if isinstance(item, str) else item.render(formatter)
            for item in self.items
        ]
        return formatter.format_list(items, self.how)

    def __bool__(self) -> bool:
        return bool(self.items)


def counted(one: str, many: str, /, *, n: int, **values: Value) -> Text:
    """Return a text whose form depends on the count `n`: `one` for 1 in English, `many` otherwise.

    Both may show `{n}`, and must use the same other values. Raises ValueError as `Text` does.
    """
    return build_text(one, many, "", {**values, "n": n})


def in_context(context: str, template: str, /, **values: Value) -> Text:
    """Return a text whose English has several meanings: `in_context("button", "Open")`."""
    return build_text(template, "", context, values)


def counted_in(context: str, one: str, many: str, /, *, n: int, **values: Value) -> Text:
    """Return a text with a context whose form depends on the count `n`."""
    return build_text(one, many, context, {**values, "n": n})


def verbatim(value: str) -> Text:
    """Return a text that is only something from outside, as a pod's words; never translated."""
    return build_text(BARE, "", "", {"value": value})


def join(how: ListForm, /, *parts: str | Text) -> Text:
    """Return a text put together of several whole ones; empty ones are left out."""
    return build_text(BARE, "", "", {"value": Listed(parts, how)})


def build_text(template: str, plural: str, context: str, values: Mapping[str, Value]) -> Text:
    """Return a text of its parts, as the ledger gives them; code uses the forms above.

    Raises ValueError as `Text` does, and when there is a plural without a whole `n`.
    """
    if plural and (isinstance(values.get("n"), bool) or not isinstance(values.get("n"), int)):
        raise ValueError(f"“{template}” needs a whole number as `n`")
    text = Text.__new__(Text)
    text._fill(template, plural, context, values)
    return text


def _normalise(value: Value) -> Value:
    """Return a value as it is read back from the ledger, so that the two are equal."""
    if isinstance(value, bool):
        raise TypeError(f"{value} has no words: write two texts")
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Text) and value.template == BARE:
        return _normalise(value.values["value"])
    if not isinstance(value, Phrase):
        raise TypeError(f"{type(value).__name__} is no value of a text")
    return value


def _normalise_item(item: str | Text) -> str | Text:
    if isinstance(item, str):
        return str.__str__(item)
    if not isinstance(item, Text):
        raise TypeError(f"{type(item).__name__} is no item of a list: make it a str or a Text")
    value = item.values["value"] if item.template == BARE else item
    return value if isinstance(value, str) else item


def _check_formats(fields: frozenset[Field], values: Mapping[str, Value]) -> None:
    for field in fields:
        if field.spec:
            value = values[field.name]
            if not isinstance(value, int | float):
                raise ValueError(f"“{field}” needs a number, not {value!r}")
            format(value, field.spec)


def _render_value(value: Value, spec: str, formatter: Formatter) -> str:
    if isinstance(value, str):
        return hide_marks(value)
    if isinstance(value, Phrase):
        return value.render(formatter)
    return formatter.format_number(value, spec)


EMPTY: Final = verbatim("")
