"""Contract: server-side apply and who owns which field."""

from __future__ import annotations

from tests.sandbox.cluster.api.objects import config_map, deployment, service
from tests.sandbox.cluster.api.wire import Cluster


def one(space: str) -> str:
    return f"/api/v1/namespaces/{space}/configmaps/a"


async def test_apply_creates_and_then_repeats_as_nothing(cluster: Cluster, space: str) -> None:
    """The first apply answers 201, the same again 200 with the same version."""
    first = await cluster.apply(one(space), config_map(x="1"), "one")
    again = await cluster.apply(one(space), config_map(x="1"), "one")
    assert (first.status, again.status) == (201, 200)
    assert first.owners() == ["one:Apply"]
    assert again.body["metadata"]["resourceVersion"] == first.body["metadata"]["resourceVersion"]


async def test_another_managers_field_is_a_conflict(cluster: Cluster, space: str) -> None:
    """The refusal counts the conflicts and names manager, apiVersion and field."""
    await cluster.call("POST", one(space).rsplit("/", 1)[0], config_map(x="1"))
    answer = await cluster.apply(one(space), config_map(x="2"), "two")
    assert answer.status == 409
    assert (
        answer.message == 'Apply failed with 1 conflict: conflict with "contract" using v1: .data.x'
    )
    assert answer.body["details"]["causes"] == [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "contract" using v1',
            "field": ".data.x",
        }
    ]


async def test_several_conflicts_are_listed_by_manager(cluster: Cluster, space: str) -> None:
    """With more than one, each manager gets a heading and its fields as lines."""
    await cluster.apply(one(space), config_map(x="1", y="1"), "one")
    answer = await cluster.apply(one(space), config_map(x="2", y="2"), "two")
    assert (
        answer.message
        == 'Apply failed with 2 conflicts: conflicts with "one":\n- .data.x\n- .data.y'
    )


async def test_force_takes_the_field_over(cluster: Cluster, space: str) -> None:
    """Forced, the value changes hands; the former owner may apply the rest unhindered."""
    await cluster.apply(one(space), config_map(x="1", y="1"), "one")
    forced = await cluster.apply(one(space), config_map(x="2"), "two", "&force=true")
    entries = {
        entry["manager"]: entry["fieldsV1"] for entry in forced.body["metadata"]["managedFields"]
    }
    assert forced.body["data"] == {"x": "2", "y": "1"}
    assert entries == {"one": {"f:data": {"f:y": {}}}, "two": {"f:data": {"f:x": {}}}}


async def test_what_is_applied_no_more_goes(cluster: Cluster, space: str) -> None:
    """A field leaves when its only owner leaves it out, and stays while another owns it too."""
    await cluster.apply(one(space), config_map(x="1", y="1", z="1"), "one")
    await cluster.apply(one(space), config_map(y="1"), "two")
    answer = await cluster.apply(one(space), config_map(z="1"), "one")
    assert answer.body["data"] == {"y": "1", "z": "1"}
    assert answer.owners() == ["one:Apply", "two:Apply"]


async def test_updates_are_owned_by_the_first_word_of_the_user_agent(
    cluster: Cluster, space: str
) -> None:
    """Without fieldManager, a patch is recorded as Update by the client's name; apply must name
    itself."""
    await cluster.apply(one(space), config_map(x="1"), "one")
    patched = await cluster.patch(one(space), {"data": {"y": "2"}})
    unnamed = await cluster.call(
        "PATCH", one(space), config_map(), kind="application/apply-patch+yaml"
    )
    assert patched.owners() == ["contract:Update", "one:Apply"]
    assert unnamed.status == 422
    assert unnamed.message == (
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for '
        "apply patch"
    )


async def test_status_is_owned_apart_from_the_rest(cluster: Cluster, space: str) -> None:
    """A write to the status subresource changes only status and gets an entry of its own."""
    path = f"/api/v1/namespaces/{space}/services"
    await cluster.post(path, service())
    conditions = [
        {
            "type": "Bound",
            "status": "True",
            "reason": "R",
            "message": "",
            "lastTransitionTime": None,
        }
    ]
    conditions[0]["lastTransitionTime"] = "2026-01-01T00:00:00Z"
    body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "svc"},
        "status": {"conditions": conditions},
    }
    answer = await cluster.apply(f"{path}/svc/status", body, "binder", "&force=true")
    assert answer.owners() == ["binder:Apply/status", "contract:Update"]
    assert answer.body["status"]["conditions"] == conditions


async def test_items_of_keyed_lists_have_their_own_owners(cluster: Cluster, space: str) -> None:
    """Two managers share a list of ports, told apart by port and protocol; each removes only its
    own."""
    path = f"/api/v1/namespaces/{space}/services/svc"
    await cluster.apply(path, service(), "one")
    both = await cluster.apply(path, service(ports=[{"port": 81, "name": "more"}]), "two")
    back = await cluster.apply(path, service(ports=[{"port": 82, "name": "other"}]), "two")
    assert sorted(port["port"] for port in both.body["spec"]["ports"]) == [80, 81]
    assert sorted(port["port"] for port in back.body["spec"]["ports"]) == [80, 82]


async def test_defaults_belong_to_nobody_after_apply(cluster: Cluster, space: str) -> None:
    """What the server fills in is not owned, so another manager may set it without a conflict."""
    path = f"/apis/apps/v1/namespaces/{space}/deployments/web"
    made = await cluster.apply(path, deployment(), "one")
    scaled = await cluster.apply(
        path, {**deployment(), "spec": {**deployment()["spec"], "replicas": 0}}, "two"
    )
    spec = made.body["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]
    assert set(spec) == {"f:selector", "f:template"}
    assert scaled.status == 200


async def test_a_forced_merge_patch_is_refused(cluster: Cluster, space: str) -> None:
    """force belongs to apply alone."""
    await cluster.apply(one(space), config_map(x="1"), "one")
    answer = await cluster.patch(one(space) + "?force=true", {"data": {"x": "2"}})
    assert answer.status == 422
    assert answer.message.endswith("force: Forbidden: may not be specified for non-apply patch")
