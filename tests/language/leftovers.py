"""Finds English that was left in what the bot said: words of its own sentences that the translation
does not share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from bot.language import entries
from tests.language.sentences import sentences

SHORTEST, TELLING = 8, re.compile(r"^(?!the \S+$).* ")
"""Characters of a run of words that is looked for, of two at least: `the namespace` and the like
may be anybody's."""


def said(message: Any) -> Iterator[str]:
    """Every line of a message or of a part of it: its text and those of its blocks, but for what is
    to be typed."""
    if isinstance(message, dict):
        if isinstance(message.get("text"), str) and not message["text"].startswith("```"):
            yield from message["text"].split("\n")
        yield from (line for value in message.values() for line in said(value))
    elif isinstance(message, list | tuple):
        yield from (line for value in message for line in said(value))


@cache
def english(language: str) -> re.Pattern[str]:
    """What would be English among words of that language: two words of a sentence and more, without
    its values."""
    translated = {entry.english: entry for entry in entries(language)}
    runs = set()
    for sentence in sentences():
        entry = translated.get(sentence.template)
        shared = (
            " ".join(map(str, (part for form in entry.forms for part in form.parts))).lower()
            if entry
            else ""
        )
        for run in re.sub(r"`[^`]*`", "{}", sentence.template).lower().split("{}"):
            words = run.strip(" .,;:()“”?!")
            if (
                sentence.must
                and len(words) >= SHORTEST
                and TELLING.search(words)
                and words not in shared
            ):
                runs.add(words)
    return re.compile(
        rf"(?<!\w)(?:{'|'.join(map(re.escape, sorted(runs, key=len, reverse=True)))})(?!\w)",
        re.IGNORECASE,
    )


def left(language: str, lines: Iterable[str]) -> list[str]:
    """The lines with English in them; links and what stands between backticks do not count."""
    return [
        line for line in lines if english(language).search(re.sub(r"`[^`]*`|<[^|>]*", "", line))
    ]
