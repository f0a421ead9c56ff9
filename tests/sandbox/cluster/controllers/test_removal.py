"""Namespaces and ownership: what comes with a namespace, and what goes along when something is
deleted."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.cluster.contract import ApiError, Object, Ref
from sandbox.cluster.controllers.garbage import FOREGROUND, ORPHAN
from sandbox.cluster.machinery.meta import (
    CONFIG_MAPS,
    CRDS,
    DEPLOYMENTS,
    NAMESPACES,
    PODS,
    REPLICA_SETS,
    SERVICE_ACCOUNTS,
    owners_of,
)
from tests.sandbox.cluster.controllers.world import World, deployment, finding, service

WIDGETS = Ref("shop.example.com", "widgets")


def config(name: str, owner: Object | None = None, **meta: object) -> Object:
    """A ConfigMap in `demo`, owned by another object."""
    new: Object = {"name": name, "namespace": "demo", **meta}
    if owner is not None:
        reference = {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "blockOwnerDeletion": True,
        }
        new["ownerReferences"] = [
            {**reference, "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
        ]
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": new}


async def test_furniture_of_a_namespace(world: World) -> None:
    """Every namespace gets its service account and the root certificate, and gets them again."""
    await world.until(SERVICE_ACCOUNTS, lambda obj: True, "default")
    await world.until(CONFIG_MAPS, lambda obj: "ca.crt" in obj["data"], "kube-root-ca.crt")
    await world.client.delete(SERVICE_ACCOUNTS, "default", "demo")
    await world.until(SERVICE_ACCOUNTS, lambda obj: True, "default")


async def test_a_namespace_goes_with_its_contents(world: World) -> None:
    """A deleted namespace takes pods, services and all the rest along, and is then not there at
    all."""
    await world.client.create(service("web", "web"))
    await world.deploy("web", replicas=2)
    await world.client.delete(NAMESPACES, "demo")
    going = await world.client.get(NAMESPACES, "demo")
    assert (going or {})["status"]["phase"] == "Terminating"
    await world.gone(NAMESPACES, "demo", "")
    left = [kind.plural for kind in world.cluster.server.kinds if kind.namespaced and "list" in kind.verbs
            and await world.client.list(kind.ref, "demo")]  # fmt: skip
    assert left == []


async def test_a_namespace_that_is_held_up(world: World) -> None:
    """A finalizer in its contents keeps a namespace Terminating, and its conditions say which."""
    await world.client.create(config("held", finalizers=["example.com/hold"]))
    await world.client.delete(NAMESPACES, "demo")
    demo = await world.until(
        NAMESPACES,
        lambda obj: finding(obj, "NamespaceFinalizersRemaining").startswith("True"),
        "demo",
        "",
    )
    messages = {each["type"]: each["message"] for each in demo["status"]["conditions"]}
    assert messages["NamespaceContentRemaining"] == (
        "Some resources are remaining: configmaps. has 1 resource instances"
    )
    assert messages["NamespaceFinalizersRemaining"].endswith(
        "remaining: example.com/hold in 1 resource instances"
    )
    await world.client.merge(CONFIG_MAPS, "held", "demo", {"metadata": {"finalizers": None}})
    await world.gone(NAMESPACES, "demo", "")


async def test_a_namespace_comes_back(world: World) -> None:
    """A namespace that is gone can be made and filled again at once."""
    await world.deploy("web")
    await world.client.delete(NAMESPACES, "demo")
    await world.gone(NAMESPACES, "demo", "")
    await world.namespace("demo")
    await world.deploy("web")


async def test_deletion_cascades(world: World) -> None:
    """A deleted Deployment takes its ReplicaSets and their pods along."""
    await world.deploy("web", replicas=2)
    names = [pod["metadata"]["name"] for pod in await world.pods("web")]
    await world.client.delete(DEPLOYMENTS, "web", "demo")
    for name in names:
        await world.gone(PODS, name)
    assert await world.client.list(REPLICA_SETS, "demo") == []


async def finalize(world: World, finalizer: str) -> None:
    """Deletes the Deployment `web` with one of the finalizers that stand for a propagation policy."""
    await world.client.merge(DEPLOYMENTS, "web", "demo", {"metadata": {"finalizers": [finalizer]}})
    await world.client.delete(DEPLOYMENTS, "web", "demo")


async def test_foreground_deletion_waits_for_dependents(world: World) -> None:
    """Deleted in the foreground, an owner goes after what it owns: pods, then ReplicaSet, then
    Deployment."""
    await world.deploy("web")
    gone: list[str] = []

    async def follow(ref: Ref) -> None:
        async for event in world.client.watch(ref, "demo"):
            if event.type == "DELETED":
                gone.append(ref.plural)

    following = [asyncio.create_task(follow(ref)) for ref in (PODS, REPLICA_SETS, DEPLOYMENTS)]
    await asyncio.sleep(0)
    await finalize(world, FOREGROUND)
    await world.gone(DEPLOYMENTS, "web")
    await asyncio.sleep(0.01)
    for task in following:
        task.cancel()
    assert gone == ["pods", "replicasets", "deployments"]


async def test_orphans_stay(world: World) -> None:
    """Deleted with its dependents orphaned, a Deployment leaves its ReplicaSet and pods running,
    unowned."""
    await world.deploy("web")
    await finalize(world, ORPHAN)
    await world.gone(DEPLOYMENTS, "web")
    [replica_set] = await world.client.list(REPLICA_SETS, "demo")
    assert owners_of(replica_set) == []
    assert len(await world.pods("web")) == 1


async def test_one_of_two_owners(world: World) -> None:
    """An object goes only with its last owner."""
    first = await world.client.create(config("first"))
    second = await world.client.create(config("second"))
    owned = config("owned", first)
    owned["metadata"]["ownerReferences"] += config("x", second)["metadata"]["ownerReferences"]
    await world.client.create(owned)
    await world.client.delete(CONFIG_MAPS, "first", "demo")
    await world.until(CONFIG_MAPS, lambda obj: len(owners_of(obj)) == 1, "owned")
    await world.client.delete(CONFIG_MAPS, "second", "demo")
    await world.gone(CONFIG_MAPS, "owned")


async def test_an_owner_that_never_was(world: World) -> None:
    """An object that names an owner which does not exist is collected."""
    ghost = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "ghost", "uid": "no-such-uid"},
    }
    await world.client.create(config("owned", ghost))
    await world.gone(CONFIG_MAPS, "owned")


async def test_custom_resources_take_part(world: World) -> None:
    """Custom objects own others like built-in ones, also when their type is removed with them."""
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    definition = {
        "group": WIDGETS.group,
        "scope": "Namespaced",
        "names": names,
        "versions": [version],
    }
    await world.client.create(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "widgets.shop.example.com"},
            "spec": definition,
        }
    )
    await world.until(
        CRDS, lambda obj: finding(obj, "Established").startswith("True"), namespace=""
    )
    await asyncio.sleep(0.02)  # the collector begins to watch the new type, which nothing shows
    for name in ("one", "two"):
        meta = {"name": name, "namespace": "demo"}
        owner = await world.client.create(
            {"apiVersion": "shop.example.com/v1", "kind": "Widget", "metadata": meta}
        )
        await world.client.create(config(f"of-{name}", owner))
    await world.client.delete(WIDGETS, "one", "demo")
    await world.gone(CONFIG_MAPS, "of-one")
    await world.client.delete(CRDS, "widgets.shop.example.com")
    await world.gone(CONFIG_MAPS, "of-two")


async def test_nothing_new_in_a_going_namespace(world: World) -> None:
    """While a namespace goes, the controllers make nothing in it and report no failure."""
    await world.client.create(config("held", finalizers=["example.com/hold"]))
    await world.deploy("web")
    await world.client.delete(NAMESPACES, "demo")
    with pytest.raises(ApiError, match="because it is being terminated"):
        await world.client.create(deployment("late"))
    await world.gone(DEPLOYMENTS, "web")
    await world.client.merge(CONFIG_MAPS, "held", "demo", {"metadata": {"finalizers": None}})
    await world.gone(NAMESPACES, "demo", "")
