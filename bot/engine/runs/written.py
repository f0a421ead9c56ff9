"""What a run wrote to the cluster, in words, for whoever has to go on from there."""

from __future__ import annotations

from collections.abc import Collection

from bot.engine.world.cluster_proxy import ChangedObject
from bot.text import Listed, Text, counted

LEFT = Text("What it did before the restart stays: `status` shows what is in place.")

MOST_NAMED = 6
"""Objects that are named; the others are counted."""


def list_objects(objects: Collection[ChangedObject]) -> Listed:
    """Return the first objects by kind and name, and how many more there are."""
    named = list(dict.fromkeys(f"{each.kind.kind} {each.name}" for each in objects))
    left = len(named) - MOST_NAMED
    if left <= 0:
        return Listed(named, "comma")
    more = counted("{n} more", "{n} more", n=left)
    return Listed([*named[:MOST_NAMED], more], "comma")


def describe_written(objects: Collection[ChangedObject]) -> Text:
    """Return a sentence that says what a run wrote before it failed, or that it wrote nothing."""
    if not objects:
        return Text("Nothing was written to the cluster.")
    return describe_left(objects)


def describe_left(objects: Collection[ChangedObject]) -> Text:
    """Return a sentence that says what was written and stays."""
    return Text(
        "This was written to the cluster before, and stays: {objects}.",
        objects=list_objects(objects),
    )
