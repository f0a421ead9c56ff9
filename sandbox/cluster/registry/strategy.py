"""Strategies: from a request's object to what is stored.

Server-owned metadata, defaults, subresources, field managers.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.cluster.admission.pods import generate_name_suffix
from sandbox.cluster.api_refusals import (
    UnknownFieldError,
    bad_request_error,
    conflict_error,
    invalid_error,
    unreadable_body_error,
)
from sandbox.cluster.contract import ApiError, Object
from sandbox.cluster.crds import cel_rules
from sandbox.cluster.crds import schema as crd_schema
from sandbox.cluster.kinds import Kind
from sandbox.cluster.merging import managed_fields, merge_keys
from sandbox.cluster.merging.managed_fields import UPDATE, ManagedFieldsEntry
from sandbox.cluster.merging.merge_keys import SchemaNode
from sandbox.cluster.operations import Target, WriteOptions
from sandbox.cluster.registry import built_in_fields, conversions, defaults, validation

_NAME_LIMIT = 63
_NOT_FROM_CLIENTS = (
    "resourceVersion",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
)
_SERVER_OWNED = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",  # noqa: E501
                 "generation", "generateName", "resourceVersion")  # fmt: skip


def get_merge_schema(target: Target) -> SchemaNode:
    """Return the merge rules of the target's type."""
    if target.kind.custom:
        return target.kind.get_version_info(target.version).schema
    return merge_keys.get_builtin_schema(target.kind.kind)


def build_writer_entry(
    target: Target, write: WriteOptions, now: str, operation: str = UPDATE
) -> ManagedFieldsEntry:
    """Return the managedFields entry that a write goes under."""
    return ManagedFieldsEntry(
        write.manager, operation, target.api_version, target.subresource, now, {}
    )


def decode_object(target: Target, obj: Any, write: WriteOptions) -> Object:
    """Return a copy of a request's object that fits the target, without unknown fields.

    Raises ApiError(400) when it does not fit.
    """
    if not isinstance(obj, dict):
        raise unreadable_body_error(target.kind, "unexpected end of JSON input (<empty>)")
    kind = target.kind
    if (
        obj.get("kind", kind.kind) != kind.kind
        or obj.get("apiVersion", target.api_version) != target.api_version
    ):
        raise bad_request_error(_describe_type_mismatch(target, obj))
    copied: Object = crd_schema.copy_json(obj) if kind.custom else defaults.strip_nulls(obj)
    copied["metadata"] = copied.get("metadata") or {}
    validation.check_metadata_types(kind, copied)
    copied["metadata"] = defaults.strip_nulls(copied["metadata"])
    _set_namespace(target, copied["metadata"])
    given = copied["metadata"].get("name", "")
    if target.name and given and given != target.name:
        raise bad_request_error(
            f"the name of the object ({given}) does not match the name on the URL ({target.name})"
        )
    if target.name:
        copied["metadata"]["name"] = target.name
    _drop_unknown_fields(target, copied, write)
    stored = conversions.convert_to_stored(kind, copied, target.api_version)
    version = "v1" if kind.stored_as else kind.api_version
    return {"apiVersion": version, "kind": kind.kind, **_strip_type(stored)}


def _drop_unknown_fields(target: Target, obj: Object, write: WriteOptions) -> None:
    """Drop what a type does not name (changed in place), and say so as the writer asks: raise
    UnknownFieldError, warn, or neither.

    Raises ApiError(400) where a field of a built-in type holds something else.
    """
    unknown = list(_prune_unknown_fields(target, obj))
    said = [f'unknown field "{path}"' for path in unknown]
    if said and write.field_validation == "Strict":
        raise UnknownFieldError(target.kind.kind, target.api_version.rpartition("/")[2], said)
    if write.field_validation == "Warn":
        write.warnings.extend(said)


def _prune_unknown_fields(target: Target, obj: Object) -> Iterator[str]:
    if target.kind.custom:
        for name, sub in _get_own_properties(target).items():
            if name in obj:
                yield from crd_schema.prune_unknown_fields(obj[name], sub, name)
    elif known := built_in_fields.find_type(target.api_version, target.kind.kind):
        try:
            yield from built_in_fields.prune_unknown_fields(obj, known)
        except built_in_fields.WrongTypeError as error:
            raise _build_decoding_error(target, str(error)) from error


def _build_decoding_error(target: Target, why: str) -> ApiError:
    kind, version = target.kind.kind, target.api_version.rpartition("/")[2]
    text = f'{kind} in version "{version}" cannot be handled as a {kind}: {why}'
    return bad_request_error(text)


