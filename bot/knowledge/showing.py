"""What the bot applied, as manifests that a person can read and apply by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from bot.kinds import Object
from bot.records import Change, Image

ROOM = 2800
"""Characters of manifests in one answer: a section of Slack takes 3000."""
LONG = 400
"""Characters of one value (a whole file in a ConfigMap) that are printed."""


@dataclass(frozen=True)
class Printed:
    """Lines of YAML, and the objects that did not fit, each as `Kind name`."""

    lines: tuple[str, ...]
    left_out: tuple[str, ...]


def called(image: Image) -> str:
    """`Gateway bookinfo-gateway`."""
    return f"{image.kind.kind} {image.name}"


def chosen(change: Change, only: str) -> list[Image]:
    """The objects whose kind or name begins with that word; all when there is none."""
    word = only.lower()
    return [i for i in change.images if not word or word in (i.name.lower(), i.kind.kind.lower(), i.kind.plural)]


def printed(images: Sequence[Image]) -> Printed:
    """The manifests in the order of application, as many as fit; the first always, cut when it must be."""
    lines, left, used = list[str](), list[str](), 0
    for image in images:
        text = manifest(image)
        size = sum(map(weight, text))
        if lines and used + size > ROOM:
            left.append(called(image))
            continue
        if size > ROOM:
            text, size = cut(text), ROOM
        lines += text
        used += size
    return Printed(tuple(lines), tuple(left))


def weight(line: str) -> int:
    """Characters that a line takes in Slack, where `&`, `<` and `>` are written as entities."""
    return len(line) + 4 * sum(map(line.count, "&<>")) + 1


def cut(lines: Sequence[str]) -> list[str]:
    """As many lines as there is room for."""
    kept, used = list[str](), 0
    for line in lines:
        used += weight(line)
        if used > ROOM - 40:
            break
        kept.append(line)
    return [*kept, f"# … and {len(lines) - len(kept)} more lines"]


def manifest(image: Image) -> list[str]:
    """One object as YAML, or what was done to it."""
    place = f" -n {image.namespace}" if image.namespace else ""
    if image.after is None:
        return ["---", f"# {called(image)}{place}: deleted"]
    patch = "kind" not in image.after
    head = [f"# {called(image)}{place}: merged into what was there"] if patch else []
    text = yaml.safe_dump(shortened(image.after), sort_keys=False, allow_unicode=True, width=110)
    return ["---", *head, *text.replace("```", "'''").splitlines()]


def shortened(value: Object) -> Object:
    """A manifest whose long texts are cut."""
    return {k: short(v) for k, v in value.items()}


def short(value: object) -> object:
    """Any part of a manifest, its long texts cut."""
    if isinstance(value, str) and len(value) > LONG:
        return f"{value[:LONG]}… ({len(value)} characters)"
    if isinstance(value, dict):
        return {k: short(v) for k, v in value.items()}
    return [short(v) for v in value] if isinstance(value, list) else value
