"""Says a finished English text in another language: the sentence is found again, its values are
taken over.

What is not found stays as it is. So names, commands, addresses, and what a pod, istioctl or
Kubernetes say are not changed: only a place that the catalogue marks as holding words of the bot's
own is looked into.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from bot.language.catalogue import FRAMES, Entry
from bot.language.template import words_of

REMEMBERED = 4096
"""Texts whose translation is kept: a message that is edited says most of the same again."""
LONGEST = 4000
"""Characters of a text that is looked at; what is longer stays as it is."""
SURE = 12
"""Characters of its own that a sentence must have to be found among foreign words, and more than
one word."""
DEEPEST = 8
"""Sentences within sentences that are looked at; what is deeper was not put together by the bot."""
MOST_SEAMS = 8
"""Seams of a text at which its parts are looked for; with more, only whole sentences between `; `
are."""
SEAM = re.compile(r"(?<=[.?!]) |; |: |, | — | · |(?= \()")
"""Where texts of the bot's own are put together."""
SENTENCE = re.compile(r"(?<=[.?!]) ")
CLAUSE = re.compile(r"(?<=[.?!]) |; ")
BETWEEN = re.compile(r"(`[^`]*`)|\b(and|or)\b")
SHAPES = {
    "name": re.compile(r"\S+"),
    "number": re.compile(r"[\d.,]+"),
    "counted": re.compile(r"\d[^;]*"),
    "mark": re.compile(r"\S{1,2}"),
}
"""What a value must be in the modes that are about its shape."""
ENDINGS = {"", "s", "es"}
LINK = re.compile(r"<(https?://[^|>]+)\|([^>]*)>")


class Reading(NamedTuple):
    """A text as it may be meant: without the full stop that was set behind it, with the first
    letter of a beginning."""

    text: str
    stop: str = ""
    swapped: bool = False

    def back(self, said: str | None) -> str | None:
        """The translation as the text was."""
        if said is None or not said:
            return said
        return (said[0].swapcase() + said[1:] if self.swapped else said) + self.stop


def readings_of(text: str) -> Iterator[Reading]:
    """The ways to read a text, the plainest first."""
    for swapped in (False, True) if " " in text else (False,):
        core = text[0].swapcase() + text[1:] if swapped else text
        if swapped and core == text:
            return
        yield Reading(core, swapped=swapped)
        if core.endswith("."):
            yield Reading(core[:-1], ".", swapped)


