"""The sentences of a language, read from its YAML files: each English template with what it
becomes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

import yaml

from bot.language.template import Form, Pattern

FRAMES = "frames.yaml"
"""The file of a language with what stands around sentences; the others hold sentences."""
LANGUAGES = ("en", "es")
"""`en` is what the bot is written in; each other one has a folder here."""


@dataclass(frozen=True)
class Entry:
    """One sentence in English and in the other language; of several forms the first one that its
    values fit."""

    english: str
    pattern: Pattern
    forms: tuple[Form, ...]
    file: str = ""


def entries(language: str) -> list[Entry]:
    """All sentences of a language. Raises ValueError that names every faulty one."""
    found: dict[tuple[str, bool], Entry] = {}
    faults: list[str] = []
    for file in sorted(_folder(language).iterdir(), key=lambda entry: entry.name):
        for english, other in read(file.read_text(encoding="utf-8")):
            try:
                made = entry(english, *other, file=file.name)
            except ValueError as problem:
                faults.append(f"{file.name}: {problem}")
                continue
            key = (made.english, made.file == FRAMES)
            if key in found:
                faults.append(f"{file.name}: “{english}” stands in {found[key].file} already")
            found[key] = made
    if faults:
        raise ValueError("; ".join(faults))
    return list(found.values())


def entry(english: str, *other: str, file: str = "") -> Entry:
    """One sentence; blanks at its ends do not count. Raises ValueError when the two do not fit."""
    pattern = Pattern.of(english)
    if not pattern.weight:
        raise ValueError(f"“{english}” has no words of its own")
    forms = tuple(Form.of(form.strip(), len(pattern.around) - 1) for form in other)
    return Entry(english.strip(), pattern, forms, file)


def read(text: str) -> Iterator[tuple[str, list[str]]]:
    """The pairs of a file, in order, also where an English one stands twice; the other one may be a
    list of forms."""
    root = yaml.compose(text, Loader=yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader)
    for key, value in root.value if isinstance(root, yaml.MappingNode) else ():
        forms = value.value if isinstance(value, yaml.SequenceNode) else [value]
        yield str(key.value), [str(form.value) for form in forms]


def _folder(language: str) -> Traversable:
    return files("bot.language") / language
