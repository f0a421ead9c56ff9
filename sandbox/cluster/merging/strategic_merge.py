"""Kubernetes' strategic merge patch: it knows which lists are merged by key, and has `$`
directives."""

from __future__ import annotations

from typing import Any

from sandbox.cluster.api_refusals import bad_request_error
from sandbox.cluster.merging.merge_keys import SchemaNode

_ORDER, _DELETE_ITEMS = "$setElementOrder/", "$deleteFromPrimitiveList/"


def apply_strategic_merge(value: Any, patch: Any, node: SchemaNode) -> Any:
    """Return the patched value; raise ApiError(400) for a directive that is not known."""
    if not isinstance(patch, dict):
        return patch
    directive = patch.get("$patch")
    if directive == "replace":
        return {key: change for key, change in patch.items() if key != "$patch"}
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise bad_request_error(f"Unknown patch type found: {directive}")
    out = dict(value) if isinstance(value, dict) else {}
    _retain_keys(out, patch)
    for key, change in patch.items():
        if not key.startswith("$"):
            _set_field(out, key, change, patch=patch, node=node.get_child(key))
    _delete_items(out, patch)
    return out


def _set_field(
    out: dict[str, Any], key: str, change: Any, *, patch: dict[str, Any], node: SchemaNode
) -> None:
    if change is None:
        out.pop(key, None)
    elif isinstance(change, list):
        out[key] = _merge_list(out.get(key), change, node, patch.get(_ORDER + key))
    elif isinstance(change, dict):
        out[key] = apply_strategic_merge(out.get(key), change, node)
    else:
        out[key] = change


def _retain_keys(out: dict[str, Any], patch: dict[str, Any]) -> None:
    retained = patch.get("$retainKeys")
    if isinstance(retained, list):
        for key in [key for key in out if key not in retained]:
            del out[key]


def _delete_items(out: dict[str, Any], patch: dict[str, Any]) -> None:
    for key, gone in patch.items():
        if key.startswith(_DELETE_ITEMS):
            name = key.removeprefix(_DELETE_ITEMS)
            out[name] = [item for item in out.get(name) or [] if item not in gone]


def _merge_list(value: Any, change: list[Any], node: SchemaNode, order: Any) -> list[Any]:
    old = value if isinstance(value, list) else []
    if node.merge_set:
        merged = [*old, *(item for item in change if item not in old)]
        return _order_items(merged, "", order or change, old)
    key = node.merge_key
    if not key or not all(isinstance(item, dict) for item in (*old, *change)):
        return change
    if any(item.get("$patch") == "replace" for item in change):
        return [item for item in change if "$patch" not in item]
    return _merge_keyed_list(old, change, node, order)


def _merge_keyed_list(
    old: list[dict[str, Any]], change: list[dict[str, Any]], node: SchemaNode, order: Any
) -> list[Any]:
    key = node.merge_key
    merged = list(old)
    for item in change:
        if key not in item:
            raise bad_request_error(f"map: {item} does not contain declared merge key: {key}")
        at = next((index for index, each in enumerate(merged) if each.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            merged = [each for each in merged if each.get(key) != item[key]]
        elif at is None:
            merged.append(apply_strategic_merge({}, item, node.item))
        else:
            merged[at] = apply_strategic_merge(merged[at], item, node.item)
    return _order_items(merged, key, order or change, old)


def _order_items(merged: list[Any], key: str, patch_order: list[Any], old: list[Any]) -> list[Any]:
    """Sort the merged items into the patch's order.

    What the patch does not name stands where the old list had it, relative to what it does.
    """
    named = {_identify_item(item, key): rank for rank, item in enumerate(patch_order)}
    place = {_identify_item(item, key): index for index, item in enumerate(old)}
    first = sorted(
        (item for item in merged if _identify_item(item, key) in named),
        key=lambda item: named[_identify_item(item, key)],
    )
    rest = [item for item in merged if _identify_item(item, key) not in named]
    out: list[Any] = []
    while first and rest:
        before = place.get(_identify_item(rest[0], key), len(old)) < place.get(
            _identify_item(first[0], key), -1
        )
        out.append(rest.pop(0) if before else first.pop(0))
    return [*out, *first, *rest]


def _identify_item(item: Any, key: str) -> Any:
    return item.get(key) if key and isinstance(item, dict) else item
