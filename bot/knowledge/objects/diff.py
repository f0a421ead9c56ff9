"""Differences between two states of an object: where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bot.kinds import Object
from bot.knowledge.objects.ownership import Path
from bot.knowledge.objects.workloads import get_name


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
