"""Sets of fields in the form that `managedFields` shows (`fieldsV1`), and how two versions of an object differ.

A set is a nested dict: `f:name` a field, `k:{…}` an item of a keyed list, `v:…` an item of a set. An empty dict is a
member; a dict with children is a member too when it has the key `.`. Sets are never changed in place, so they share.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from bot.sandbox.cluster.schema import Node

FieldSet = dict[str, Any]
_MEMBER: Final[FieldSet] = {}
Path = tuple[str, ...]


class _Missing:
    """Stands for a value that is not there (None is JSON's null)."""


MISSING: Final = _Missing()


def is_member(node: FieldSet) -> bool:
    """Whether the path that leads here belongs to the set itself."""
    return not node or "." in node


def _build(*, member: bool, children: FieldSet) -> FieldSet | None:
    if not children:
        return _MEMBER if member else None
    return {".": _MEMBER, **children} if member else children


def _combine(
    left: FieldSet, right: FieldSet, choose: Callable[[FieldSet | None, FieldSet | None], FieldSet | None]
) -> FieldSet:
    out: FieldSet = {}
    for key in [*left, *(key for key in right if key not in left)]:
        if key != "." and (chosen := choose(left.get(key), right.get(key))) is not None:
            out[key] = chosen
    return out


def union(left: FieldSet, right: FieldSet) -> FieldSet:
    """What is in either."""
    if not left or not right or left is right:
        return left or right
    return _combine(left, right, _union_node)


def _union_node(left: FieldSet | None, right: FieldSet | None) -> FieldSet | None:
    if left is None or right is None or left is right:
        return right if left is None else left
    return _build(member=is_member(left) or is_member(right), children=_combine(left, right, _union_node))


def difference(left: FieldSet, right: FieldSet) -> FieldSet:
    """What is in the first and not in the second."""
    return left if not left or not right else _combine(left, right, _difference_node)


def _difference_node(left: FieldSet | None, right: FieldSet | None) -> FieldSet | None:
    if left is None or right is None:
        return left
    member = is_member(left) and not is_member(right)
    return _build(member=member, children=_combine(left, right, _difference_node))


def intersection(left: FieldSet, right: FieldSet) -> FieldSet:
    """What is in both."""
    return _combine(left, right, _intersection_node) if left and right else {}


def _intersection_node(left: FieldSet | None, right: FieldSet | None) -> FieldSet | None:
    if left is None or right is None:
        return None
    member = is_member(left) and is_member(right)
    return _build(member=member, children=_combine(left, right, _intersection_node))


def without_branches(left: FieldSet, right: FieldSet) -> FieldSet:
    """What is in the first and not at or under a member of the second (for things that were removed)."""
    return _combine(left, right, _without_branch) if left and right else left


def _without_branch(left: FieldSet | None, right: FieldSet | None) -> FieldSet | None:
    if left is None or right is None:
        return left
    if is_member(right):
        return None
    return _build(member=is_member(left), children=_combine(left, right, _without_branch))


def paths(fields: FieldSet, prefix: Path = ()) -> Iterator[Path]:
    """Each member as a path."""
    for key in sorted(key for key in fields if key != "."):
        below = fields[key]
        if is_member(below):
            yield (*prefix, key)
        yield from paths(below, (*prefix, key))


def shown(path: Path) -> str:
    """A path as Kubernetes writes it: `.spec.ports[port=80,protocol="TCP"].name`."""
    return "".join(_shown_part(part) for part in path)


def _shown_part(part: str) -> str:
    form, _, text = part.partition(":")
    if form == "f":
        return f".{text}"
    if form == "v":
        return f"[={text}]"
    pairs = json.loads(text).items()
    return "[" + ",".join(f"{key}={json.dumps(value)}" for key, value in pairs) + "]"


def item_key(item: Any, node: Node) -> str:
    """What tells one item of a keyed list or a set apart."""
    if node.is_set:
        return "v:" + json.dumps(item, separators=(",", ":"))
    values = {key: item.get(key, node.key_defaults.get(key)) for key in node.keys}
    found = {key: value for key, value in sorted(values.items()) if value is not None}
    return "k:" + json.dumps(found, separators=(",", ":"))


def merges_items(node: Node, *values: Any) -> bool:
    """Whether these lists are merged item by item."""
    if not (node.keys or node.is_set) or node.atomic:
        return False
    items = [item for value in values if isinstance(value, list) for item in value]
    return all(value is MISSING or value is None or isinstance(value, list) for value in values) and (
        node.is_set or all(isinstance(item, dict) for item in items)
    )


def merges_fields(node: Node, *values: Any) -> bool:
    """Whether these maps are merged field by field."""
    return not node.atomic and all(value is MISSING or value is None or isinstance(value, dict) for value in values)


def fields_of(value: Any, node: Node) -> FieldSet:
    """The fields that an applied configuration speaks about."""
    if isinstance(value, dict):
        children = ((f"f:{name}", sub, node.child(name)) for name, sub in value.items())
    else:
        children = ((item_key(sub, node), sub, node.item) for sub in value)
    return {key: _fields_below(sub, sub_node, item=not key.startswith("f:")) for key, sub, sub_node in children}


def _fields_below(value: Any, node: Node, *, item: bool) -> FieldSet:
    if isinstance(value, dict) and value and not node.atomic:
        children = fields_of(value, node)
        return {".": _MEMBER, **children} if item else children
    if isinstance(value, list) and value and merges_items(node, value):
        return fields_of(value, node)
    return _MEMBER


def compare(old: Any, new: Any, node: Node) -> tuple[FieldSet, FieldSet]:
    """Which fields were added or changed, and which were removed, between two versions of an object."""
    changed, removed = _compare(old, new, node)
    return changed or {}, removed or {}


_Pair = tuple[FieldSet | None, FieldSet | None]


def _compare(old: Any, new: Any, node: Node) -> _Pair:
    if old is new or old == new:
        return None, None
    if merges_items(node, old, new):
        return _compare_children(old, new, _items(old, node), _items(new, node), lambda _: node.item)
    if merges_fields(node, old, new) and (old or new):
        return _compare_children(old, new, _fields(old), _fields(new), lambda key: node.child(key[2:]))
    if new is MISSING:
        return None, _MEMBER
    return _MEMBER, None


def _items(value: Any, node: Node) -> dict[str, Any]:
    return {item_key(item, node): item for item in value} if isinstance(value, list) else {}


def _fields(value: Any) -> dict[str, Any]:
    return {f"f:{key}": sub for key, sub in value.items()} if isinstance(value, dict) else {}


def _compare_children(
    old: Any, new: Any, olds: dict[str, Any], news: dict[str, Any], place: Callable[[str], Node]
) -> _Pair:
    changed: FieldSet = {}
    removed: FieldSet = {}
    for key in {**olds, **news}:
        more, less = _compare(olds.get(key, MISSING), news.get(key, MISSING), place(key))
        if more is not None:
            changed[key] = more
        if less is not None:
            removed[key] = less
    return _build(member=old is MISSING, children=changed), _build(member=new is MISSING, children=removed)


def remove(value: Any, fields: FieldSet, node: Node) -> Any:
    """The value without the members of a set; what becomes empty by that goes too (MISSING)."""
    if isinstance(value, dict):
        kept = {}
        for name, sub in value.items():
            below = _remove_below(sub, fields.get(f"f:{name}"), node.child(name))
            if below is not MISSING:
                kept[name] = below
        return kept or MISSING
    items = [_remove_below(sub, fields.get(item_key(sub, node)), node.item) for sub in value]
    return [item for item in items if item is not MISSING] or MISSING


def _remove_below(value: Any, fields: FieldSet | None, node: Node) -> Any:
    if fields is None:
        return value
    if is_member(fields):
        return MISSING
    mergeable = isinstance(value, dict) or (isinstance(value, list) and merges_items(node, value))
    return remove(value, fields, node) if mergeable else value
