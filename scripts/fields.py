"""Writes the fields of a release's custom resources in the notation of `sandbox.istio.fields`:

    scripts/fields.py CRDS.yaml > sandbox/istio/fields/istio-VERSION.yaml

CRDS.yaml is `manifests/charts/base/files/crd-all.gen.yaml` (or beside it) of an Istio release, or
the Gateway API's `standard-install.yaml`. Of each kind the stored version is read. Descriptions,
formats, CEL rules and `oneOf` are left out: the sandbox does not play them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

Schema = Mapping[str, Any]
_BOUNDS = (
    ("minLength", "maxLength"),
    ("minimum", "maximum"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
)
_OPEN = "x-kubernetes-preserve-unknown-fields"
_ANY = "any"


def describe_fields(schema: Schema) -> dict[str, Any] | str:
    """Return an object's schema in the notation."""
    properties = schema.get("properties") or {}
    if not properties:
        return _ANY
    required = schema.get("required") or ()
    fields = {
        _describe_key(name, sub, required=name in required): _describe_value(sub)
        for name, sub in properties.items()
    }
    if schema.get(_OPEN):
        fields["*"] = _ANY
    if "default" in schema:
        fields["="] = schema["default"]
    return fields


def _describe_key(name: str, schema: Schema, *, required: bool) -> str:
    key = name + ("!" if required else "")
    if schema.get("type") == "array":
        key += "[]"
    elif "additionalProperties" in schema:
        key += "{}"
    elif schema.get("type") != "object":
        return key
    key += "?" if schema.get("nullable") else ""
    key += _describe_bounds(schema)
    kind = schema.get("x-kubernetes-list-type")
    if kind == "map":
        key += " by " + ",".join(schema["x-kubernetes-list-map-keys"])
    elif kind == "set":
        key += " set"
    elif kind == "atomic" or schema.get("x-kubernetes-map-type") == "atomic":
        key += " atomic"
    listed = schema.get("type") == "array" and "default" in schema
    return key + (f" = {json.dumps(schema['default'])}" if listed else "")


def _describe_value(schema: Schema) -> Any:
    if schema.get("type") == "array":
        return _describe_value(schema.get("items") or {})
    if isinstance(schema.get("additionalProperties"), Mapping):
        return _describe_value(schema["additionalProperties"])
    if schema.get("x-kubernetes-int-or-string"):
        return "int-or-string"
    if schema.get("type") == "object":
        return describe_fields(schema)
    return _describe_word(schema)


def _describe_word(schema: Schema) -> str:
    word = str(schema.get("type", _ANY)) + ("?" if schema.get("nullable") else "")
    word += _describe_bounds(schema)
    if "enum" in schema:
        word += f" ({'|'.join(map(str, schema['enum']))})"
    if "default" in schema:
        word += f" = {json.dumps(schema['default'])}"
    return word + (f" /{schema['pattern']}/" if "pattern" in schema else "")


def _describe_bounds(schema: Schema) -> str:
    for low, high in _BOUNDS:
        if low in schema or high in schema:
            return f" {schema.get(low, '')}..{schema.get(high, '')}"
    return ""


def main(path: str) -> None:
    """Print the fields of each kind's `spec`."""
    found: dict[str, Any] = {}
    for document in yaml.safe_load_all(Path(path).read_text(encoding="utf-8")):
        if document and document.get("kind") == "CustomResourceDefinition":
            spec = document["spec"]
            stored = next(each for each in spec["versions"] if each.get("storage"))
            schema = stored["schema"]["openAPIV3Schema"]["properties"].get("spec") or {}
            found[f"{spec['names']['kind']}.{spec['group']}"] = describe_fields(schema)
    sys.stdout.write(yaml.safe_dump(found, sort_keys=True, width=10_000))


if __name__ == "__main__":
    main(sys.argv[1])
