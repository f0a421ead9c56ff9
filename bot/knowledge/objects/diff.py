"""Differences between two states of an object, in words."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import NamedTuple

from bot.kinds import Object
from bot.knowledge.objects.ownership import Path
from bot.knowledge.objects.workloads import get_name
from bot.text import Text, counted, verbatim


def describe_object(obj: Object) -> str:
    """Return an object's kind and name, such as `Deployment istiod`."""
    return f"{obj['kind']} {get_name(obj)}"


class Difference(NamedTuple):
    """A field that differs; a list is one field where it has become longer or shorter."""

    path: Path
    before: object
    after: object


def find_differences(before: object, after: object, path: Path = ()) -> list[Difference]:
    """Return where two trees differ."""
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        keys = [*before, *(k for k in after if k not in before)]
        return [
            found
            for k in keys
            for found in find_differences(before.get(k), after.get(k), (*path, k))
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [
            found
            for i, (b, a) in enumerate(zip(before, after, strict=True))
            for found in find_differences(b, a, (*path, i))
        ]
    return [Difference(path, before, after)]


def find_losses(before: object, after: object, path: Path = ()) -> list[Difference]:
    """Return what of one tree is not in another, or is another there; what is only added is no
    loss.

    Lists are looked into: items that have a name are compared with those of the same name, others
    with those in the same place.
    """
    if isinstance(before, list) and isinstance(after, list):
        others = dict(key_items(after))
        pairs = [(key, item, others.get(key)) for key, item in key_items(before)]
        return [loss for key, b, a in pairs for loss in find_losses(b, a, (*path, key))]
    if isinstance(before, dict) and isinstance(after, dict):
        return [loss for k in before for loss in find_losses(before[k], after.get(k), (*path, k))]
    return [] if before is None or before == after else [Difference(path, before, after)]


def key_items(items: Sequence[object]) -> list[tuple[str | int, object]]:
    """Return the items of a list by their names, such as `[v1]`, or else by their places."""
    names = [f"[{item.get('name')}]" for item in items if isinstance(item, dict) and "name" in item]
    if len(set(names)) == len(items):
        return list(zip(names, items, strict=True))
    return list(enumerate(items))


def describe_differences(before: object, after: object) -> list[Text]:
    """Return where two trees differ: texts of several lines line by line, anything else as
    `path: old → new`.
    """
    return [
        line for found in find_differences(before, after) for line in describe_difference(found)
    ]


def describe_difference(found: Difference) -> list[Text]:
    """Return one difference in words: for a text of several lines, each line that comes or goes."""
    before, after = found.before, found.after
    short = format_path(found.path).removeprefix("spec.template.spec.")
    if isinstance(before, list) and isinstance(after, list):
        return [
            counted(
                "{path}: {before} → {n} entry",
                "{path}: {before} → {n} entries",
                path=short,
                before=len(before),
                n=len(after),
            )
        ]
    if isinstance(before, str) and isinstance(after, str) and "\n" in before + after:
        return describe_lines(before, after)
    return [
        Text(
            "{path}: {before} → {after}",
            path=short.removeprefix("spec."),
            before=shorten_value(before),
            after=shorten_value(after),
        )
    ]


def describe_lines(before: str, after: str) -> list[Text]:
    """Return the lines of a text that come and go, each once."""
    changes = (
        f"{line[0]} {line[2:].strip().rstrip(',')}".replace("- ", "− ", 1)
        for line in difflib.ndiff(before.splitlines(), after.splitlines())
        if line[0] in "+-"
    )
    return [verbatim(change) for change in dict.fromkeys(changes)]


def format_path(path: Path) -> str:
    """Return the way to a field as people write it: `spec.http[0].route`."""
    parts = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(parts).replace(".[", "[").removeprefix(".")


def shorten_value(value: object) -> Text:
    """Return a value as text of at most 60 characters."""
    if value is None:
        return Text("nothing")
    text = str(value)
    return verbatim(text if len(text) <= 60 else text[:59] + "…")
