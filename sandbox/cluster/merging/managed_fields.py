"""Field ownership: `managedFields` for updates, and server-side apply with its conflicts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from sandbox.cluster.contract import ApiError, Object
from sandbox.cluster.merging import field_sets
from sandbox.cluster.merging.field_sets import MISSING, FieldSet
from sandbox.cluster.merging.merge_keys import SchemaNode

APPLY, UPDATE = "Apply", "Update"
_UNTRACKED_META = frozenset(
    {"name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink",  # noqa: E501
     "deletionTimestamp", "deletionGracePeriodSeconds"}
)  # fmt: skip


@dataclass(frozen=True)
class ManagedFieldsEntry:
    """One entry of managedFields."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""
    time: str = ""
    fields: FieldSet | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """The key by which writes share an entry."""
        return self.name, self.operation, self.api_version, self.subresource

    @property
    def owned(self) -> FieldSet:
        return self.fields or {}

    def format_for_conflict(self) -> str:
        """Return the manager's name as a conflict message shows it."""
        text = f'"{self.name}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        if self.operation == UPDATE:
            text += f" using {self.api_version}"
        return text

    def to_object(self) -> Object:
        """Return the entry as `managedFields` holds it."""
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


def read_managed_fields(obj: Object) -> list[ManagedFieldsEntry]:
    """Return the managedFields entries of an object."""
    return [
        ManagedFieldsEntry(
            name=entry.get("manager", ""),
            operation=entry.get("operation", UPDATE),
            api_version=entry.get("apiVersion", ""),
            subresource=entry.get("subresource", ""),
            time=entry.get("time", ""),
            fields=entry.get("fieldsV1") or {},
        )
        for entry in obj.get("metadata", {}).get("managedFields") or ()
    ]


def write_managed_fields(obj: Object, managers: Iterable[ManagedFieldsEntry]) -> Object:
    """Return a copy of the object with these entries; its other parts are shared."""
    kept = sorted(
        (each for each in managers if each.owned),
        key=lambda each: (each.operation, each.time, each.name, each.subresource),
    )
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    if kept:
        metadata["managedFields"] = [each.to_object() for each in kept]
    return {**obj, "metadata": metadata}


def _select_tracked_fields(obj: Object) -> Object:
    metadata = {
        key: value
        for key, value in (obj.get("metadata") or {}).items()
        if key not in _UNTRACKED_META
    }
    return {
        **{key: value for key, value in obj.items() if key not in ("apiVersion", "kind")},
        "metadata": metadata,
    }


def track_update(live: Object, new: Object, node: SchemaNode, writer: ManagedFieldsEntry) -> Object:
    """Return the new object with its entries after a write that is not an apply.

    `live` may be an empty skeleton.
    """
    if writer.operation == UPDATE and new.get("metadata", {}).get("managedFields") == []:
        return write_managed_fields(
            new, ()
        )  # an explicit empty list resets ownership, as Kubernetes documents
    # Whoever names the managers sets them; who leaves them out does not take them away.
    given = [] if writer.subresource else read_managed_fields(new)
    managers = given or read_managed_fields(live)
    changed, removed = field_sets.compare_objects(
        _select_tracked_fields(live), _select_tracked_fields(new), node
    )
    if not changed and not removed:
        return write_managed_fields(new, managers)
    return write_managed_fields(new, _update_entries(managers, writer, changed, removed))


def _update_entries(
    managers: list[ManagedFieldsEntry],
    writer: ManagedFieldsEntry,
    changed: FieldSet,
    removed: FieldSet,
) -> list[ManagedFieldsEntry]:
    out: list[ManagedFieldsEntry] = []
    mine = next((each for each in managers if each.key == writer.key), None)
    for each in managers:
        if each.key == writer.key:
            continue
        left = field_sets.remove_branches(field_sets.difference(each.owned, changed), removed)
        out.append(replace(each, fields=left))
    before = mine.owned if mine else {}
    owned = field_sets.remove_branches(field_sets.union(before, changed), removed)
    out.append(
        replace(writer, fields=owned, time=mine.time if mine and owned == before else writer.time)
    )
    return out


def apply_configuration(
    live: Object, config: Object, node: SchemaNode, writer: ManagedFieldsEntry, *, force: bool
) -> Object:
    """Return the object that a server-side apply makes of `live` (which may be empty).

    Raises ApiError(409) on conflicts.
    """
    managers = read_managed_fields(live)
    mine = next((each for each in managers if each.key == writer.key), None)
    wanted = field_sets.build_field_set(_select_tracked_fields(config), node)
    wanted = {key: value for key, value in wanted.items() if value or key != "f:metadata"}
    merged = merge_applied(live, config, node)
    others = [each for each in managers if each.key != writer.key]
    if mine:
        merged = _remove_given_up_fields(merged, mine, wanted, others, node)
    changed, removed = field_sets.compare_objects(
        _select_tracked_fields(live), _select_tracked_fields(merged), node
    )
    others = _resolve_conflicts(
        others, field_sets.intersection(wanted, changed), removed, force=force
    )
    time = mine.time if mine and mine.owned == wanted else writer.time
    return write_managed_fields(merged, [*others, replace(writer, fields=wanted, time=time)])


