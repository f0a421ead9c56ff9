"""Sets of fields in the form that `managedFields` shows (`fieldsV1`), and how two versions of an
object differ.

A set is a nested dict: `f:name` a field, `k:{…}` an item of a keyed list, `v:…` an item of a set.
An empty dict is a member; a dict with children is a member too when it has the key `.`. Sets are
never changed in place, so they share.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from sandbox.cluster.merging.merge_keys import SchemaNode

FieldSet = dict[str, Any]
_MEMBER: Final[FieldSet] = {}
Path = tuple[str, ...]


class _Missing:
    """Stands for a value that is not there (None is JSON's null)."""


MISSING: Final = _Missing()


def is_member(node: FieldSet) -> bool:
    """Tell whether the path that leads here belongs to the set itself."""
    return not node or "." in node


def _build_node(*, member: bool, children: FieldSet) -> FieldSet | None:
    if not children:
        return _MEMBER if member else None
    return {".": _MEMBER, **children} if member else children


def _combine_children(
    left: FieldSet,
    right: FieldSet,
    choose: Callable[[FieldSet | None, FieldSet | None], FieldSet | None],
) -> FieldSet:
    out: FieldSet = {}
    for key in [*left, *(key for key in right if key not in left)]:
        if key != "." and (chosen := choose(left.get(key), right.get(key))) is not None:
            out[key] = chosen
    return out


def union(left: FieldSet, right: FieldSet) -> FieldSet:
    """Return the fields that are in either set."""
    if not left or not right or left is right:
        return left or right
    return _combine_children(left, right, _union_nodes)


def _union_nodes(left: FieldSet | None, right: FieldSet | None) -> FieldSet | None:
    if left is None or right is None or left is right:
        return right if left is None else left
    return _build_node(
        member=is_member(left) or is_member(right),
        children=_combine_children(left, right, _union_nodes),
    )


def difference(left: FieldSet, right: FieldSet) -> FieldSet:
    """Return the fields that are in the first set and not in the second."""
    return left if not left or not right else _combine_children(left, right, _subtract_nodes)


def _subtract_nodes(left: FieldSet | None, right: FieldSet | None) -> FieldSet | None:
    if left is None or right is None:
        return left
    member = is_member(left) and not is_member(right)
    return _build_node(member=member, children=_combine_children(left, right, _subtract_nodes))


def intersection(left: FieldSet, right: FieldSet) -> FieldSet:
    """Return the fields that are in both sets."""
    return _combine_children(left, right, _intersect_nodes) if left and right else {}


def _intersect_nodes(left: FieldSet | None, right: FieldSet | None) -> FieldSet | None:
    if left is None or right is None:
        return None
    member = is_member(left) and is_member(right)
    return _build_node(member=member, children=_combine_children(left, right, _intersect_nodes))


def remove_branches(left: FieldSet, right: FieldSet) -> FieldSet:
    """Return the first set without what is at or under a member of the second.

    This is for fields that were removed.
    """
    return _combine_children(left, right, _remove_branch) if left and right else left


def _remove_branch(left: FieldSet | None, right: FieldSet | None) -> FieldSet | None:
    if left is None or right is None:
        return left
    if is_member(right):
        return None
    return _build_node(
        member=is_member(left), children=_combine_children(left, right, _remove_branch)
    )


def walk_paths(fields: FieldSet, prefix: Path = ()) -> Iterator[Path]:
    """Yield each member of the set as a path."""
    for key in sorted(key for key in fields if key != "."):
        below = fields[key]
        if is_member(below):
            yield (*prefix, key)
        yield from walk_paths(below, (*prefix, key))


def format_path(path: Path) -> str:
    """Format a path as Kubernetes writes it: `.spec.ports[port=80,protocol="TCP"].name`."""
    return "".join(_format_path_part(part) for part in path)


def _format_path_part(part: str) -> str:
    form, _, text = part.partition(":")
    if form == "f":
        return f".{text}"
    if form == "v":
        return f"[={text}]"
    pairs = json.loads(text).items()
    return "[" + ",".join(f"{key}={json.dumps(value)}" for key, value in pairs) + "]"


def build_item_key(item: Any, node: SchemaNode) -> str:
    """Return the key that tells one item of a keyed list or a set apart."""
    if node.is_set:
        return "v:" + json.dumps(item, separators=(",", ":"))
    values = {key: item.get(key, node.key_defaults.get(key)) for key in node.keys}
    found = {key: value for key, value in sorted(values.items()) if value is not None}
    return "k:" + json.dumps(found, separators=(",", ":"))


def can_merge_items(node: SchemaNode, *values: Any) -> bool:
    """Tell whether these lists are merged item by item."""
    if not (node.keys or node.is_set) or node.atomic:
        return False
    items = [item for value in values if isinstance(value, list) for item in value]
    return all(
        value is MISSING or value is None or isinstance(value, list) for value in values
    ) and (node.is_set or all(isinstance(item, dict) for item in items))


def can_merge_fields(node: SchemaNode, *values: Any) -> bool:
    """Tell whether these maps are merged field by field."""
    return not node.atomic and all(
        value is MISSING or value is None or isinstance(value, dict) for value in values
    )


def build_field_set(value: Any, node: SchemaNode) -> FieldSet:
    """Return the set of fields that an applied configuration speaks about."""
    if isinstance(value, dict):
        children = ((f"f:{name}", sub, node.get_child(name)) for name, sub in value.items())
    else:
        children = ((build_item_key(sub, node), sub, node.item) for sub in value)
    return {
        key: _build_nested_set(sub, sub_node, item=not key.startswith("f:"))
        for key, sub, sub_node in children
    }


def _build_nested_set(value: Any, node: SchemaNode, *, item: bool) -> FieldSet:
    if isinstance(value, dict) and value and not node.atomic:
        children = build_field_set(value, node)
        return {".": _MEMBER, **children} if item else children
    if isinstance(value, list) and value and can_merge_items(node, value):
        return build_field_set(value, node)
    return _MEMBER


def compare_objects(old: Any, new: Any, node: SchemaNode) -> tuple[FieldSet, FieldSet]:
    """Return the fields that were added or changed, and those removed, between two versions."""
    changed, removed = _compare_values(old, new, node)
    return changed or {}, removed or {}


_Pair = tuple[FieldSet | None, FieldSet | None]


def _compare_values(old: Any, new: Any, node: SchemaNode) -> _Pair:
    if old is new or old == new:
        return None, None
    if can_merge_items(node, old, new):
        return _compare_children(
            old, new, _index_items(old, node), _index_items(new, node), lambda _: node.item
        )
    if can_merge_fields(node, old, new) and (old or new):
        return _compare_children(
            old, new, _index_fields(old), _index_fields(new), lambda key: node.get_child(key[2:])
        )
    if new is MISSING:
        return None, _MEMBER
    return _MEMBER, None


def _index_items(value: Any, node: SchemaNode) -> dict[str, Any]:
    return {build_item_key(item, node): item for item in value} if isinstance(value, list) else {}


def _index_fields(value: Any) -> dict[str, Any]:
    return {f"f:{key}": sub for key, sub in value.items()} if isinstance(value, dict) else {}


def _compare_children(
    old: Any,
    new: Any,
    olds: dict[str, Any],
    news: dict[str, Any],
    place: Callable[[str], SchemaNode],
) -> _Pair:
    changed: FieldSet = {}
    removed: FieldSet = {}
    for key in {**olds, **news}:
        more, less = _compare_values(olds.get(key, MISSING), news.get(key, MISSING), place(key))
        if more is not None:
            changed[key] = more
        if less is not None:
            removed[key] = less
    return _build_node(member=old is MISSING, children=changed), _build_node(
        member=new is MISSING, children=removed
    )


def remove_fields(value: Any, fields: FieldSet, node: SchemaNode) -> Any:
    """Return the value without the members of a set.

    What becomes empty by that goes too (MISSING).
    """
    if isinstance(value, dict):
        kept = {}
        for name, sub in value.items():
            below = _remove_nested(sub, fields.get(f"f:{name}"), node.get_child(name))
            if below is not MISSING:
                kept[name] = below
        return kept or MISSING
    items = [_remove_nested(sub, fields.get(build_item_key(sub, node)), node.item) for sub in value]
    return [item for item in items if item is not MISSING] or MISSING


def _remove_nested(value: Any, fields: FieldSet | None, node: SchemaNode) -> Any:
    if fields is None:
        return value
    if is_member(fields):
        return MISSING
    mergeable = isinstance(value, dict) or (
        isinstance(value, list) and can_merge_items(node, value)
    )
    return remove_fields(value, fields, node) if mergeable else value
