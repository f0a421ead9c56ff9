"""DaemonSets, StatefulSets and bare ReplicaSets."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.cluster.contract import Object, Ref
from sandbox.cluster.controllers.podstate import is_ready
from sandbox.cluster.machinery.meta import (
    DAEMON_SETS,
    NODES,
    PODS,
    REPLICA_SETS,
    STATEFUL_SETS,
    controller_of,
    is_deleting,
    labels_of,
    owners_of,
)
from tests.sandbox.cluster.controllers.world import World, finding, workload


def daemons_ready(count: int) -> Callable[[Object], bool]:
    """Whether that many daemons are ready and up to date."""

    def ready(obj: Object) -> bool:
        status = obj.get("status", {})
        seen = status.get("observedGeneration") == obj["metadata"]["generation"]
        counts = {
            status.get(name, 0)
            for name in ("numberReady", "updatedNumberScheduled", "numberAvailable")
        }
        return seen and counts == {count}

    return ready


async def test_a_daemon_on_each_node(world: World) -> None:
    """A DaemonSet has one pod on each node, and its status counts them as a real one does."""
    await world.client.create(workload("DaemonSet", "agent"))
    agent = await world.until(DAEMON_SETS, daemons_ready(2), "agent")
    assert agent["status"] == {
        "currentNumberScheduled": 2,
        "desiredNumberScheduled": 2,
        "numberAvailable": 2,
        "numberMisscheduled": 0,
        "numberReady": 2,
        "observedGeneration": 1,
        "updatedNumberScheduled": 2,
    }
    pods = await world.pods("agent")
    assert {pod["spec"]["nodeName"] for pod in pods} == {"node-1", "node-2"}
    assert {"controller-revision-hash", "pod-template-generation"} <= set(labels_of(pods[0]))


async def test_daemons_are_replaced_one_by_one(world: World) -> None:
    """A new template reaches every node, with at most one daemon missing at a time."""
    await world.client.create(workload("DaemonSet", "agent"))
    await world.until(DAEMON_SETS, daemons_ready(2), "agent")
    image = [{"name": "main", "image": "nginx:2"}]
    await world.client.merge(
        DAEMON_SETS, "agent", "demo", {"spec": {"template": {"spec": {"containers": image}}}}
    )
    least = 2

    def updated(obj: Object) -> bool:
        nonlocal least
        least = min(least, obj["status"].get("numberAvailable", 0))
        return daemons_ready(2)(obj) and obj["metadata"]["generation"] == 2

    await world.until(DAEMON_SETS, updated, "agent")
    images = {
        pod["spec"]["containers"][0]["image"]
        for pod in await world.pods("agent")
        if not is_deleting(pod)
    }
    assert (least, images) == (1, {"nginx:2"})


async def test_daemons_keep_off_tainted_nodes(world: World) -> None:
    """A node with a taint that the daemon does not bear gets none."""
    await world.client.merge(
        NODES, "node-1", "", {"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}}
    )
    await world.client.create(workload("DaemonSet", "agent"))
    await world.until(DAEMON_SETS, daemons_ready(1), "agent")
    assert [pod["spec"]["nodeName"] for pod in await world.pods("agent")] == ["node-2"]


async def test_numbered_pods_in_order(world: World) -> None:
    """A StatefulSet starts the next pod only when the one before is ready, and keeps their names."""
    await world.client.create(workload("StatefulSet", "db", replicas=2, serviceName="db"))
    await world.until(PODS, is_ready, "db-0")
    db = await world.until(
        STATEFUL_SETS, lambda obj: obj.get("status", {}).get("readyReplicas") == 2, "db"
    )
    assert db["status"]["currentRevision"] == db["status"]["updateRevision"]
    first = await world.client.get(PODS, "db-0", "demo")
    await world.client.delete(PODS, "db-0", "demo")
    await world.until(
        PODS,
        lambda pod: is_ready(pod) and pod["metadata"]["uid"] != (first or {})["metadata"]["uid"],
        "db-0",
    )
    await world.client.merge(STATEFUL_SETS, "db", "demo", {"spec": {"replicas": 1}})
    await world.gone(PODS, "db-1")


async def test_statefulsets_roll_from_the_highest(world: World) -> None:
    """A new template replaces the pods from the highest number down."""
    await world.client.create(workload("StatefulSet", "db", replicas=2, serviceName="db"))
    await world.until(
        STATEFUL_SETS, lambda obj: obj.get("status", {}).get("readyReplicas") == 2, "db"
    )
    image = [{"name": "main", "image": "nginx:2"}]
    await world.client.merge(
        STATEFUL_SETS, "db", "demo", {"spec": {"template": {"spec": {"containers": image}}}}
    )
    await world.until(PODS, lambda pod: pod["spec"]["containers"][0]["image"] == "nginx:2", "db-1")
    await world.until(STATEFUL_SETS, lambda obj: obj["status"].get("updatedReplicas") == 2, "db")
    assert [pod["spec"]["containers"][0]["image"] for pod in await world.pods("db")] == [
        "nginx:2",
        "nginx:2",
    ]


async def test_orphans_are_adopted_and_strangers_let_go(world: World) -> None:
    """A ReplicaSet takes in a matching pod without an owner, and releases one whose label changed."""
    meta = {"name": "loner", "namespace": "demo", "labels": {"app": "web"}}
    spec = {"containers": [{"name": "main", "image": "nginx:1"}]}
    await world.client.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
    await world.client.create(workload("ReplicaSet", "web", replicas=1))
    await world.until(PODS, lambda pod: controller_of(pod) is not None, "loner")
    assert len(await world.pods("web")) == 1
    await world.client.merge(PODS, "loner", "demo", {"metadata": {"labels": {"app": "other"}}})
    await world.until(PODS, lambda pod: not owners_of(pod), "loner")
    await world.until(
        REPLICA_SETS, lambda obj: obj.get("status", {}).get("readyReplicas") == 1, "web"
    )
    assert (await world.pod("web"))["metadata"]["name"] != "loner"


async def test_a_quota_keeps_pods_away_and_shows_what_is_used(world: World) -> None:
    """A ReplicaSet that a quota refuses says so in an event and a condition; the quota counts."""
    await world.client.create(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "room", "namespace": "demo"},
            "spec": {"hard": {"pods": "1"}},
        }
    )
    await world.client.create(workload("ReplicaSet", "web", replicas=2))
    web = await world.until(REPLICA_SETS, lambda o: bool(finding(o, "ReplicaFailure")), "web")
    assert finding(web, "ReplicaFailure") == "True:FailedCreate"
    quotas = Ref("", "resourcequotas")
    used = {"hard": {"pods": "1"}, "used": {"pods": "1"}}
    await world.until(quotas, lambda o: o.get("status") == used, "room")
