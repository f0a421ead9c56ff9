"""Differences between two states of an object, in words."""

from __future__ import annotations

import difflib

from bot.kinds import Object
from bot.knowledge.objects.workloads import get_name
from bot.text import Text, verbatim


def describe_object(obj: Object) -> str:
    """Return an object's kind and name, such as `Deployment istiod`."""
    return f"{obj['kind']} {get_name(obj)}"


def describe_differences(before: object, after: object, path: str = "") -> list[Text]:
    """Return where two trees differ: texts of several lines line by line, anything else as
    `path: old → new`.
    """
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        keys = [*before, *(k for k in after if k not in before)]
        return [
            line
            for k in keys
            for line in describe_differences(before.get(k), after.get(k), f"{path}.{k}".lstrip("."))
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [
            line
            for i, (b, a) in enumerate(zip(before, after, strict=True))
            for line in describe_differences(b, a, f"{path}[{i}]")
        ]
    if isinstance(before, list) and isinstance(after, list):
        return [
            Text(
                "{path}: {before} → {after} entries",
                path=path.removeprefix("spec.template.spec."),
                before=len(before),
                after=len(after),
            )
        ]
    if isinstance(before, str) and isinstance(after, str) and "\n" in before + after:
        lines = difflib.ndiff(before.splitlines(), after.splitlines())
        changes = (
            f"{line[0]} {line[2:].strip().rstrip(',')}".replace("- ", "− ", 1)
            for line in lines
            if line[0] in "+-"
        )
        return [verbatim(change) for change in dict.fromkeys(changes)]
    short = path.removeprefix("spec.template.spec.").removeprefix("spec.")
    return [
        Text(
            "{path}: {before} → {after}",
            path=short,
            before=shorten_value(before),
            after=shorten_value(after),
        )
    ]


def shorten_value(value: object) -> Text:
    """Return a value as text of at most 60 characters."""
    if value is None:
        return Text("nothing")
    text = str(value)
    return verbatim(text if len(text) <= 60 else text[:59] + "…")