def _remove_given_up_fields(
    merged: Object,
    mine: ManagedFieldsEntry,
    wanted: FieldSet,
    others: list[ManagedFieldsEntry],
    node: SchemaNode,
) -> Object:
    """Remove what this manager applied before, no longer applies, and nobody else owns."""
    owned = wanted
    for each in others:
        owned = field_sets.union(owned, each.owned)
    given_up = _keep_owned_parents(field_sets.difference(mine.owned, owned), owned)
    kept = field_sets.remove_fields(
        {k: v for k, v in merged.items() if k not in ("apiVersion", "kind")}, given_up, node
    )
    metadata = {
        **(kept.get("metadata") or {} if kept is not MISSING else {}),
        **_select_untracked_metadata(merged),
    }
    rest = kept if kept is not MISSING else {}
    return {
        "apiVersion": merged["apiVersion"],
        "kind": merged["kind"],
        **rest,
        "metadata": metadata,
    }


def _select_untracked_metadata(obj: Object) -> Object:
    return {key: value for key, value in obj["metadata"].items() if key in _UNTRACKED_META}


def _keep_owned_parents(given_up: FieldSet, owned: FieldSet) -> FieldSet:
    """Return the given-up members without those under which somebody still owns something."""
    out: FieldSet = {}
    for key, below in given_up.items():
        if key == ".":
            continue
        if key in owned and owned[key]:
            children = _keep_owned_parents(below, owned[key])
            if children:
                out[key] = children
        else:
            out[key] = below
    return out


def _resolve_conflicts(
    others: list[ManagedFieldsEntry], changed: FieldSet, removed: FieldSet, *, force: bool
) -> list[ManagedFieldsEntry]:
    found = [
        (each, lost) for each in others if (lost := field_sets.intersection(each.owned, changed))
    ]
    if found and not force:
        raise _build_conflict_error(
            [(each, path) for each, lost in found for path in field_sets.walk_paths(lost)]
        )
    return [
        replace(
            each,
            fields=field_sets.remove_branches(field_sets.difference(each.owned, changed), removed),
        )
        for each in others
    ]


def _build_conflict_error(found: list[tuple[ManagedFieldsEntry, field_sets.Path]]) -> ApiError:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {manager.format_for_conflict()}",
            "field": field_sets.format_path(path),
        }
        for manager, path in found
    ]
    if len(found) == 1:
        text = f"Apply failed with 1 conflict: {causes[0]['message']}: {causes[0]['field']}"
    else:
        by_manager: dict[str, list[str]] = {}
        for manager, path in found:
            by_manager.setdefault(manager.format_for_conflict(), []).append(
                field_sets.format_path(path)
            )
        lines = [
            line
            for name in sorted(by_manager)
            for line in (f"conflicts with {name}:", *(f"- {path}" for path in by_manager[name]))
        ]
        text = f"Apply failed with {len(found)} conflicts: " + "\n".join(lines)
    return ApiError(409, "Conflict", text, {"causes": causes})


def merge_applied(live: Any, config: Any, node: SchemaNode) -> Any:
    """Return what server-side apply makes of a live value and an applied one."""
    if isinstance(config, dict) and isinstance(live, dict) and not node.atomic:
        out = dict(live)
        for name, value in config.items():
            out[name] = merge_applied(live.get(name, MISSING), value, node.get_child(name))
        return out
    if (
        isinstance(config, list)
        and isinstance(live, list)
        and field_sets.can_merge_items(node, config, live)
    ):
        return _merge_items(live, config, node)
    return config


def _merge_items(live: list[Any], config: list[Any], node: SchemaNode) -> list[Any]:
    """Merge two lists in the applied order.

    Items of the live list alone keep their old place before the next item of both.
    """
    old = {field_sets.build_item_key(item, node): item for item in live}
    new = {field_sets.build_item_key(item, node): item for item in config}
    out: list[Any] = []
    waiting = list(old)
    for key, item in new.items():
        while key in waiting:
            if (first := waiting.pop(0)) not in new:
                out.append(old[first])
        out.append(merge_applied(old.get(key, MISSING), item, node.item))
    return [*out, *(old[key] for key in waiting if key not in new)]
