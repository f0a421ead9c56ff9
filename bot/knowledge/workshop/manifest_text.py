"""Applied objects, as manifests that a person can read and apply by hand.

These are lines for a terminal and the same in all languages: comments are commands, not prose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from bot.kinds import Object
from bot.records import BeforeImage, Change

MAX_CHARACTERS = 2800
"""Characters of manifests in one answer: a section of Slack takes 3000."""
MAX_VALUE_CHARACTERS = 400
"""Characters of one value (a whole file in a ConfigMap) that are printed."""


@dataclass(frozen=True)
class PrintedManifests:
    """Lines of YAML, and the objects that did not fit, each as `Kind name`."""

    lines: tuple[str, ...]
    left_out: tuple[str, ...]


def describe_image(image: BeforeImage) -> str:
    """Return an image's kind and name, such as `Gateway bookinfo-gateway`."""
    return f"{image.kind.kind} {image.name}"


def select_images(change: Change, only: str) -> list[BeforeImage]:
    """Return the objects whose kind, plural or name is that word; all when it is empty."""
    word = only.lower()
    return [
        i
        for i in change.images
        if not word or word in (i.name.lower(), i.kind.kind.lower(), i.kind.plural)
    ]


def format_manifests(images: Sequence[BeforeImage]) -> PrintedManifests:
    """Return the manifests in the order of application, as many as fit; the first always, cut
    when it must be.
    """
    lines, left, used = list[str](), list[str](), 0
    for image in images:
        text = format_manifest(image)
        size = sum(map(measure_line, text))
        if lines and used + size > MAX_CHARACTERS:
            left.append(describe_image(image))
            continue
        if size > MAX_CHARACTERS:
            text, size = truncate_lines(text), MAX_CHARACTERS
        lines += text
        used += size
    return PrintedManifests(tuple(lines), tuple(left))


def measure_line(line: str) -> int:
    """Return the characters that a line takes in Slack, where `&`, `<` and `>` are written as
    entities.
    """
    return len(line) + 4 * sum(map(line.count, "&<>")) + 1


def truncate_lines(lines: Sequence[str]) -> list[str]:
    """Return as many lines as fit, and one that counts the rest."""
    kept, used = list[str](), 0
    for line in lines:
        used += measure_line(line)
        if used > MAX_CHARACTERS - 40:
            break
        kept.append(line)
    return [*kept, f"# … +{len(lines) - len(kept)}"]


def format_manifest(image: BeforeImage) -> list[str]:
    """Return one object as lines of YAML, which is a patch when it was merged; a comment says what
    a person would type for a patch and for a deletion.
    """
    if image.after is None:
        return ["---", f"# kubectl delete {format_target(image)}"]
    patch = "kind" not in image.after
    head = [f"# kubectl patch {format_target(image)} --type=merge --patch-file=…"] if patch else []
    text = yaml.safe_dump(
        shorten_manifest(image.after), sort_keys=False, allow_unicode=True, width=110
    )
    return ["---", *head, *text.replace("```", "'''").splitlines()]


def format_target(image: BeforeImage) -> str:
    """Return an object as kubectl's arguments name it, also where another group has its kind."""
    resource = ".".join(filter(None, (image.kind.plural, image.kind.group)))
    place = f" -n {image.namespace}" if image.namespace else ""
    return f"{resource} {image.name}{place}"


def shorten_manifest(value: Object) -> Object:
    """Return a manifest whose long texts are cut."""
    return {k: shorten_texts(v) for k, v in value.items()}


def shorten_texts(value: object) -> object:
    """Return any part of a manifest with its long texts cut."""
    if isinstance(value, str) and len(value) > MAX_VALUE_CHARACTERS:
        return f"{value[:MAX_VALUE_CHARACTERS]}… +{len(value) - MAX_VALUE_CHARACTERS}"
    if isinstance(value, dict):
        return {k: shorten_texts(v) for k, v in value.items()}
    return [shorten_texts(v) for v in value] if isinstance(value, list) else value