def _set_namespace(target: Target, metadata: Object) -> None:
    """Put an object into the request's namespace (changed in place)."""
    if not target.kind.namespaced:
        metadata.pop("namespace", None)
    elif metadata.setdefault("namespace", target.namespace) != target.namespace:
        raise bad_request_error(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def _describe_type_mismatch(target: Target, obj: Object) -> str:
    found, wanted = obj.get("apiVersion"), target.api_version
    if found != wanted:
        return (
            f"the API version in the data ({found}) does not match the expected API version "
            f"({wanted})"
        )
    kind, version = obj.get("kind"), wanted.rpartition("/")[2]
    internal = f"{target.kind.group.split('.')[0] or 'core'}.{target.kind.kind}"
    why = f"converting ({version}.{kind}) to ({internal}): unknown conversion"
    return f'{kind} in version "{version}" cannot be handled as a {target.kind.kind}: {why}'


def _strip_type(obj: Object) -> Object:
    return {key: value for key, value in obj.items() if key not in ("apiVersion", "kind")}


def ensure_name(obj: Object, kind: Kind) -> None:
    """Give an object with only generateName its name (changed in place)."""
    metadata = obj["metadata"]
    if not metadata.get("name"):
        stem = metadata.get("generateName")
        if not stem:
            cause = (
                "metadata.name",
                "FieldValueRequired",
                "Required value: name or generateName is required",
            )
            raise invalid_error(kind, "", cause)
        metadata["name"] = stem[: _NAME_LIMIT - 5] + generate_name_suffix()


def prepare_new_object(target: Target, obj: Object, now: str) -> Object:
    """Return a new object with the metadata that the server owns, and with its defaults."""
    kind = target.kind
    metadata = {
        key: value for key, value in obj["metadata"].items() if key not in _NOT_FROM_CLIENTS
    }
    metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": now}
    if kind.generation:
        metadata["generation"] = 1
    else:
        metadata.pop("generation", None)
    out = {**obj, "metadata": metadata}
    if "status" in kind.subresources and not _keeps_initial_status(kind):
        out.pop("status", None)
    set_defaults(target, out)
    return out


def _keeps_initial_status(kind: Kind) -> bool:
    """Tell whether new objects of the type keep their status.

    Nodes are registered with theirs; every other type starts without.
    """
    return kind.kind == "Node" and not kind.custom


def track_creation(target: Target, new: Object, write: WriteOptions, now: str) -> Object:
    """Return a new object whose creator owns what the request brought and its defaults.

    Status and what the server chooses (a namespace's finalizer, a Service's address family)
    belong to nobody.
    """
    kind = target.kind
    empty = {"metadata": {}} if kind.custom else merge_keys.get_empty_skeleton(kind.kind)
    ignored = (
        {"status"} if "status" in kind.subresources and not _keeps_initial_status(kind) else set()
    )
    seen = {key: value for key, value in new.items() if key not in ignored}
    chosen: set[str] = set() if kind.custom else _CHOSEN.get(kind.kind, set())
    if chosen and isinstance(seen.get("spec"), dict):
        seen["spec"] = {key: value for key, value in seen["spec"].items() if key not in chosen}
    live = {key: value for key, value in empty.items() if key not in ignored}
    owned = managed_fields.track_update(
        live, seen, get_merge_schema(target), build_writer_entry(target, write, now)
    )
    return {**new, "metadata": owned["metadata"]}


_CHOSEN = {
    "Job": {"selector"},
    "Namespace": {"finalizers"},
    "Service": {"ipFamilies", "ipFamilyPolicy"},
}


def set_defaults(target: Target, obj: Object) -> None:
    """Fill in the defaults of the type (changed in place)."""
    if target.kind.custom:
        crd_schema.apply_property_defaults(obj, _get_own_properties(target))
    else:
        defaults.set_builtin_defaults(obj)


def validate_object(target: Target, obj: Object, old: Object | None) -> None:
    """Raise ApiError(422) for an object that Kubernetes would not store."""
    validation.check_object(target.kind, obj, old)
    if target.kind.custom:
        openapi = target.kind.get_version_info(target.version).openapi or {}
        body = {key: value for key, value in obj.items() if key not in _COMMON}
        found = list(
            crd_schema.find_schema_causes(
                body, {**openapi, "properties": _get_own_properties(target)}
            )
        )
        found += list(cel_rules.find_rule_causes(target.kind, body, found))
        if found:
            raise invalid_error(target.kind, obj["metadata"].get("name", ""), *found)


_COMMON = ("apiVersion", "kind", "metadata")


def _get_own_properties(target: Target) -> Mapping[str, Any]:
    """Return the schema of a custom type's own fields, without those that all objects have."""
    properties = (target.kind.get_version_info(target.version).openapi or {}).get(
        "properties"
    ) or {}
    return {name: sub for name, sub in properties.items() if name not in _COMMON}


def require_current_version(target: Target, new: Object, live: Object) -> None:
    """Raise ApiError(409) when an update was made from another version (optimistic locking)."""
    metadata, current = new["metadata"], live["metadata"]
    if metadata.get("uid") and metadata["uid"] != current["uid"]:
        why = (
            "StorageError: invalid object, Code: 4, "
            f"Key: /registry/{target.kind.plural}/{target.namespace}/{target.name}, "
            f"ResourceVersion: 0, "
            f"AdditionalErrorMsg: Precondition failed: UID in precondition: {metadata['uid']}, "
            f"UID in object meta: {current['uid']}"
        )
        raise conflict_error(target.kind, target.name, why)
    given = metadata.get("resourceVersion")
    if given and given != current["resourceVersion"]:
        raise conflict_error(target.kind, target.name)


def prepare_update(
    target: Target, live: Object, new: Object, write: WriteOptions, now: str
) -> Object:
    """Return what an update stores.

    Only the part that its (sub)resource may change differs, and its writer owns it.
    """
    out = _limit_to_subresource(target, live, new)
    metadata = out["metadata"]
    for key in _SERVER_OWNED:
        if key in live["metadata"]:
            metadata[key] = live["metadata"][key]
        else:
            metadata.pop(key, None)
    if not target.subresource:
        set_defaults(target, out)
    return bump_generation(
        target,
        live,
        managed_fields.track_update(
            live, out, get_merge_schema(target), build_writer_entry(target, write, now)
        ),
    )


def prepare_apply(
    target: Target, live: Object, config: Object, write: WriteOptions, now: str
) -> Object:
    """Return what a server-side apply stores; raise ApiError(409) on conflicts."""
    entry = build_writer_entry(target, write, now, managed_fields.APPLY)
    out = managed_fields.apply_configuration(
        live, config, get_merge_schema(target), entry, force=write.force
    )
    out = crd_schema.copy_json(_limit_to_subresource(target, live, out))
    for key in _SERVER_OWNED:
        if key in live["metadata"]:
            out["metadata"][key] = live["metadata"][key]
    if not target.subresource:
        set_defaults(target, out)
    return bump_generation(target, live, out)


def _limit_to_subresource(target: Target, live: Object, new: Object) -> Object:
    kind = target.kind
    if target.subresource == "status":
        metadata = new["metadata"] if not kind.custom else live["metadata"]
        metadata = {**metadata, "managedFields": new["metadata"].get("managedFields")}
        out = {
            **live,
            "metadata": {key: value for key, value in metadata.items() if value is not None},
        }
        out.pop("status", None)
        return {**out, "status": new["status"]} if "status" in new else out
    if target.subresource == "scale":
        return {**live, "metadata": dict(live["metadata"]), "spec": new["spec"]}
    if target.subresource == "finalize":
        spec = {
            **(live.get("spec") or {}),
            "finalizers": (new.get("spec") or {}).get("finalizers") or [],
        }
        return {**live, "metadata": dict(live["metadata"]), "spec": spec}
    out = {**new, "metadata": dict(new["metadata"])}
    if "status" in kind.subresources:
        out.pop("status", None)
        if "status" in live:
            out["status"] = live["status"]
    return out


TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
"""The annotation in which Kubernetes counts the changes of a DaemonSet's pod template."""


def bump_generation(target: Target, live: Object, new: Object) -> Object:
    """Return the object with its generation counted up when the desired state changed.

    Metadata and status do not count.
    """
    if not target.kind.generation or "generation" not in live["metadata"]:
        return new
    if _select_desired_state(target.kind, live) == _select_desired_state(target.kind, new):
        return new
    metadata = {**new["metadata"], "generation": live["metadata"]["generation"] + 1}
    if target.kind.kind == "DaemonSet" and _get_template(live) != _get_template(new):
        count = int((metadata.get("annotations") or {}).get(TEMPLATE_GENERATION, "1"))
        metadata["annotations"] = {
            **(metadata.get("annotations") or {}),
            TEMPLATE_GENERATION: str(count + 1),
        }
    return {**new, "metadata": metadata}


def _get_template(obj: Object) -> Any:
    return (obj.get("spec") or {}).get("template")


def _select_desired_state(kind: Kind, obj: Object) -> Object:
    ignored = (
        ("metadata", "status")
        if not kind.custom or "status" in kind.subresources
        else ("metadata",)
    )
    return {key: value for key, value in obj.items() if key not in ignored}
