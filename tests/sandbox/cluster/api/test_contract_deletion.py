"""Contract: finalizers, propagation, preconditions, and namespaces that go."""

from __future__ import annotations

from tests.sandbox.cluster.api.objects import config_map, deployment
from tests.sandbox.cluster.api.wire import Cluster


def maps(space: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{space}/configmaps" + (f"/{name}" if name else "")


async def test_a_delete_says_what_is_gone(cluster: Cluster, space: str) -> None:
    """The answer is a Status with the object's name, type and uid; a second delete is a 404."""
    made = await cluster.post(maps(space), config_map())
    answer = await cluster.delete(maps(space, "a"))
    assert answer.body["status"] == "Success"
    assert answer.body["details"] == {
        "name": "a",
        "kind": "configmaps",
        "uid": made.body["metadata"]["uid"],
    }
    assert (await cluster.delete(maps(space, "a"))).message == 'configmaps "a" not found'


async def test_a_finalizer_holds_an_object_until_it_is_taken_off(
    cluster: Cluster, space: str
) -> None:
    """Deleted, the object stays with a deletionTimestamp and goes when its last finalizer does."""
    body = config_map()
    body["metadata"]["finalizers"] = ["example.com/hold"]
    await cluster.post(maps(space), body)
    held = await cluster.delete(maps(space, "a"))
    assert "deletionTimestamp" in held.body["metadata"]
    await cluster.patch(maps(space, "a"), {"metadata": {"finalizers": None}})
    assert (await cluster.get(maps(space, "a"))).status == 404


async def test_a_foreground_delete_leaves_the_object_to_the_garbage_collector(
    cluster: Cluster, space: str
) -> None:
    """propagationPolicy Foreground adds its finalizer and counts a generation."""
    path = f"/apis/apps/v1/namespaces/{space}/deployments"
    await cluster.post(path, deployment(replicas=0))
    answer = await cluster.delete(f"{path}/web", {"propagationPolicy": "Foreground"})
    metadata = answer.body["metadata"]
    assert metadata["finalizers"] == ["foregroundDeletion"]
    assert (metadata["generation"], metadata["deletionGracePeriodSeconds"]) == (2, 0)


async def test_a_precondition_protects_the_wrong_object(cluster: Cluster, space: str) -> None:
    """A delete for another uid is a 409 that shows both."""
    made = await cluster.post(maps(space), config_map())
    answer = await cluster.delete(maps(space, "a"), {"preconditions": {"uid": "other"}})
    assert answer.status == 409
    assert answer.message == (
        'Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition (other) does '
        "not match the UID in "
        f"record ({made.body['metadata']['uid']}). The object might have been deleted and then "
        f"recreated"
    )


async def test_a_collection_is_deleted_by_selector(cluster: Cluster, space: str) -> None:
    """deletecollection takes what the selector chooses and leaves the rest."""
    for name, label in (("a", "yes"), ("b", "no")):
        body = config_map(name)
        body["metadata"]["labels"] = {"go": label}
        await cluster.post(maps(space), body)
    await cluster.delete(f"{maps(space)}?labelSelector=go%3Dyes")
    left = await cluster.get(f"{maps(space)}?labelSelector=go")
    assert [item["metadata"]["name"] for item in left.body["items"]] == ["b"]


async def test_nothing_is_made_in_a_namespace_that_goes(cluster: Cluster, space: str) -> None:
    """A terminating namespace says so in its phase and refuses new content."""
    body = config_map()
    body["metadata"]["finalizers"] = ["example.com/hold"]
    await cluster.post(maps(space), body)
    going = await cluster.delete(f"/api/v1/namespaces/{space}")
    late = await cluster.post(maps(space), config_map("late"))
    await cluster.patch(maps(space, "a"), {"metadata": {"finalizers": None}})
    assert going.body["status"]["phase"] == "Terminating"
    assert late.status == 403
    assert late.message == (
        f'configmaps "late" is forbidden: unable to create new content in namespace {space} '
        f"because it is being "
        "terminated"
    )
    assert late.body["details"]["causes"][0]["reason"] == "NamespaceTerminating"


async def test_a_namespace_is_gone_once_finalized(cluster: Cluster, space: str) -> None:
    """The real cluster's namespace controller empties it; alone, the API server waits for the
    finalize request."""
    await cluster.delete(f"/api/v1/namespaces/{space}")
    if (
        not cluster.real
    ):  # difference: an API server without controllers does not finalize by itself
        found = await cluster.get(f"/api/v1/namespaces/{space}")
        found.body["spec"]["finalizers"] = []
        await cluster.call("PUT", f"/api/v1/namespaces/{space}/finalize", found.body)
    await cluster.until_gone(f"/api/v1/namespaces/{space}")
