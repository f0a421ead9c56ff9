"""The fields of Kubernetes' own types: what unknown fields and wrong types are told by, and what
`kubectl explain` shows.

`built_in_fields.yaml`, which `scripts/built_in_fields.py` writes from a real API server's
documents, names for each kind its type, and for each type its fields as `NAME[!]:TYPE`. A TYPE is a
plain word (`string`, `boolean`, `int32`, `int64`, `double`, and `any` for what is not looked into),
`@NAME` for another type, and after `[]` and `{}` what a list or map holds. A type without fields
takes anything.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sandbox.cluster.contract import Object
from sandbox.yaml_text import read_yaml

PREFIX = "io.k8s."
_FILE = Path(__file__).with_suffix(".yaml")
_WORDS = {"int32": "integer", "int64": "integer", "double": "number"}
_SCALARS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "int32": (int,),
    "int64": (int,),
    "double": (int, float),
}
_GO_WORDS = {"boolean": "bool", "double": "float64"}


class WrongTypeError(Exception):
    """A value of another type than its field's, in the words of Go's decoder."""


@functools.cache
def _load() -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Return the type of each `VERSION KIND`, and the fields of each type."""
    content = read_yaml(_FILE.read_text(encoding="utf-8"))
    types = {
        name: dict(field.split(":", 1) for field in (fields or "").split())
        for name, fields in content["types"].items()
    }
    return content["kinds"], types


def find_type(api_version: str, kind: str) -> str:
    """Return the name of a kind's type; "" for one that is not known."""
    return _load()[0].get(f"{api_version} {kind}", "")


@functools.cache
def _read_fields(name: str) -> Mapping[str, str]:
    return {field.removesuffix("!"): kind for field, kind in _load()[1].get(name, {}).items()}


def prune_unknown_fields(obj: Object, name: str, path: str = "") -> Iterator[str]:
    """Drop what a type does not have (changed in place); yield the path of each field.

    Raises WrongTypeError for a value of another type.
    """
    fields = _read_fields(name)
    if not fields:
        return
    for key in list(obj):
        place = f"{path}.{key}" if path else key
        if key not in fields:
            del obj[key]
            yield place
        elif obj[key] is not None:
            yield from _prune_value(obj[key], fields[key], place, owner=name)


def _prune_value(value: Any, kind: str, path: str, *, owner: str) -> Iterator[str]:
    if kind.startswith("[]"):
        _require(value, list, kind, path, owner=owner)
        for index, item in enumerate(value):
            yield from _prune_value(item, kind[2:], f"{path}[{index}]", owner=owner)
    elif kind.startswith("{}"):
        _require(value, dict, kind, path, owner=owner)
        for key, item in value.items():
            # Go names the map, not the key, where a plain value is wrong.
            place = f"{path}.{key}" if "@" in kind else path
            yield from _prune_value(item, kind[2:], place, owner=owner)
    elif kind.startswith("@"):
        if _read_fields(kind[1:]):
            _require(value, dict, kind, path, owner=owner)
            yield from prune_unknown_fields(value, kind[1:], path)
    elif value is not None and kind in _SCALARS:
        _require(value, _SCALARS[kind], kind, path, owner=owner)


def _require(
    value: Any, wanted: type | tuple[type, ...], kind: str, path: str, *, owner: str
) -> None:
    flag = isinstance(value, bool) and wanted != (bool,)
    if isinstance(value, wanted) and not flag:
        return
    field = ".".join(part.partition("[")[0] for part in path.split("."))
    struct = owner.rpartition(".")[2]
    raise WrongTypeError(
        f"json: cannot unmarshal {_name_json_type(value)} into Go struct field {struct}.{field} "
        f"of type {_name_go_type(kind)}"
    )


def _name_json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    names = {str: "string", int: "number", float: "number", list: "array", dict: "object"}
    return names.get(type(value), "null")


def _name_go_type(kind: str) -> str:
    if kind.startswith("[]"):
        return "[]" + _name_go_type(kind[2:])
    if kind.startswith("{}"):
        return "map[string]" + _name_go_type(kind[2:])
    return ".".join(kind[1:].split(".")[-2:]) if kind[0] == "@" else _GO_WORDS.get(kind, kind)


@functools.cache
def build_schemas(*names: str) -> dict[str, Object]:
    """Return the OpenAPI v3 schemas of these types and of all that they refer to, by name; they
    are shared by all who ask."""
    schemas: dict[str, Object] = {}
    left = list(names)
    while left:
        name = left.pop()
        if f"{PREFIX}{name}" in schemas:
            continue
        fields = _load()[1].get(name, {})
        left += [kind.partition("@")[2] for kind in fields.values() if "@" in kind]
        schemas[f"{PREFIX}{name}"] = _build_schema(name, fields)
    return schemas


def _build_schema(name: str, fields: Mapping[str, str]) -> Object:
    if not fields:
        plain = name.rpartition(".")[2] in ("Time", "MicroTime", "Quantity", "IntOrString")
        return {"type": "string"} if plain else {"type": "object"}
    properties = {field.removesuffix("!"): _build_field(kind) for field, kind in fields.items()}
    required = [field[:-1] for field in fields if field.endswith("!")]
    return {
        "type": "object",
        "properties": properties,
        **({"required": required} if required else {}),
    }


def _build_field(kind: str) -> Object:
    if kind.startswith("[]"):
        return {"type": "array", "items": _build_field(kind[2:])}
    if kind.startswith("{}"):
        return {"type": "object", "additionalProperties": _build_field(kind[2:])}
    if kind.startswith("@"):
        return {"allOf": [{"$ref": f"#/components/schemas/{PREFIX}{kind[1:]}"}]}
    if kind == "any":
        return {"type": "object"}
    return {"type": _WORDS[kind], "format": kind} if kind in _WORDS else {"type": kind}
