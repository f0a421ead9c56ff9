"""The in-process client: the same API, without HTTP."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from sandbox.cluster.contract import ApiError, Client, Ref, WatchEvent
from sandbox.cluster.server import ApiServer
from tests.sandbox.cluster.api.objects import config_map, deployment, pod

MAPS, PODS, DEPLOYMENTS = Ref("", "configmaps"), Ref("", "pods"), Ref("apps", "deployments")


async def test_get_gives_none_and_writes_raise(client: Client) -> None:
    """What is not there is None to read and an ApiError to write."""
    assert await client.get(MAPS, "a", "default") is None
    with pytest.raises(ApiError, match='configmaps "a" not found'):
        await client.merge(MAPS, "a", "default", {"data": {}})


async def test_lists_follow_namespace_and_labels(client: Client) -> None:
    """All namespaces, one, or by selector."""
    for name in ("a", "b"):
        await client.create({**config_map(name, "default"), "metadata": {"name": name, "namespace": "default",
                                                                         "labels": {"n": name}}})  # fmt: skip
    assert [obj["metadata"]["name"] for obj in await client.list(MAPS)] == ["a", "b"]
    assert [obj["metadata"]["name"] for obj in await client.list(MAPS, "default", "n=b")] == ["b"]
    assert await client.list(MAPS, "other") == []


async def test_the_manager_is_recorded(client: Client) -> None:
    """acting_as writes under another name, and the status subresource is told apart."""
    await client.create(deployment(namespace="default"))
    status = {"status": {"replicas": 1}}
    controller = client.acting_as("kube-controller-manager")
    changed = await controller.merge(DEPLOYMENTS, "web", "default", status, subresource="status")
    found = {
        (entry["manager"], entry.get("subresource"))
        for entry in changed["metadata"]["managedFields"]
    }
    assert found == {("tester", None), ("kube-controller-manager", "status")}


async def test_what_was_given_is_not_changed(client: Client) -> None:
    """The caller's object stays as it is, defaults are filled into a copy."""
    mine = deployment(namespace="default")
    before = deployment(namespace="default")
    await client.create(mine)
    assert mine == before


async def test_a_watch_begins_with_what_exists_and_loses_nothing(client: Client) -> None:
    """Existing objects come as ADDED, and of a burst every change arrives in order."""
    await client.create(config_map("old", "default"))
    async with aclosing(client.watch(MAPS)) as events:  # type: ignore[type-var]  # the contract says AsyncIterator
        first = await anext(events)
        await client.create(config_map("new", "default"))
        for number in range(500):  # more than the server's history, which only late watches need
            await client.merge(MAPS, "new", "default", {"data": {"n": str(number)}})
        seen = [await anext(events) for _ in range(501)]
    assert (first.type, first.object["metadata"]["name"]) == ("ADDED", "old")
    assert [event.object.get("data", {}).get("n") for event in seen[1:]] == [
        str(number) for number in range(500)
    ]


async def test_a_watch_of_one_namespace_sees_only_that(server: ApiServer, client: Client) -> None:
    """Other namespaces' changes are left out."""
    await client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}})
    watch = client.watch(MAPS, "other")
    await client.create(config_map("a", "default"))
    await client.create(config_map("b", "other"))
    assert (await anext(watch)).object["metadata"]["name"] == "b"
    await server.stop()


async def test_a_watch_ends_cleanly_when_the_server_stops(
    server: ApiServer, client: Client
) -> None:
    """The loop over a watch ends, without an error."""
    events: list[WatchEvent] = []

    async def follow() -> None:
        async for event in client.watch(MAPS):
            events.append(event)

    task = asyncio.create_task(follow())
    await asyncio.sleep(0)
    await client.create(config_map("a", "default"))
    await asyncio.sleep(0.01)
    await server.stop()
    await asyncio.wait_for(task, 1)
    assert [event.type for event in events] == ["ADDED"]


async def test_names_are_generated(client: Client) -> None:
    """generateName gets five letters after it."""
    made = await client.create(
        {**pod(namespace="default"), "metadata": {"generateName": "p-", "namespace": "default"}}
    )
    assert made["metadata"]["name"].startswith("p-")
    assert len(made["metadata"]["name"]) == 7


async def test_a_new_pod_is_completed_by_admission(client: Client) -> None:
    """It gets its account, the account's token volume, tolerations, priority and a quality of
    service."""
    made = await client.create(pod(namespace="default"))
    spec = made["spec"]
    assert spec["serviceAccountName"] == "default"
    assert spec["volumes"][0]["name"] == spec["containers"][0]["volumeMounts"][0]["name"]
    assert [each["tolerationSeconds"] for each in spec["tolerations"]] == [300, 300]
    assert (made["status"]["phase"], made["status"]["qosClass"]) == ("Pending", "BestEffort")


async def test_a_pod_on_a_node_goes_gracefully(client: Client) -> None:
    """It is marked with its grace and stays until somebody removes it with grace 0."""
    await client.create(pod(namespace="default", node="node-1"))
    await client.delete(PODS, "p", "default")
    marked = await client.get(PODS, "p", "default")
    assert marked is not None
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 30
    await client.delete(PODS, "p", "default", grace=0)
    assert await client.get(PODS, "p", "default") is None


async def test_writes_at_the_same_time_do_not_overwrite_each_other(client: Client) -> None:
    """Patches that meet are repeated on the newer object."""
    await client.create(config_map("a", "default"))
    numbers = [str(number) for number in range(20)]
    await asyncio.gather(*(client.merge(MAPS, "a", "default", {"data": {n: n}}) for n in numbers))
    found: dict[str, Any] | None = await client.get(MAPS, "a", "default")
    assert found is not None
    assert set(found["data"]) == set(numbers)
