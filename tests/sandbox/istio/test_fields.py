"""The fields of custom resources: the notation, the script that writes it, and what is known of a
release."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.cluster.crds.schema import apply_schema_defaults, prune_unknown_fields
from sandbox.istio.fields import load_schemas
from sandbox.istio.fields.notation import build_schema
from sandbox.releases import RELEASES
from sandbox.releases.release import IstioRelease
from scripts.fields import describe_fields

NAME = {"type": "string", "minLength": 1, "maxLength": 63, "pattern": "^[a-z /]+$"}
SCHEMA = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": NAME,
        "mode": {"type": "string", "enum": ["A B", "C"], "default": "C"},
        "code": {"type": "integer", "enum": [301, 302], "default": 302},
        "ready": {"type": "boolean", "nullable": True},
        "port": {"x-kubernetes-int-or-string": True},
        "labels": {"type": "object", "maxProperties": 4, "additionalProperties": NAME},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "at": {
            "type": "array",
            "maxItems": 2,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name", "port"],
            "default": [{"name": "x"}],
            "items": {
                "type": "object",
                "properties": {"name": NAME},
                "default": {"name": "y"},
                "x-kubernetes-preserve-unknown-fields": True,
            },
        },
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
    },
}


def test_the_notation_says_all_of_a_schema() -> None:
    """What the script writes is read again as what it was, but for what is not played."""
    fields = describe_fields({**SCHEMA, "description": "left out", "oneOf": [{}]})
    assert isinstance(fields, dict)
    assert build_schema(fields) == SCHEMA


@pytest.mark.parametrize("fields", [{"a b c": "string"}, {"a": "String"}, {"a": "string (A"}])
def test_what_is_none_of_the_notation_is_an_error(fields: dict[str, str]) -> None:
    """A slip in a file is no open schema."""
    with pytest.raises(ValueError, match="no key or value of the notation"):
        build_schema(fields)


@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
def test_an_http_route_is_filled_in_as_its_crd_does(release: IstioRelease) -> None:
    """Whoever reads routes counts on these: Kiali, for one."""
    schemas = load_schemas(f"gateway-api-{release.gateway_api}")
    spec: Any = {
        "parentRefs": [{"name": "g"}],
        "rules": [{"backendRefs": [{"name": "b", "port": 1}]}],
    }
    apply_schema_defaults(spec, schemas["HTTPRoute.gateway.networking.k8s.io"])
    assert spec["parentRefs"] == [
        {"name": "g", "group": "gateway.networking.k8s.io", "kind": "Gateway"}
    ]
    (rule,) = spec["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]
    assert rule["backendRefs"] == [
        {"name": "b", "port": 1, "group": "", "kind": "Service", "weight": 1}
    ]


@pytest.mark.parametrize(
    ("version", "unknown"), [("1.23.2", ["http[0].retries.backoff"]), ("1.30.3", [])]
)
def test_a_field_that_came_later_is_unknown_before(version: str, unknown: list[str]) -> None:
    """As recorded."""
    schemas = load_schemas(RELEASES[version].charts.fields)
    spec = {"http": [{"retries": {"attempts": 2, "backoff": "1s"}}]}
    found = list(prune_unknown_fields(spec, schemas["VirtualService.networking.istio.io"]))
    assert found == unknown
