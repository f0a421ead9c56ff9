"""Where the nodes of a graph stand: in columns from left to right, the versions of an application
below each other, everything else by name.

A place depends on names, columns and who calls whom at all, never on the order or the amount of
calls, so that two pictures of the same services can be compared.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from bot.drawings import NodeKind
from bot.pictures.graph_drawing import EdgeDrawing, NodeDrawing

MOST_ROWS = 7
"""Nodes below each other that can still be read."""
MOST_COLUMNS = 9


class Item(NamedTuple):
    """What is placed as one: a node, or an application's Service with its versions behind it."""

    name: str
    head: NodeDrawing | None
    versions: tuple[NodeDrawing, ...] = ()

    @property
    def is_outside(self) -> bool:
        """Tell whether it is no part of the mesh."""
        return self.head is not None and self.head.shape == NodeKind.OUTSIDE

    @property
    def height(self) -> int:
        """How many rows it takes."""
        return max(len(self.versions), 1)


class Places(NamedTuple):
    """The column and row of each node, and how many there are of both; rows may be halves."""

    at: Mapping[str, tuple[float, float]]
    columns: int
    rows: float


def place_nodes(nodes: Sequence[NodeDrawing], edges: Iterable[EdgeDrawing]) -> Places:
    """Return the places of all nodes."""
    calls = sorted({(edge.source, edge.target) for edge in edges})
    columns = choose_columns(nodes, calls)
    items = defaultdict[int, list[Item]](list)
    for item in sorted(build_items(nodes), key=lambda each: sort_naturally(each.name)):
        first = item.head or item.versions[0]
        items[columns[first.id]].append(item)
    split = split_tall_columns(items)
    heights = [sum(item.height for item in column) for column in split]
    beside = [sum(i.height for i in column if i.head and i.versions) for column in split]
    rows = max(h + b for h, b in zip(heights, [0, *beside], strict=False))
    at = dict[str, tuple[float, float]]()
    taken = defaultdict[int, set[int]](set)
    for number, column in enumerate(split):
        place_column(number, column, rows, at, taken)
    return Places(at, max((int(x) for x, _ in at.values()), default=0) + 1, float(rows))


def place_column(
    number: int,
    items: Sequence[Item],
    rows: int,
    at: dict[str, tuple[float, float]],
    taken: dict[int, set[int]],
) -> None:
    """Place the items of a column below each other, in the middle, around what is taken."""
    # What is outside comes and goes, and stands below the others without moving them.
    items = sorted(items, key=lambda item: item.is_outside)
    total = sum(item.height for item in items)
    inner = sum(item.height for item in items if not item.is_outside) or total
    row = min((rows - inner - len(taken[number])) / 2, rows - total)
    # Whole rows where versions of the column before stand: nothing may lie between two of them.
    row = math.floor(row) if taken[number] or any(item.versions for item in items) else row
    for item in items:
        while taken[number] & set(range(math.floor(row), math.ceil(row + item.height))):
            row += 1
        first = number + 1 if item.head else number
        for index, version in enumerate(item.versions):
            at[version.id] = (first, row + index)
            taken[first].add(math.floor(row) + index)
        if item.head:
            at[item.head.id] = (number, row + (item.height - 1) / 2)
        row += item.height


def build_items(nodes: Iterable[NodeDrawing]) -> list[Item]:
    """Return the nodes, the Service of an application together with its versions."""
    groups = defaultdict[str, list[NodeDrawing]](list)
    for node in nodes:
        # A node without a group is one of its own; no name in a cluster holds a NUL.
        groups[node.group or f"\0{node.id}"].append(node)
    found = list[Item]()
    for members in groups.values():
        heads = [node for node in members if node.shape == NodeKind.SPLIT]
        others = sorted(
            (node for node in members if node.shape != NodeKind.SPLIT),
            key=lambda node: sort_naturally(node.words),
        )
        if len(heads) == 1 and others:
            found.append(Item(heads[0].words, heads[0], tuple(others)))
        else:
            found += [Item(node.words, node) for node in members]
    return found


def choose_columns(
    nodes: Sequence[NodeDrawing], calls: Sequence[tuple[str, str]]
) -> dict[str, int]:
    """Return each node's column: its own, else as many as there are calls on the way to it."""
    depths = measure_depths(sorted(node.id for node in nodes), calls)
    return {
        node.id: node.column if node.column >= 0 else min(depths[node.id], MOST_COLUMNS - 1)
        for node in nodes
    }


def measure_depths(names: Sequence[str], calls: Collection[tuple[str, str]]) -> dict[str, int]:
    """Return the length of the longest way to each; of a circle, the first by name begins it."""
    depths, left = dict.fromkeys(names, 0), list(names)
    waiting = {
        name: {source for source, target in calls if target == name and source != name}
        for name in names
    }
    while left:
        free = [name for name in left if not waiting[name] & set(left)]
        for name in free or left[:1]:
            left.remove(name)
            for source, target in calls:
                if source == name and target in left:
                    depths[target] = max(depths[target], depths[name] + 1)
    return depths


def split_tall_columns(items: Mapping[int, list[Item]]) -> list[list[Item]]:
    """Return the columns in their order, empty ones too, tall ones as several beside each other."""
    columns = list[list[Item]]()
    for number in range(max(items, default=-1) + 1):
        columns.append([])
        for item in items.get(number, ()):
            height = sum(each.height for each in columns[-1])
            if columns[-1] and height + item.height > MOST_ROWS:
                columns.append([])
            columns[-1].append(item)
    return columns


def sort_naturally(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key by which v10 comes after v9."""
    return tuple(
        (1, int(part), "") if part.isdigit() else (0, 0, part.lower())
        for part in re.split(r"(\d+)", name)
        if part
    )
