"""Documents that a step may hand over as files: they hold what is said, not the looks."""

from __future__ import annotations

from dataclasses import dataclass

from bot.text import EMPTY, Text


@dataclass(frozen=True)
class Section:
    """A part of a document: sentences, and a table whose rows are as long as `columns`."""

    title: Text
    lines: tuple[Text, ...] = ()
    columns: tuple[Text, ...] = ()
    rows: tuple[tuple[Text, ...], ...] = ()


@dataclass(frozen=True)
class Document:
    """A document under a file's name without its ending.

    `pictures` are the heading of the pictures that the channel was shown since `since` (epoch
    seconds), EMPTY for none. `people` are the user ids that are marked in its sentences.
    """

    name: str
    title: Text
    intro: tuple[Text, ...]
    sections: tuple[Section, ...]
    pictures: Text = EMPTY
    since: float = 0.0
    people: tuple[str, ...] = ()
