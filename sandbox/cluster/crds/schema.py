"""Defaulting and validation of custom objects by their CRD's structural schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

Openapi = Mapping[str, Any]
Cause = tuple[str, str, str]


def copy_json(value: Any) -> Any:
    """Return a deep copy of a JSON value."""
    if isinstance(value, dict):
        return {key: copy_json(sub) for key, sub in value.items()}
    if isinstance(value, list):
        return [copy_json(sub) for sub in value]
    return value


def apply_schema_defaults(value: Any, schema: Openapi) -> None:
    """Fill in the schema's defaults (changed in place).

    A null that the schema does not allow is replaced too.
    """
    if isinstance(value, dict):
        apply_property_defaults(value, schema.get("properties") or {})
        extra = schema.get("additionalProperties")
        if isinstance(extra, dict):
            for sub_value in value.values():
                apply_schema_defaults(sub_value, extra)
    elif isinstance(value, list):
        for item in value if schema.get("items") else ():
            apply_schema_defaults(item, schema["items"])


def apply_property_defaults(value: dict[str, Any], properties: Openapi) -> None:
    """Fill in the defaults of an object's own properties and below (changed in place)."""
    for name, sub in properties.items():
        if (
            "default" in sub
            and value.get(name) is None
            and not (name in value and sub.get("nullable"))
        ):
            value[name] = copy_json(sub["default"])
        if name in value:
            apply_schema_defaults(value[name], sub)


_PYTHON = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def find_schema_causes(value: Any, schema: Openapi, field: str = "") -> Iterator[Cause]:
    """Yield what the schema refuses: types, required fields, enums, patterns, bounds.

    CEL rules are not evaluated.
    """
    if schema.get("x-kubernetes-int-or-string"):
        return
    if value is None:
        if not schema.get("nullable") and schema.get("type"):
            yield _build_type_cause(schema["type"], field, "null")
        return
    wanted = schema.get("type")
    if wanted in _PYTHON and not _has_json_type(value, wanted):
        yield _build_type_cause(wanted, field, _name_json_type(value))
        return
    yield from _find_value_causes(value, schema, field)
    yield from _find_nested_causes(value, schema, field)


def _has_json_type(value: Any, wanted: str) -> bool:
    if isinstance(value, bool):
        return wanted == "boolean"
    if wanted == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _PYTHON[wanted])


def _name_json_type(value: Any) -> str:
    return next((name for name in _PYTHON if _has_json_type(value, name)), "null")


def _build_type_cause(wanted: str, field: str, found: str) -> Cause:
    why = f'{field} in body must be of type {wanted}: "{found}"'
    return field, "FieldValueTypeInvalid", f'Invalid value: "{found}": {why}'


def _format_value(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str | dict | list | bool) else str(value)


def _find_value_causes(value: Any, schema: Openapi, field: str) -> Iterator[Cause]:
    allowed = schema.get("enum")
    if allowed and value not in allowed:
        names = ", ".join(json.dumps(each) for each in allowed)
        yield (
            field,
            "FieldValueNotSupported",
            f"Unsupported value: {_format_value(value)}: supported values: {names}",
        )
    if isinstance(value, str):
        yield from _find_text_causes(value, schema, field)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _find_number_causes(value, schema, field)
    elif isinstance(value, list):
        yield from _find_list_causes(value, schema, field)
    elif isinstance(value, dict):
        for name in schema.get("required") or ():
            if value.get(name) is None and not _is_nullable(schema, name):
                yield f"{field}.{name}" if field else name, "FieldValueRequired", "Required value"


def _is_nullable(schema: Openapi, name: str) -> bool:
    return bool((schema.get("properties") or {}).get(name, {}).get("nullable"))


def _find_text_causes(value: str, schema: Openapi, field: str) -> Iterator[Cause]:
    if len(value) > schema.get("maxLength", len(value)):
        yield (
            field,
            "FieldValueTooLong",
            f"Too long: may not be more than {schema['maxLength']} bytes",
        )
    if len(value) < schema.get("minLength", 0):
        why = f"{field} in body should be at least {schema['minLength']} chars long"
        yield field, "FieldValueInvalid", f"Invalid value: {_format_value(value)}: {why}"
    pattern = schema.get("pattern")
    if pattern and not re.search(pattern, value):
        why = f"{field} in body should match '{pattern}'"
        yield field, "FieldValueInvalid", f"Invalid value: {_format_value(value)}: {why}"


def _find_number_causes(value: float, schema: Openapi, field: str) -> Iterator[Cause]:
    if value < schema.get("minimum", value):
        why = f"{field} in body should be greater than or equal to {schema['minimum']}"
        yield field, "FieldValueInvalid", f"Invalid value: {value}: {why}"
    if value > schema.get("maximum", value):
        why = f"{field} in body should be less than or equal to {schema['maximum']}"
        yield field, "FieldValueInvalid", f"Invalid value: {value}: {why}"


def _find_list_causes(value: list[Any], schema: Openapi, field: str) -> Iterator[Cause]:
    if len(value) > schema.get("maxItems", len(value)):
        text = (
            f"Too many: {len(value)}: must have at most {schema['maxItems']} "
            f"item{'s' * (schema['maxItems'] != 1)}"
        )
        yield field, "FieldValueTooMany", text
    if len(value) < schema.get("minItems", 0):
        why = f"{field} in body should have at least {schema['minItems']} items"
        yield field, "FieldValueInvalid", f"Invalid value: {len(value)}: {why}"


def _find_nested_causes(value: Any, schema: Openapi, field: str) -> Iterator[Cause]:
    if isinstance(value, list) and schema.get("items"):
        for index, item in enumerate(value):
            yield from find_schema_causes(item, schema["items"], f"{field}[{index}]")
    if not isinstance(value, dict):
        return
    properties = schema.get("properties") or {}
    extra = schema.get("additionalProperties")
    for name, sub in value.items():
        place = properties.get(name) or (extra if isinstance(extra, dict) else None)
        missing = sub is None and name in (schema.get("required") or ())
        if place and not missing:
            yield from find_schema_causes(sub, place, f"{field}.{name}" if field else name)


def prune_unknown_fields(value: Any, schema: Openapi, field: str = "") -> Iterator[str]:
    """Drop what the schema does not name (changed in place); yield the path of each field.

    Below a part that keeps unknown fields, only named objects are pruned again.
    """
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from prune_unknown_fields(item, schema.get("items") or {}, f"{field}[{index}]")
    if not isinstance(value, dict) or "x-kubernetes-int-or-string" in schema:
        return
    properties, extra = schema.get("properties") or {}, schema.get("additionalProperties")
    keeps = bool(schema.get("x-kubernetes-preserve-unknown-fields")) or extra is True
    for name in list(value):
        path = f"{field}.{name}" if field else name
        if name in properties:
            yield from prune_unknown_fields(value[name], properties[name], path)
        elif isinstance(extra, dict):
            yield from prune_unknown_fields(value[name], extra, path)
        elif not keeps:
            del value[name]
            yield path
