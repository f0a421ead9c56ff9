"""Says a finished English text in another language: the sentence is found again, its values are taken over.

What is not found stays as it is. So names, commands, addresses, and what a pod, istioctl or Kubernetes say are not
changed: only a place that the catalogue marks as holding words of the bot's own is looked into.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from bot.language.catalogue import FRAMES, Entry
from bot.language.template import words_of

REMEMBERED = 4096
"""Texts whose translation is kept: a message that is edited says most of the same again."""
LONGEST = 4000
"""Characters of a text that is looked at; what is longer stays as it is."""
SURE = 12
"""Characters of its own that a sentence must have to be found among foreign words, and more than one word."""
MOST_SEAMS = 8
"""Seams of a text at which its parts are looked for; with more, only whole sentences between `; ` are."""
SEAM = re.compile(r"(?<=[.?!]) |; |: |, | — | · |(?= \()")
"""Where texts of the bot's own are put together."""
CLAUSE = re.compile(r"(?<=[.?!]) |; ")
BETWEEN = re.compile(r"(`[^`]*`)|\b(and|or)\b")
SHAPES = {
    "name": re.compile(r"\S+"),
    "number": re.compile(r"[\d.,]+"),
    "counted": re.compile(r"\d[^;]*"),
    "mark": re.compile(r"\W+"),
}
"""What a value must be in the modes that are about its shape."""
LINK = re.compile(r"<(https?://[^|>]+)\|([^>]*)>")


class Translator:
    """Knows the sentences of one language; `between` is how it says `and` and `or`."""

    def __init__(self, entries: Iterable[Entry], *, between: dict[str, str]) -> None:
        listed = list(entries)
        self._between = between
        self._fixed = {entry.pattern.around[0]: entry for entry in listed if entry.pattern.fixed}
        self._by_word: dict[str, list[Entry]] = defaultdict(list)
        self._loose: list[Entry] = []
        self._frames = [entry for entry in listed if entry.file == FRAMES]
        self._enter([entry for entry in listed if not entry.pattern.fixed and entry.file != FRAMES])
        self._line = lru_cache(REMEMBERED)(self._framed)
        self._whole = lru_cache(REMEMBERED)(self._find)
        self._sure = lru_cache(REMEMBERED)(self._surely)
        self._parts = lru_cache(REMEMBERED)(self._spread)

    def _enter(self, entries: list[Entry]) -> None:
        """Puts each under the rarest of its words, so that few are tried for a text."""
        often = Counter(word for entry in entries for word in set(entry.pattern.anchors()))
        for entry in entries:
            words = sorted(set(entry.pattern.anchors()), key=lambda word: (often[word], -len(word), word))
            (self._by_word[words[0]] if words else self._loose).append(entry)

    def line(self, text: str) -> str:
        """A whole line of a message: what stands around the sentence, and the sentence."""
        return self._line(text) if len(text) <= LONGEST else text

    def notice(self, text: str) -> str:
        """The text of a message for notifications."""
        return said if (said := self.line(text)) != text else self.texts(text)

    def text(self, text: str) -> str:
        """A text that is one sentence of the bot's own; anything else as it is."""
        return found if (found := self.known(text)) is not None else text

    def texts(self, text: str) -> str:
        """A text that is put together of several, of which some may be foreign."""
        return said if (said := self.text(text)) != text or len(text) > LONGEST else self._parts(text, True)

    def parts(self, text: str) -> str:
        """A text that is put together of several of the bot's own."""
        return self._parts(text, False) if len(text) <= LONGEST else text

    def known(self, text: str, *, surely: bool = False) -> str | None:
        """A sentence of the bot's own, None for anything else; `surely` only one that others would hardly say."""
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

    def _say(self, value: str, mode: str) -> str | None:
        if mode == "known":
            return self.known(value)
        if (shape := SHAPES.get(mode)) is not None:
            return self.text(value) if shape.fullmatch(value) else None
        say: dict[str, Callable[[str], str]] = {
            "text": self.text,
            "texts": self.texts,
            "parts": self.parts,
            "names": self.names,
            "links": self.links,
        }
        return say[mode](value)

    def _framed(self, text: str) -> str:
        for entry in self._frames:
            if (said := self._filled(entry, text)) is not None:
                return said
        return self.text(text)

    def _find(self, text: str, least: int = 0) -> str | None:
        """The sentence as it is, without its full stop, or with its first letter as it is after a colon."""
        if (said := self._match(text, least)) is not None:
            return said
        if text.endswith(".") and (said := self._match(text[:-1], least)) is not None:
            return f"{said}."
        swapped = text[0].swapcase() + text[1:]
        if swapped == text or (said := self._match(swapped, least, swapped=True)) is None:
            return None
        return said[0].swapcase() + said[1:]

    def _surely(self, text: str) -> str | None:
        return self._find(text, SURE) if " " in text else None

    def _match(self, text: str, least: int, *, swapped: bool = False) -> str | None:
        """The heaviest sentence that fits; when a letter was swapped, only one whose first letter is its own."""
        for entry in self._candidates(text, least):
            if swapped and not entry.pattern.around[0]:
                continue
            if (said := self._filled(entry, text, swapped=swapped)) is not None:
                return said
        return None

    def _filled(self, entry: Entry, text: str, *, swapped: bool = False) -> str | None:
        values = entry.pattern.match(text)
        for form in entry.forms if values is not None else ():
            own = form.begins_with_words or not swapped
            if own and (said := form.fill(values or (), self._say)) is not None:
                return said
        return None

    def _candidates(self, text: str, least: int) -> Iterator[Entry]:
        if (fixed := self._fixed.get(text)) is not None:
            yield fixed
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
        said = self._end(text, seam, surely)
        return said if said is not None else seam[0] + self._parts(text[seam.end() :], surely)

    def _end(self, text: str, seam: re.Match[str], surely: bool) -> str | None:
        """What begins at a seam, with it or after it."""
        if seam[0].strip() and (said := self.known(text[seam.start() :], surely=surely)) is not None:
            return said
        said = self.known(text[seam.end() :], surely=surely)
        return None if said is None else seam[0] + said

    def _clauses(self, text: str, surely: bool) -> str:
        done, at = [], 0
        for seam in CLAUSE.finditer(text):
            done += [self._clause(text[at : seam.start()], surely), seam[0]]
            at = seam.end()
        return "".join([*done, self._clause(text[at:], surely)])

    def _clause(self, text: str, surely: bool) -> str:
        return said if (said := self.known(text, surely=surely)) is not None else text
