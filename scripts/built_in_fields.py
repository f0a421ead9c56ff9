"""Writes the fields of Kubernetes' own types for the sandbox's API server:

    scripts/built_in_fields.py DIRECTORY > sandbox/cluster/registry/built_in_fields.yaml

DIRECTORY holds documents of a real API server's `/openapi/v3/…`, one a file (`kubectl get --raw`).
Names and types are kept, in the notation of `sandbox.cluster.registry.built_in_fields`;
descriptions are not.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from sandbox.cluster.kinds import BUILT_IN

Schema = Mapping[str, Any]
_ROOT, _PREFIX = "#/components/schemas/", "io.k8s."
_HEAD = "# Written by scripts/built_in_fields.py from the OpenAPI documents of Kubernetes 1.36.3.\n"
_NO_FIELDS = ("Quantity", "IntOrString", "Time", "MicroTime")


def read_schemas(directory: Path) -> dict[str, Schema]:
    """Return all schemas of the documents by name."""
    found: dict[str, Schema] = {}
    for path in sorted(directory.glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        found |= document["components"]["schemas"]
    return found


def describe_type(schema: Schema) -> str:
    """Return a type in the notation."""
    refs = [each["$ref"] for each in schema.get("allOf") or () if "$ref" in each]
    if ref := schema.get("$ref") or next(iter(refs), ""):
        return "@" + ref.removeprefix(_ROOT).removeprefix(_PREFIX)
    if schema.get("type") == "array":
        return "[]" + describe_type(schema.get("items") or {})
    if isinstance(schema.get("additionalProperties"), Mapping):
        return "{}" + describe_type(schema["additionalProperties"])
    if schema.get("type") in (None, "object"):
        return "any"
    return str(schema.get("format") if schema["type"] == "integer" else schema["type"])


def describe_fields(schema: Schema) -> str:
    """Return the fields of a schema in the notation; "" where it has none."""
    required = schema.get("required") or ()
    return " ".join(
        f"{name}{'!' if name in required else ''}:{describe_type(sub)}"
        for name, sub in sorted((schema.get("properties") or {}).items())
    )


def find_references(fields: str) -> Iterator[str]:
    """Yield the types that fields refer to."""
    for field in fields.split():
        _, found, name = field.partition("@")
        if found:
            yield name


def main() -> None:
    """Write the fields of all types that the sandbox serves."""
    schemas = read_schemas(Path(sys.argv[1]))
    served = {(k.group, v.name, k.kind) for k in BUILT_IN for v in k.versions}
    kinds: dict[str, str] = {}
    for name, schema in schemas.items():
        for each in schema.get("x-kubernetes-group-version-kind") or ():
            if (each["group"], each["version"], each["kind"]) in served:
                version = "/".join(filter(None, (each["group"], each["version"])))
                kinds[f"{version} {each['kind']}"] = name.removeprefix(_PREFIX)
    types: dict[str, str] = {}
    left = sorted(set(kinds.values()))
    while left:
        name = left.pop()
        if name not in types:
            plain = name.rpartition(".")[2] in _NO_FIELDS
            types[name] = "" if plain else describe_fields(schemas[_PREFIX + name])
            left += find_references(types[name])
    sys.stdout.write(_HEAD)
    sys.stdout.write(yaml.safe_dump({"kinds": kinds, "types": types}, width=10**6))


if __name__ == "__main__":
    main()
