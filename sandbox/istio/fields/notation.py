"""A short notation for structural schemas: which fields a kind has, and what each may hold.

A mapping lists fields by key. A key is `NAME`, then `!` where the field is required, `[]` for a
list of what follows or `{}` for a map of it, then bounds of its size, `by KEYS` (or `set`) where
apply tells a list's items apart, and `= DEFAULT`. A value is a mapping again, or a word for a plain
value:

    TYPE[?] [MIN..MAX] [(ONE|OF|THESE)] [= DEFAULT] [/PATTERN/]

`?` allows null, bounds are of the length of strings and the value of numbers, defaults are JSON.
Types are `string`, `integer`, `number`, `boolean`, `int-or-string`, and `any` for what is not
looked into. Among a mapping's keys, `*` says that unknown fields are kept, and `=` is its default.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]
_KEY = re.compile(
    r"(?P<name>[^!\[\]{} ]+)(?P<required>!?)(?P<form>\[\]|\{\})?(?P<null>\??)"
    r"(?: (?P<bounds>\d*\.\.\d*))?(?: by (?P<keys>\S+))?(?P<set> set)?(?P<atomic> atomic)?"
    r"(?: = (?P<default>.*))?"
)
_WORD = re.compile(
    r"(?P<type>[a-z-]+)(?P<null>\??)(?: (?P<bounds>-?[\d.e+]*?\.\.-?[\d.e+]*))?"
    r"(?: \((?P<enum>[^)]*)\))?(?: = (?P<default>.*?))?(?: /(?P<pattern>.*)/)?"
)
_OPEN = "x-kubernetes-preserve-unknown-fields"
_BOUNDS = {
    "string": ("minLength", "maxLength"),
    "integer": ("minimum", "maximum"),
    "number": ("minimum", "maximum"),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
}


def build_schema(fields: Mapping[str, Any]) -> Schema:
    """Return the structural schema (`openAPIV3Schema`) of an object with these fields.

    Raises ValueError for a key or a word that is none.
    """
    schema: Schema = {"type": "object"}
    properties: Schema = {}
    required: list[str] = []
    for key, value in fields.items():
        if key == "*":
            schema[_OPEN] = True
        elif key == "=":
            schema["default"] = value
        else:
            said = _match(_KEY, key)
            properties[said["name"]] = _build_field(said, value)
            required += [said["name"]] if said["required"] else []
    return (
        schema
        | ({"properties": properties} if properties else {})
        | ({"required": required} if required else {})
    )


def _match(pattern: re.Pattern[str], text: str) -> Mapping[str, Any]:
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError(f"no key or value of the notation: {text}")
    return found.groupdict()


def _build_field(said: Mapping[str, Any], value: Any) -> Schema:
    schema = build_schema(value) if isinstance(value, Mapping) else _build_plain(value)
    if said["form"] == "[]":
        schema = {"type": "array", "items": schema, **_build_list_type(said)}
    elif said["form"] == "{}":
        schema = {"type": "object", "additionalProperties": schema}
    elif said["atomic"]:
        schema["x-kubernetes-map-type"] = "atomic"
    if said["null"]:
        schema["nullable"] = True
    if said["default"] is not None:
        schema["default"] = json.loads(said["default"])
    return schema | _build_bounds(schema.get("type", ""), said["bounds"])


def _build_list_type(said: Mapping[str, Any]) -> Schema:
    if said["keys"]:
        keys = said["keys"].split(",")
        return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys}
    kind = "set" if said["set"] else "atomic" if said["atomic"] else ""
    return {"x-kubernetes-list-type": kind} if kind else {}


def _build_plain(word: str) -> Schema:
    said = _match(_WORD, word)
    if said["type"] == "any":
        schema: Schema = {"type": "object", _OPEN: True}
    elif said["type"] == "int-or-string":
        schema = {"x-kubernetes-int-or-string": True}
    else:
        schema = {"type": said["type"]}
    if said["null"]:
        schema["nullable"] = True
    if said["enum"] is not None:
        numbers = said["type"] in ("integer", "number")
        schema["enum"] = [int(v) if numbers else v for v in said["enum"].split("|")]
    if said["default"] is not None:
        schema["default"] = json.loads(said["default"])
    if said["pattern"] is not None:
        schema["pattern"] = said["pattern"]
    return schema | _build_bounds(said["type"], said["bounds"])


def _build_bounds(kind: str, bounds: str | None) -> Schema:
    least, _, most = (bounds or "").partition("..")
    low, high = _BOUNDS.get(kind, ("", ""))
    return ({low: json.loads(least)} if least else {}) | ({high: json.loads(most)} if most else {})
