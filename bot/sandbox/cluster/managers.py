"""Who owns which field: `managedFields` for updates, and server-side apply with its conflicts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from bot.sandbox.cluster import fieldsets
from bot.sandbox.cluster.contract import ApiError, Object
from bot.sandbox.cluster.fieldsets import MISSING, FieldSet
from bot.sandbox.cluster.schema import Node

APPLY, UPDATE = "Apply", "Update"
_UNTRACKED_META = frozenset(
    {"name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink",
     "deletionTimestamp", "deletionGracePeriodSeconds"}
)  # fmt: skip


@dataclass(frozen=True)
class Manager:
    """One entry of managedFields."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""
    time: str = ""
    fields: FieldSet | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Writes of the same key share an entry."""
        return self.name, self.operation, self.api_version, self.subresource

    @property
    def owned(self) -> FieldSet:
        return self.fields or {}

    def shown(self) -> str:
        """As a conflict names it."""
        text = f'"{self.name}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        if self.operation == UPDATE:
            text += f" using {self.api_version}"
        return text

    def entry(self) -> Object:
        """As managedFields holds it."""
        out: Object = {
            "manager": self.name,
            "operation": self.operation,
            "apiVersion": self.api_version,
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": self.owned,
        }
        if self.subresource:
            out["subresource"] = self.subresource
        return out


def read(obj: Object) -> list[Manager]:
    """The entries of an object."""
    return [
        Manager(
            name=entry.get("manager", ""),
            operation=entry.get("operation", UPDATE),
            api_version=entry.get("apiVersion", ""),
            subresource=entry.get("subresource", ""),
            time=entry.get("time", ""),
            fields=entry.get("fieldsV1") or {},
        )
        for entry in obj.get("metadata", {}).get("managedFields") or ()
    ]


def write(obj: Object, managers: Iterable[Manager]) -> Object:
    """The object with these entries (a copy; its other parts are shared)."""
    kept = sorted(
        (each for each in managers if each.owned),
        key=lambda each: (each.operation, each.time, each.name, each.subresource),
    )
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    if kept:
        metadata["managedFields"] = [each.entry() for each in kept]
    return {**obj, "metadata": metadata}


def _tracked(obj: Object) -> Object:
    metadata = {key: value for key, value in (obj.get("metadata") or {}).items() if key not in _UNTRACKED_META}
    return {**{key: value for key, value in obj.items() if key not in ("apiVersion", "kind")}, "metadata": metadata}


def after_update(live: Object, new: Object, node: Node, writer: Manager) -> Object:
    """The new object with its entries, after a write that is not an apply. `live` may be an empty skeleton."""
    if writer.operation == UPDATE and new.get("metadata", {}).get("managedFields") == []:
        return write(new, ())  # an explicit empty list resets ownership, as Kubernetes documents
    managers = read(live)
    changed, removed = fieldsets.compare(_tracked(live), _tracked(new), node)
    if not changed and not removed:
        return write(new, managers)
    return write(new, _settled(managers, writer, changed, removed))


def _settled(managers: list[Manager], writer: Manager, changed: FieldSet, removed: FieldSet) -> list[Manager]:
    out: list[Manager] = []
    mine = next((each for each in managers if each.key == writer.key), None)
    for each in managers:
        if each.key == writer.key:
            continue
        left = fieldsets.without_branches(fieldsets.difference(each.owned, changed), removed)
        out.append(replace(each, fields=left))
    before = mine.owned if mine else {}
    owned = fieldsets.without_branches(fieldsets.union(before, changed), removed)
    out.append(replace(writer, fields=owned, time=mine.time if mine and owned == before else writer.time))
    return out


def after_apply(live: Object, config: Object, node: Node, writer: Manager, *, force: bool) -> Object:
    """The object that a server-side apply makes of `live` (which may be empty). Raises ApiError(409) on conflicts."""
    managers = read(live)
    mine = next((each for each in managers if each.key == writer.key), None)
    wanted = fieldsets.fields_of(_tracked(config), node)
    wanted = {key: value for key, value in wanted.items() if value or key != "f:metadata"}
    merged = merge(live, config, node)
    others = [each for each in managers if each.key != writer.key]
    if mine:
        merged = _without_given_up(merged, mine, wanted, others, node)
    changed, removed = fieldsets.compare(_tracked(live), _tracked(merged), node)
    others = _after_conflicts(others, fieldsets.intersection(wanted, changed), removed, force=force)
    time = mine.time if mine and mine.owned == wanted else writer.time
    return write(merged, [*others, replace(writer, fields=wanted, time=time)])


def _without_given_up(merged: Object, mine: Manager, wanted: FieldSet, others: list[Manager], node: Node) -> Object:
    """Drops what this manager applied before, no longer applies, and nobody else owns."""
    owned = wanted
    for each in others:
        owned = fieldsets.union(owned, each.owned)
    given_up = _childless(fieldsets.difference(mine.owned, owned), owned)
    kept = fieldsets.remove({k: v for k, v in merged.items() if k not in ("apiVersion", "kind")}, given_up, node)
    metadata = {**(kept.get("metadata") or {} if kept is not MISSING else {}), **_untracked(merged)}
    rest = kept if kept is not MISSING else {}
    return {"apiVersion": merged["apiVersion"], "kind": merged["kind"], **rest, "metadata": metadata}


def _untracked(obj: Object) -> Object:
    return {key: value for key, value in obj["metadata"].items() if key in _UNTRACKED_META}


def _childless(given_up: FieldSet, owned: FieldSet) -> FieldSet:
    """Members under which somebody still owns something stay."""
    out: FieldSet = {}
    for key, below in given_up.items():
        if key == ".":
            continue
        if key in owned and owned[key]:
            children = _childless(below, owned[key])
            if children:
                out[key] = children
        else:
            out[key] = below
    return out


def _after_conflicts(others: list[Manager], changed: FieldSet, removed: FieldSet, *, force: bool) -> list[Manager]:
    found = [(each, lost) for each in others if (lost := fieldsets.intersection(each.owned, changed))]
    if found and not force:
        raise _conflict([(each, path) for each, lost in found for path in fieldsets.paths(lost)])
    return [
        replace(each, fields=fieldsets.without_branches(fieldsets.difference(each.owned, changed), removed))
        for each in others
    ]


def _conflict(found: list[tuple[Manager, fieldsets.Path]]) -> ApiError:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {manager.shown()}",
            "field": fieldsets.shown(path),
        }
        for manager, path in found
    ]
    if len(found) == 1:
        text = f"Apply failed with 1 conflict: {causes[0]['message']}: {causes[0]['field']}"
    else:
        by_manager: dict[str, list[str]] = {}
        for manager, path in found:
            by_manager.setdefault(manager.shown(), []).append(fieldsets.shown(path))
        lines = [
            line
            for name in sorted(by_manager)
            for line in (f"conflicts with {name}:", *(f"- {path}" for path in by_manager[name]))
        ]
        text = f"Apply failed with {len(found)} conflicts: " + "\n".join(lines)
    return ApiError(409, "Conflict", text, {"causes": causes})


def merge(live: Any, config: Any, node: Node) -> Any:
    """What server-side apply makes of a live value and an applied one."""
    if isinstance(config, dict) and isinstance(live, dict) and not node.atomic:
        out = dict(live)
        for name, value in config.items():
            out[name] = merge(live.get(name, MISSING), value, node.child(name))
        return out
    if isinstance(config, list) and isinstance(live, list) and fieldsets.merges_items(node, config, live):
        return _merge_items(live, config, node)
    return config


def _merge_items(live: list[Any], config: list[Any], node: Node) -> list[Any]:
    """The applied order, with what only the live list has at its old place before the next item of both."""
    old = {fieldsets.item_key(item, node): item for item in live}
    new = {fieldsets.item_key(item, node): item for item in config}
    out: list[Any] = []
    waiting = list(old)
    for key, item in new.items():
        while key in waiting:
            if (first := waiting.pop(0)) not in new:
                out.append(old[first])
        out.append(merge(old.get(key, MISSING), item, node.item))
    return [*out, *(old[key] for key in waiting if key not in new)]
