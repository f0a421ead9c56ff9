"""Deployments: rollouts, their conditions and events, and how they fail."""

from __future__ import annotations

import asyncio
import time

import pytest

from sandbox.cluster.contract import Object
from sandbox.cluster.machinery.meta import (
    DEPLOYMENTS,
    PODS,
    REPLICA_SETS,
    find_status_condition,
    is_deleting,
)
from tests.sandbox.cluster.controllers.world import World, deployment, finding


async def test_becomes_available_quickly(world: World) -> None:
    """Two replicas are available within seconds of the cluster, at fifty times the speed."""
    begun = time.monotonic()
    await world.deploy("web", replicas=2)
    assert time.monotonic() - begun < 5.0


async def test_status_of_a_finished_rollout(world: World) -> None:
    """The status has the counters and conditions of a real one, nothing more."""
    status = (await world.deploy("web", replicas=2))["status"]
    conditions = [(each["type"], each["message"]) for each in status.pop("conditions")]
    assert status == {
        "observedGeneration": 1,
        "replicas": 2,
        "updatedReplicas": 2,
        "readyReplicas": 2,
        "availableReplicas": 2,
        "terminatingReplicas": 0,
    }
    [replica_set] = await world.client.list(REPLICA_SETS, "demo")
    name = replica_set["metadata"]["name"]
    assert conditions == [
        ("Available", "Deployment has minimum availability."),
        ("Progressing", f'ReplicaSet "{name}" has successfully progressed.'),
    ]


async def test_field_managers(world: World) -> None:
    """A Deployment's status is written by kube-controller-manager alone, its pods' by the kubelet."""
    web = await world.deploy("web")
    [pod] = await world.pods("web")

    def managers(obj: Object) -> list[tuple[str, str]]:
        return [
            (each["manager"], each.get("subresource", ""))
            for each in obj["metadata"]["managedFields"]
        ]

    assert managers(web) == [("test", ""), ("kube-controller-manager", "status")]
    assert managers(pod) == [("kube-controller-manager", ""), ("kubelet", "status")]