class Translator:
    """Knows the sentences of one language; `between` is how it says `and` and `or`."""

    def __init__(self, entries: Iterable[Entry], *, between: dict[str, str]) -> None:
        listed = list(entries)
        self._between, self._depth = between, 0
        self._fixed = {entry.pattern.around[0]: entry for entry in listed if entry.pattern.fixed}
        self._by_word: dict[str, list[Entry]] = defaultdict(list)
        self._loose: list[Entry] = []
        self._frames = [entry for entry in listed if entry.file == FRAMES]
        self._enter([entry for entry in listed if not entry.pattern.fixed and entry.file != FRAMES])
        self._frame = lru_cache(REMEMBERED)(self._framed)
        self._whole = lru_cache(REMEMBERED)(self._find)
        self._sure = lru_cache(REMEMBERED)(self._surely)
        self._parts = lru_cache(REMEMBERED)(self._spread)

    def _enter(self, entries: list[Entry]) -> None:
        """Puts each under the rarest of its words, so that few are tried for a text."""
        often = Counter(word for entry in entries for word in set(entry.pattern.anchors()))
        for entry in entries:
            words = sorted(
                set(entry.pattern.anchors()), key=lambda word: (often[word], -len(word), word)
            )
            (self._by_word[words[0]] if words else self._loose).append(entry)

    def line(self, text: str) -> str:
        """A whole line of a message: what stands around the sentence, and the sentence."""
        if len(text) > LONGEST:
            return text
        return said if (said := self._frame(text)) is not None else self.text(text)

    def notice(self, text: str) -> str:
        """The text of a message for notifications, which is put together of sentences."""
        if len(text) > LONGEST:
            return text
        return said if (said := self._frame(text)) is not None else self.texts(text)

    def text(self, text: str) -> str:
        """A text that is one sentence of the bot's own; anything else as it is."""
        return found if (found := self.known(text)) is not None else text

    def texts(self, text: str) -> str:
        """A text that is put together of several, of which some may be foreign."""
        if len(text) > LONGEST or text in self._fixed or (said := self._sentences(text)) is None:
            return (
                said
                if (said := self.text(text)) != text or len(text) > LONGEST
                else self._parts(text, True)
            )
        return said

    def parts(self, text: str) -> str:
        """A text that is put together of several of the bot's own."""
        return self._parts(text, False) if len(text) <= LONGEST else text

    def known(self, text: str, *, surely: bool = False) -> str | None:
        """A sentence of the bot's own, None for anything else; `surely` only one that others would
        hardly say."""
        core = text.strip()
        find = self._sure if surely else self._whole
        if not core or len(core) > LONGEST or (said := find(core)) is None:
            return None
        start = text.index(core)
        return text[:start] + said + text[start + len(core) :]

    def names(self, text: str) -> str:
        """Names or commands with `and` or `or` between them."""

        def other(found: re.Match[str]) -> str:
            return self._between.get(found[2], found[0]) if found[2] else found[0]

        return BETWEEN.sub(other, text)

    def links(self, text: str) -> str:
        """Links in mrkdwn, of which only the labels are words."""
        return LINK.sub(lambda link: f"<{link[1]}|{self.text(link[2])}>", text)

    def say(self, value: str, mode: str) -> str | None:
        """A value in one of `bot.language.template.MODES`; None when it is not what it should be."""
        if self._depth >= DEEPEST:
            return None
        self._depth += 1
        try:
            return self._said(value, mode)
        finally:
            self._depth -= 1

    def _said(self, value: str, mode: str) -> str | None:
        if mode == "known":
            return self.known(value)
        if mode == "title":
            return self._fixed[value].forms[0].fill((), self.say) if value in self._fixed else None
        if mode == "ending":
            return "" if value in ENDINGS else None
        if (shape := SHAPES.get(mode)) is not None:
            return (
                (self.text(value) if mode == "counted" else value)
                if shape.fullmatch(value)
                else None
            )
        say: dict[str, Callable[[str], str]] = {
            "text": self.text,
            "texts": self.texts,
            "parts": self.parts,
            "names": self.names,
            "links": self.links,
        }
        return say[mode](value)

    def _framed(self, text: str) -> str | None:
        found = (self._filled(entry, text) for entry in self._frames)
        return next((said for said in found if said is not None), None)

    def _find(self, text: str, least: int = 0) -> str | None:
        """The heaviest sentence that fits: as it is, without its full stop or its end, or with a
        small first letter."""
        readings = list(readings_of(text))
        for reading in readings:
            if (fixed := self._fixed.get(reading.text)) is not None:
                return reading.back(fixed.forms[0].fill((), self.say))
        for entry in self._candidates(text, least):
            for reading in readings:
                own = entry.pattern.around[0] or not reading.swapped
                if (
                    own
                    and (said := self._filled(entry, reading.text, own=reading.swapped)) is not None
                ):
                    return reading.back(said)
        ended = self._fixed.get(f"{text}.")
        return None if ended is None else str(ended.forms[0].fill((), self.say)).removesuffix(".")

    def _surely(self, text: str) -> str | None:
        return self._find(text, SURE) if " " in text else None

    def _filled(self, entry: Entry, text: str, *, own: bool = False) -> str | None:
        """The sentence in the first of its forms that the values fit; with `own` only one that
        begins with words."""
        values = entry.pattern.match(text)
        for form in entry.forms if values is not None else ():
            if form.begins_with_words or not own:
                if (said := form.fill(values or (), self.say)) is not None:
                    return said
        return None

    def _candidates(self, text: str, least: int) -> Iterator[Entry]:
        found = [entry for word in set(words_of(text)) for entry in self._by_word.get(word, ())]
        sure = [entry for entry in (*found, *self._loose) if entry.pattern.weight >= least]
        yield from sorted(sure, key=lambda entry: -entry.pattern.weight)

    def _spread(self, text: str, surely: bool) -> str:
        """The longest known beginning, or the longest known end, and the rest in the same way."""
        if (said := self.known(text, surely=surely)) is not None:
            return said
        seams = list(SEAM.finditer(text))
        if len(seams) > MOST_SEAMS:
            return self._clauses(text, surely)
        for seam in reversed(seams):
            if (said := self.known(text[: seam.start()], surely=surely)) is not None:
                return said + self._after(text, seam, surely)
        for seam in seams:
            if (said := self._end(text, seam, surely)) is not None:
                return self._parts(text[: seam.start()], surely) + said
        foreign = next((seam.end() for seam in seams if seam.end()), len(text))
        return text[:foreign] + (self._parts(text[foreign:], surely) if foreign < len(text) else "")

    def _after(self, text: str, seam: re.Match[str], surely: bool) -> str:
        """What follows a known beginning."""
        if (said := self._end(text, seam, surely)) is not None:
            return said
        for later in reversed(list(SEAM.finditer(text, seam.end()))) if seam[0].strip() else ():
            if (said := self.known(text[seam.start() : later.start()], surely=surely)) is not None:
                return said + self._after(text, later, surely)
        return seam[0] + self._parts(text[seam.end() :], surely)

    def _end(self, text: str, seam: re.Match[str], surely: bool) -> str | None:
        """What begins at a seam, with it or after it."""
        if (
            seam[0].strip()
            and (said := self.known(text[seam.start() :], surely=surely)) is not None
        ):
            return said
        said = self.known(text[seam.end() :], surely=surely)
        return None if said is None else seam[0] + said

    def _sentences(self, text: str) -> str | None:
        """Several sentences, each known by itself or with those behind it; None when one is not, or
        is the only one."""
        parts = tuple(SENTENCE.split(text))
        return self._row(parts, len(parts) - 1) if len(parts) <= MOST_SEAMS else None

    def _row(self, parts: tuple[str, ...], most: int) -> str | None:
        """Sentences one after the other, of which one text of the bot's own holds at most that
        many."""
        for count in range(1, most + 1):
            said = self.known(" ".join(parts[:count]))
            rest = None if said is None else self._row(parts[count:], len(parts) - count)
            if rest is not None:
                return f"{said} {rest}".rstrip()
        return None if parts else ""

    def _clauses(self, text: str, surely: bool) -> str:
        done, at = [], 0
        for seam in CLAUSE.finditer(text):
            done += [self._clause(text[at : seam.start()], surely), seam[0]]
            at = seam.end()
        return "".join([*done, self._clause(text[at:], surely)])

    def _clause(self, text: str, surely: bool) -> str:
        if (said := self.known(text, surely=surely)) is not None or len(
            SEAM.findall(text)
        ) > MOST_SEAMS:
            return said or text
        return self._parts(text, surely)
