"""Contract: CustomResourceDefinitions and the types they add."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest

from tests.sandbox.cluster.api.objects import definition, thing
from tests.sandbox.cluster.api.wire import APPLY, MERGE, STRATEGIC, TABLE, Cluster

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture
async def group(cluster: Cluster) -> AsyncIterator[str]:
    """An API group of the test's own with the type `things`, established."""
    name = f"g{uuid.uuid4().hex[:6]}.example.com"
    await cluster.post(CRDS, definition(group=name))
    path = f"{CRDS}/things.{name}"
    await cluster.until(path, lambda answer: _met(answer.body, "Established"))
    await cluster.until(f"/apis/{name}/v1/things", lambda answer: answer.status == 200)
    yield name
    await cluster.delete(path)


def _met(body: dict[str, dict[str, list[dict[str, str]]]], kind: str) -> bool:
    conditions = body.get("status", {}).get("conditions") or []
    return any(each["type"] == kind and each["status"] == "True" for each in conditions)


def path(group: str, space: str, name: str = "", version: str = "v1") -> str:
    return f"/apis/{group}/{version}/namespaces/{space}/things" + (f"/{name}" if name else "")


async def test_a_definition_is_established_by_the_api_server(cluster: Cluster, group: str) -> None:
    """Conditions, accepted names and stored versions are written under the manager kube-apiserver."""
    found = await cluster.get(f"{CRDS}/things.{group}")
    conditions = {
        each["type"]: (each["status"], each["reason"])
        for each in found.body["status"]["conditions"]
    }
    assert conditions == {
        "NamesAccepted": ("True", "NoConflicts"),
        "Established": ("True", "InitialNamesAccepted"),
    }
    assert found.body["status"]["acceptedNames"]["singular"] == "thing"
    assert found.body["status"]["storedVersions"] == ["v1"]
    assert found.owners() == ["contract:Update", "kube-apiserver:Update/status"]


async def test_the_new_type_is_discovered(cluster: Cluster, group: str) -> None:
    """Discovery lists the type with its short name, and the preferred version is the stable one."""
    resources = (await cluster.get(f"/apis/{group}/v1")).body["resources"]
    about = await cluster.get(f"/apis/{group}")
    assert [each["name"] for each in resources] == ["things", "things/status"]
    assert resources[0]["shortNames"] == ["th"]
    assert about.body["preferredVersion"]["version"] == "v1"


async def test_custom_objects_get_defaults_and_a_generation(
    cluster: Cluster, group: str, space: str
) -> None:
    """The schema's defaults are filled in, a status sent with a create is dropped, spec changes are
    counted."""
    made = await cluster.post(
        path(group, space), {**thing(group=group), "status": {"conditions": []}}
    )
    changed = await cluster.patch(path(group, space, "t"), {"spec": {"size": 4}})
    assert made.body["spec"] == {"size": 3, "mode": "a"}
    assert "status" not in made.body
    assert changed.body["metadata"]["generation"] == 2


async def test_every_served_version_shows_the_same_object(
    cluster: Cluster, group: str, space: str
) -> None:
    """Read under another version, only apiVersion differs."""
    await cluster.post(path(group, space), thing(group=group))
    old = await cluster.get(path(group, space, "t", "v1beta1"))
    assert old.body["apiVersion"] == f"{group}/v1beta1"
    assert old.body["spec"]["size"] == 3


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"size": 0},
            "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1",
        ),
        (
            {"size": 11},
            "spec.size: Invalid value: 11: spec.size in body should be less than or equal to 9",
        ),
        (
            {"size": "3"},
            'spec.size: Invalid value: "string": spec.size in body must be of type integer: '
            '"string"',
        ),
        ({"size": None}, "spec.size: Required value"),
        ({"size": 3, "mode": "c"}, 'spec.mode: Unsupported value: "c": supported values: "a", "b"'),
    ],
)
async def test_the_schema_refuses(
    cluster: Cluster, group: str, space: str, spec: object, message: str
) -> None:
    """Values that the schema does not allow are a 422 with the real words."""
    answer = await cluster.post(path(group, space), {**thing(group=group), "spec": spec})
    assert (answer.status, answer.message) == (422, f'Thing.{group} "t" is invalid: {message}')