async def test_restart_replaces_every_pod(world: World) -> None:
    """After a restart there is revision 2, only new pods, and the old ReplicaSet at zero."""
    await world.deploy("web", replicas=2)
    before = {pod["metadata"]["name"] for pod in await world.pods("web")}
    await world.restart("web", "2026-01-01T00:00:00Z")
    web = await world.rolled_out("web")
    living = {pod["metadata"]["name"] for pod in await world.pods("web") if not is_deleting(pod)}
    sizes = sorted(
        each["spec"]["replicas"] for each in await world.client.list(REPLICA_SETS, "demo")
    )
    assert web["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"
    assert (len(living), living & before, sizes) == (2, set(), [0, 2])


async def test_rollback_reuses_the_old_replica_set(world: World) -> None:
    """Going back to the former template takes the old ReplicaSet, with a new revision."""
    first = await world.deploy("web")
    await world.restart("web", "2026-01-01T00:00:00Z")
    await world.rolled_out("web")
    await world.client.update(
        {**(await world.rolled_out("web")), "spec": first["spec"]},
    )
    web = await world.rolled_out("web")
    assert len(await world.client.list(REPLICA_SETS, "demo")) == 2
    assert web["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"


@pytest.mark.parametrize(
    ("surge", "unavailable", "most", "least"),
    [(1, 0, 4, 3), (0, 1, 3, 2), ("100%", 0, 6, 3), ("34%", "34%", 5, 2)],
)
async def test_limits_of_a_rolling_update(
    world: World, surge: int | str, unavailable: int | str, most: int, least: int
) -> None:
    """Never more pods than maxSurge allows, never fewer ready ones than maxUnavailable allows."""
    limits = {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    await world.deploy("web", replicas=3, strategy=limits)
    seen: list[tuple[int, int]] = []

    async def record() -> None:
        async for event in world.client.watch(DEPLOYMENTS, "demo"):
            status = event.object["status"]
            seen.append((status["replicas"], status.get("availableReplicas", 0)))

    recording = asyncio.create_task(record())
    await world.restart("web", "2026-01-01T00:00:00Z")
    await world.rolled_out("web")
    recording.cancel()
    assert max(count for count, _ in seen) <= most
    assert min(available for _, available in seen) >= least


async def test_recreate_has_no_overlap(world: World) -> None:
    """With Recreate no new pod exists before the last old one is gone."""
    await world.deploy("web", replicas=2, strategy={"type": "Recreate"})
    old = {pod["metadata"]["uid"] for pod in await world.pods("web")}
    await world.restart("web", "2026-01-01T00:00:00Z")
    await world.until(PODS, lambda pod: pod["metadata"]["uid"] not in old)
    assert not old & {pod["metadata"]["uid"] for pod in await world.pods("web")}
    await world.rolled_out("web")


async def test_scaling(world: World) -> None:
    """Scaling changes the pods of the one ReplicaSet, and says so."""
    await world.deploy("web", replicas=1)
    await world.client.merge(DEPLOYMENTS, "web", "demo", {"spec": {"replicas": 3}})
    await world.rolled_out("web")
    await world.client.merge(DEPLOYMENTS, "web", "demo", {"spec": {"replicas": 0}})
    web = await world.rolled_out("web")
    assert "replicas" not in web["status"]
    assert (await world.event("ScalingReplicaSet", "from 1 to 3"))["involvedObject"][
        "name"
    ] == "web"
    assert (await world.event("ScalingReplicaSet", "from 3 to 0"))["type"] == "Normal"


async def test_scaling_in_the_middle_of_a_rollout(world: World) -> None:
    """A Deployment that is scaled while it rolls out ends with all its pods, all new."""
    await world.deploy("web", replicas=4)
    await world.restart("web", "2026-01-01T00:00:00Z")
    await world.client.merge(DEPLOYMENTS, "web", "demo", {"spec": {"replicas": 8}})
    await world.rolled_out("web")
    assert len([pod for pod in await world.pods("web") if not is_deleting(pod)]) == 8


async def test_paused_waits_for_resume(world: World) -> None:
    """A paused Deployment takes no new template; resumed, it does."""
    await world.deploy("web")
    await world.client.merge(DEPLOYMENTS, "web", "demo", {"spec": {"paused": True}})
    await world.restart("web", "2026-01-01T00:00:00Z")
    await world.until(
        DEPLOYMENTS, lambda obj: finding(obj, "Progressing") == "Unknown:DeploymentPaused"
    )
    assert len(await world.client.list(REPLICA_SETS, "demo")) == 1
    await world.client.merge(DEPLOYMENTS, "web", "demo", {"spec": {"paused": None}})
    await world.rolled_out("web")
    assert len(await world.client.list(REPLICA_SETS, "demo")) == 2


async def test_history_is_limited(world: World) -> None:
    """Of the old ReplicaSets only as many stay as revisionHistoryLimit says."""
    await world.deploy("web", revisionHistoryLimit=1)
    for minute in range(3):
        await world.restart("web", f"2026-01-01T00:0{minute}:00Z")
        await world.rolled_out("web")
    await world.until(
        DEPLOYMENTS, lambda obj: finding(obj, "Progressing") == "True:NewReplicaSetAvailable"
    )
    assert len(await world.client.list(REPLICA_SETS, "demo")) <= 3


async def test_stuck_rollout_keeps_the_old_pods(world: World) -> None:
    """A new image that can't be pulled leaves the old pod running, and the deadline is reported."""
    await world.deploy("web", progressDeadlineSeconds=5)
    image = [{"name": "main", "image": "shop/does-not-exist:2"}]
    await world.client.merge(
        DEPLOYMENTS, "web", "demo", {"spec": {"template": {"spec": {"containers": image}}}}
    )
    web = await world.until(
        DEPLOYMENTS, lambda obj: finding(obj, "Progressing") == "False:ProgressDeadlineExceeded"
    )
    assert finding(web, "Available") == "True:MinimumReplicasAvailable"
    assert (find_status_condition(web, "Progressing") or {})["message"].endswith(
        "has timed out progressing."
    )
    assert (web["status"]["replicas"], web["status"]["updatedReplicas"]) == (2, 1)


async def test_refused_pods_are_reported(world: World) -> None:
    """A webhook that nobody answers makes ReplicaFailure and FailedCreate in the API server's
    words."""
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["pods"],
    }
    hook = {
        "name": "inject.example.com",
        "clientConfig": {"service": {"name": "injector", "namespace": "demo", "path": "/inject"}},
        "rules": [rule],
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration"}
    await world.client.create({**kind, "metadata": {"name": "injector"}, "webhooks": [hook]})
    await world.client.create(deployment("web"))
    web = await world.until(
        DEPLOYMENTS, lambda obj: finding(obj, "ReplicaFailure") == "True:FailedCreate"
    )
    message = (find_status_condition(web, "ReplicaFailure") or {})["message"]
    assert message.startswith(
        'Internal error occurred: failed calling webhook "inject.example.com": failed to call'
    )
    assert "https://injector.demo.svc:443/inject?timeout=10s" in message
    assert (await world.event("FailedCreate"))["message"] == f"Error creating: {message}"
