"""Texts as JSON and back: the ledger and the audit keep template and values, not words.

`"words"` is a verbatim text, which is also how rows of earlier versions read. Anything else is
`{"v": 1, "t": template, "a": {name: value}}`, with `p` for a plural and `c` for a context. A
value is a string, a number, a text in turn, or `{"k": kind, …}`. What is read is bounded: a row
may be of another version, or damaged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from bot.text.localized_values import PERSON_MARKS, Moment, Person, Phrase, Seconds, Weekday
from bot.text.message import BARE, Listed, Text, Value, build_text, verbatim

VERSION: Final = 1
MOST_DEPTH: Final = 12
"""Texts and lists within each other."""
MOST_VALUES: Final = 2000
LONGEST: Final = 200_000
"""Characters of all strings together."""
KINDS: Final[dict[str, type[Seconds | Weekday | Moment | Person]]] = {
    "person": Person,
    "seconds": Seconds,
    "weekday": Weekday,
    "moment": Moment,
}
NAMES: Final = {kind: name for name, kind in KINDS.items()}

Json = str | dict[str, Any]


def to_json(text: Text) -> Json:
    """Return a text as JSON. One beyond the limits of `from_json` becomes its English words."""
    value = text.values["value"] if text.template == BARE else None
    if isinstance(value, str):
        return value
    written = {"v": VERSION, **_write_text(text)}
    try:
        from_json(written)
    except (RecursionError, ValueError):
        return str(text)
    return written


def from_json(kept: object) -> Text:
    """Return what `to_json` was given. Raises ValueError for anything else or beyond the limits."""
    if isinstance(kept, str):
        return verbatim(kept)
    if not isinstance(kept, Mapping) or kept.get("v") != VERSION:
        version = kept.get("v") if isinstance(kept, Mapping) else type(kept).__name__
        raise ValueError(f"a kept text should have version {VERSION}, not {version!r}")
    return _Reader().read_text(kept, MOST_DEPTH)


def _write_text(text: Text) -> dict[str, Any]:
    written: dict[str, Any] = {"t": text.template}
    if text.plural:
        written["p"] = text.plural
    if text.context:
        written["c"] = text.context
    if text.values:
        written["a"] = {name: _write_value(value) for name, value in text.values.items()}
    return written


def _write_value(value: Value) -> object:
    if isinstance(value, Text):
        return _write_text(value)
    if isinstance(value, Listed):
        return {
            "k": "list",
            "how": value.how,
            "items": [_write_value(item) for item in value.items],
        }
    if isinstance(value, Seconds | Weekday | Moment | Person):
        return {
            "k": NAMES[type(value)],
            **{each.name: getattr(value, each.name) for each in fields(value)},
        }
    if isinstance(value, Phrase):
        raise ValueError(f"{type(value).__name__} cannot be kept")
    if isinstance(value, float) and not math.isfinite(value):
        return {"k": "float", "of": str(value)}
    return value


def _read_person(kept: str) -> str | Person:
    """Return a value, or the person that a row of an earlier version has in marks."""
    marked = kept[1:-1].isalnum() and f"{kept[0]}{kept[-1]}" == PERSON_MARKS
    return Person(kept[1:-1]) if marked else kept


class _Reader:
    """Reads one text and counts what it reads."""

    def __init__(self) -> None:
        self._values, self._characters = MOST_VALUES, LONGEST

    def read_text(self, kept: Mapping[str, Any], depth: int) -> Text:
        template, plural, context = (self._read_string(kept.get(key, "")) for key in "tpc")
        values = kept.get("a", {})
        if not template or not isinstance(values, Mapping):
            raise ValueError("a kept text should have a template, and values by name")
        read = {
            self._read_string(name): self._read_value(value, depth - 1)
            for name, value in values.items()
        }
        try:
            return build_text(template, plural, context, read)
        except TypeError as problem:
            raise ValueError(str(problem)) from None

    def _read_value(self, kept: object, depth: int) -> Value:
        self._values -= 1
        if depth < 0 or self._values < 0:
            raise ValueError(
                f"a kept text is deeper than {MOST_DEPTH} or holds more than {MOST_VALUES} values"
            )
        if isinstance(kept, str):
            return _read_person(self._read_string(kept))
        if isinstance(kept, int | float) and not isinstance(kept, bool):
            return kept
        if not isinstance(kept, Mapping):
            raise ValueError(f"{type(kept).__name__} is no value of a kept text")
        return self.read_text(kept, depth) if "t" in kept else self._read_phrase(kept, depth)

    def _read_phrase(self, kept: Mapping[str, Any], depth: int) -> Value:
        kind = kept.get("k")
        rest = {name: value for name, value in kept.items() if name != "k"}
        if kind == "list":
            return self._read_list(rest, depth)
        if kind == "float":
            return float(self._read_string(kept.get("of")))
        if not isinstance(kind, str) or kind not in KINDS:
            raise ValueError(f"there is no kind of value {kind!r} in a text of version {VERSION}")
        try:
            return KINDS[kind](**rest)
        except TypeError as problem:
            raise ValueError(f"a kept value of kind {kind!r}: {problem}") from None

    def _read_list(self, kept: Mapping[str, Any], depth: int) -> Listed:
        items = kept.get("items")
        if not isinstance(items, list):
            raise ValueError("a kept list should have items")
        read = [self._read_value(item, depth - 1) for item in items]
        if not all(isinstance(item, str | Text) for item in read):
            raise ValueError("a kept list should hold strings and texts")
        return Listed(
            (item for item in read if isinstance(item, str | Text)), kept.get("how", "and")
        )

    def _read_string(self, kept: object) -> str:
        if not isinstance(kept, str):
            raise ValueError(f"a kept text should have words where it has {type(kept).__name__}")
        self._characters -= len(kept)
        if self._characters < 0:
            raise ValueError(f"a kept text has more than {LONGEST} characters")
        return kept