async def test_status_of_a_custom_object_is_a_world_of_its_own(
    cluster: Cluster, group: str, space: str
) -> None:
    """Status writes change neither spec nor labels, and the other way round."""
    await cluster.post(path(group, space), thing(group=group))
    ready = {
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        "metadata": {"labels": {"a": "b"}},
    }
    written = await cluster.patch(path(group, space, "t/status"), {**ready, "spec": {"size": 9}})
    other = await cluster.patch(path(group, space, "t"), {"status": {"conditions": []}})
    assert written.body["spec"]["size"] == 3
    assert "labels" not in written.body["metadata"]
    assert other.body["status"]["conditions"][0]["status"] == "True"


async def test_custom_objects_take_no_strategic_patch(
    cluster: Cluster, group: str, space: str
) -> None:
    """415, with the list of what they do take."""
    await cluster.post(path(group, space), thing(group=group))
    answer = await cluster.patch(path(group, space, "t"), {"spec": {"size": 4}}, STRATEGIC)
    assert answer.status == 415
    assert MERGE in answer.message


async def test_printer_columns_become_table_columns(
    cluster: Cluster, group: str, space: str
) -> None:
    """JSONPath columns show values, filtered lists too, and null for what is not there."""
    await cluster.post(path(group, space), thing(group=group))
    empty = await cluster.get(path(group, space), accept=TABLE)
    await cluster.patch(
        path(group, space, "t/status"),
        {"status": {"conditions": [{"type": "Ready", "status": "No"}]}},
    )
    table = await cluster.get(path(group, space), accept=TABLE)
    assert [column["name"] for column in table.body["columnDefinitions"]] == [
        "Name",
        "Size",
        "Ready",
    ]
    assert [empty.body["rows"][0]["cells"], table.body["rows"][0]["cells"]] == [
        ["t", 3, None],
        ["t", 3, "No"],
    ]


async def test_a_definition_takes_its_objects_along(
    cluster: Cluster, group: str, space: str
) -> None:
    """Deleted, it first says it is terminating under its cleanup finalizer; then type and objects
    are gone."""
    await cluster.post(path(group, space), thing(group=group))
    going = await cluster.delete(f"{CRDS}/things.{group}")
    assert going.body["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
    assert _met(going.body, "Terminating")
    await cluster.until_gone(f"{CRDS}/things.{group}")
    await cluster.until_gone(path(group, space, "t"))


async def test_a_protected_group_needs_its_approval(cluster: Cluster) -> None:
    """A CRD in *.k8s.io without the approval annotation is refused."""
    answer = await cluster.post(CRDS, definition(group="test.k8s.io"))
    assert answer.status == 422
    assert (
        "metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups"
        in answer.message
    )


async def test_unknown_fields_are_dropped_with_a_warning(
    cluster: Cluster, group: str, space: str
) -> None:
    """Unless the client asks for none."""
    odd = thing("odd", group, colour="red")
    for wanted, warned in (("", True), ("?fieldValidation=Ignore", False)):
        made = await cluster.post(f"{path(group, space)}{wanted}", odd)
        assert (made.status, "colour" in made.body["spec"]) == (201, False)
        assert ('unknown field \\"spec.colour\\"' in made.headers.get("Warning", "")) == warned
        await cluster.delete(path(group, space, "odd"))


async def test_unknown_fields_are_refused_when_asked(
    cluster: Cluster, group: str, space: str
) -> None:
    """In the words that kubectl shows: for a new object, for a patch, and for an apply."""
    odd = thing("odd", group, colour="red", shape={})
    unknown = 'strict decoding error: unknown field "spec.colour", unknown field "spec.shape"'
    made = await cluster.post(f"{path(group, space)}?fieldValidation=Strict", odd)
    text = f'Thing in version "v1" cannot be handled as a Thing: {unknown}'
    assert (made.status, made.body["reason"], made.message) == (400, "BadRequest", text)
    await cluster.post(path(group, space), thing("odd", group))
    place = path(group, space, "odd")
    patched = await cluster.patch(f"{place}?fieldValidation=Strict", {"spec": {"colour": "red"}})
    assert (patched.status, patched.body["reason"]) == (422, "Invalid")
    assert 'strict decoding error: unknown field "spec.colour"' in patched.message
    # Of several unknown fields a real API server names any one.
    odd = thing("odd", group, colour="red")
    applied = await cluster.patch(f"{place}?fieldManager=x&force=true", odd, APPLY)
    text = f"failed to create typed patch object (/odd; {group}/v1, Kind=Thing): .spec.colour"
    assert (applied.status, applied.message) == (500, f"{text}: field not declared in schema")
