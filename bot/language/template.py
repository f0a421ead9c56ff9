"""A sentence with values in it, as it is looked for in a finished text and as it is filled in
another language.

The bot writes its sentences in English where they belong, with the values already in them. Here
such a sentence is a template again: `{} of {} pods ready` is found in `2 of 3 pods ready`, and
gives back `2` and `3`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

VALUE, OPEN, CLOSE = "{}", "\1", "\2"
SLOT = re.compile(r"\{(\d+)(?::(\w+)|\?([^|{}]*)\|([^|{}]*))?\}")
MODES = {
    "": "as it is",
    "text": "one text of the bot's own, or anything else as it is",
    "texts": "several texts, some of them foreign: only what is surely the bot's own is translated",
    "parts": "several texts, all of them the bot's own",
    "known": "one text of the bot's own; with anything else the sentence is another one",
    "title": "a title or word that stands so in the catalogue; with anything else the sentence is another one",
    "mark": "an icon; with anything else the sentence is another one",
    "name": "one word; with anything else the sentence is another one",
    "number": "a number; with anything else the sentence is another one",
    "counted": "begins with a number, as `2 Gateways`; with anything else the sentence is another one",
    "ending": "the English ending of a word in the plural, or nothing: it is not said",
    "names": "names or commands with `and` or `or` between them",
    "links": "links in mrkdwn, whose labels are the bot's own",
}
"""What becomes of a value."""
WORD = re.compile(r"\w+")

Say = Callable[[str, str], str | None]
"""Turns a value into the other language, in one of MODES; None when it should be known and is not.
"""


def words_of(text: str) -> list[str]:
    """The words of a text, in small letters."""
    return WORD.findall(text.lower())


@dataclass(frozen=True)
class Pattern:
    """What stands around the values, from the first to the last."""

    around: tuple[str, ...]

    @classmethod
    def of(cls, template: str) -> Pattern:
        """Read from its template, in which each value is `{}`."""
        return cls(tuple(template.strip().split(VALUE)))

    @property
    def weight(self) -> int:
        """Characters that are its own: of two patterns that fit a text, the heavier one is meant."""
        return sum(map(len, self.around))

    @property
    def fixed(self) -> bool:
        """True without any value."""
        return len(self.around) == 1

    def match(self, text: str) -> tuple[str, ...] | None:
        """The values, each as short as it can be, or None when the text is another one. Takes
        linear time."""
        first, last = self.around[0], self.around[-1]
        if self.fixed:
            return () if text == first else None
        if len(text) < self.weight or not text.startswith(first) or not text.endswith(last):
            return None
        values, at, end = [], len(first), len(text) - len(last)
        for between in self.around[1:-1]:
            found = text.find(between, at, end)
            if found < 0:
                return None
            values.append(text[at:found])
            at = found + len(between)
        return (*values, text[at:end]) if at <= end else None

    def anchors(self) -> Iterator[str]:
        """Words that every text of this pattern holds whole, in small letters."""
        last = len(self.around) - 1
        for place, text in enumerate(self.around):
            for word in WORD.finditer(text):
                cut = (word.start() == 0 and place > 0) or (
                    word.end() == len(text) and place < last
                )
                if not cut:
                    yield word[0].lower()


@dataclass(frozen=True)
class Slot:
    """Where a value goes: how, or which of two words stands there, the first when the value is 1."""

    value: int
    mode: str = ""
    forms: tuple[str, str] | None = None

    def fill(self, value: str, say: Say) -> str | None:
        """What stands there for that value; None when it should be known, or a number, and is not."""
        if self.forms is not None:
            return None if say(value, "number") is None else self.forms[value != "1"]
        return say(value, self.mode) if self.mode else value


@dataclass(frozen=True)
class Form:
    """A sentence in the other language: texts, and slots for the values."""

    parts: tuple[str | Slot, ...]

    @classmethod
    def of(cls, template: str, values: int) -> Form:
        """Read from its template: `{0}`, `{0:text}` (see MODES), `{0?pod|pods}`, and `{{` for a
        brace that is one. Raises ValueError when it cannot be."""
        parts: list[str | Slot] = []
        at, used, template = 0, set[int](), template.replace("{{", OPEN).replace("}}", CLOSE)
        for found in SLOT.finditer(template):
            parts += [template[at : found.start()], slot(found)]
            used.add(int(found[1]))
            at = found.end()
        rest = (*parts, template[at:])
        if used != set(range(values)) or any(
            isinstance(p, str) and ("{" in p or "}" in p) for p in rest
        ):
            raise ValueError(
                f"“{template}” should use each of {values} values, and has {sorted(used)}"
            )
        plain = (
            p.replace(OPEN, "{").replace(CLOSE, "}") if isinstance(p, str) else p for p in rest
        )
        return cls(tuple(part for part in plain if part != ""))

    @property
    def begins_with_words(self) -> bool:
        """True when its first letter is its own and not a value's."""
        return bool(self.parts) and isinstance(self.parts[0], str)

    def fill(self, values: tuple[str, ...], say: Say) -> str | None:
        """The sentence with these values; None when one should be known and is not."""
        done = []
        for part in self.parts:
            text = part if isinstance(part, str) else part.fill(values[part.value], say)
            if text is None:
                return None
            done.append(text)
        return "".join(done)


def slot(found: re.Match[str]) -> Slot:
    """A slot as it was read; ValueError when there is no such mode."""
    if (mode := found[2] or "") not in MODES:
        raise ValueError(f"there is no “{mode}”: it is one of {', '.join(filter(None, MODES))}")
    return Slot(int(found[1]), mode, (found[3], found[4]) if found[3] is not None else None)
