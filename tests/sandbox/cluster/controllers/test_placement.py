"""The scheduler: where pods go, and in which words it says that they can't."""

from __future__ import annotations

import pytest

from sandbox.cluster.contract import Object
from sandbox.cluster.machinery.meta import DEPLOYMENTS, NODES, find_status_condition
from sandbox.cluster.machinery.quantities import (
    ResourceAmount,
    compute_qos_class,
    parse_quantity,
    sum_pod_requests,
)
from tests.sandbox.cluster.controllers.world import World, deployment

HELPLESS = (
    "no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not "
    "helpful for scheduling."
)
HOST = "kubernetes.io/hostname"
NOT_BESIDE = "2 node(s) didn't match pod affinity rules"


def asks(cpu: str, memory: str = "1Mi") -> Object:
    """Resource requests of a container."""
    return {"resources": {"requests": {"cpu": cpu, "memory": memory}}}


@pytest.mark.parametrize(
    ("spec", "reasons"),
    [
        ({"container": asks("900")}, "2 Insufficient cpu"),
        ({"container": asks("900", "900Gi")}, "2 Insufficient cpu, 2 Insufficient memory"),
        (
            {"pod": {"nodeSelector": {"disk": "fast"}}},
            "2 node(s) didn't match Pod's node affinity/selector",
        ),
    ],
)
async def test_words_of_a_refusal(world: World, spec: Object, reasons: str) -> None:
    """A pod that fits nowhere says why, as the real scheduler does, in its event and its condition."""
    await world.client.create(deployment("web", **spec))
    event = await world.event("FailedScheduling")
    pod = await world.pod("web", lambda pod: find_status_condition(pod, "PodScheduled") is not None)
    assert event["message"] == f"0/2 nodes are available: {reasons}. {HELPLESS}"
    condition = find_status_condition(pod, "PodScheduled") or {}
    assert (condition["reason"], condition["message"]) == ("Unschedulable", event["message"])


def term(app: str) -> Object:
    """An affinity's term: pods of an app, by node."""
    meant = {"labelSelector": {"matchLabels": {"app": app}}}
    return {"requiredDuringSchedulingIgnoredDuringExecution": [{**meant, "topologyKey": HOST}]}


@pytest.mark.parametrize(
    ("spec", "reasons"),
    [
        (
            {"container": {"resources": {"limits": {"nvidia.com/gpu": "1"}}}},
            "2 Insufficient nvidia.com/gpu",
        ),
        ({"pod": {"affinity": {"podAffinity": term("cache")}}}, NOT_BESIDE),
        (
            {"pod": {"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone"}]}},
            "2 node(s) didn't match pod topology spread constraints (missing required label)",
        ),
    ],
)
async def test_words_about_neighbours(world: World, spec: Object, reasons: str) -> None:
    """Devices that no node has, pods that are not there, and labels that nodes lack."""
    await world.client.create(deployment("web", **spec))
    event = await world.event("FailedScheduling")
    assert event["message"] == f"0/2 nodes are available: {reasons}. {HELPLESS}"


async def test_one_pod_for_each_node(world: World) -> None:
    """Pods that keep each other off a node leave the third without one."""
    spec = {"affinity": {"podAntiAffinity": term("web")}}
    await world.client.create(deployment("web", replicas=3, pod=spec))
    message = (await world.event("FailedScheduling"))["message"]
    assert "2 node(s) didn't match pod anti-affinity rules." in message
    nodes = {pod["spec"].get("nodeName") for pod in await world.pods("web")}
    assert nodes == {"node-1", "node-2", None}


async def test_claims(world: World) -> None:
    """A pod waits for its claim, and for the class that the claim names."""
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    await world.client.create(deployment("web", pod={"volumes": [volume]}))
    await world.event("FailedScheduling", 'persistentvolumeclaim "data" not found')
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
    meta, spec = {"name": "data", "namespace": "demo"}, {"storageClassName": "fast"}
    await world.client.create({**claim, "metadata": meta, "spec": spec})
    await world.event("FailedScheduling", "pod has unbound immediate PersistentVolumeClaims")
    provided = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass"}
    await world.client.create({**provided, "metadata": {"name": "fast"}, "provisioner": "x"})
    await world.pod("web")


async def test_priority_class_that_is_missing(world: World) -> None:
    """The API server refuses pods of a PriorityClass that nobody made."""
    await world.client.create(deployment("web", pod={"priorityClassName": "critical"}))
    await world.event("FailedCreate", "no PriorityClass with name critical was found")


async def test_taints_and_cordons(world: World) -> None:
    """A taint and a cordon keep pods off; when one goes, the waiting pod is placed."""
    await world.client.merge(
        NODES, "node-1", "", {"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}}
    )
    await world.client.merge(NODES, "node-2", "", {"spec": {"unschedulable": True}})
    await world.client.create(deployment("web"))
    message = (await world.event("FailedScheduling"))["message"]
    assert "1 node(s) had untolerated taint(s), 1 node(s) were unschedulable." in message
    await world.client.merge(NODES, "node-2", "", {"spec": {"unschedulable": None}})
    assert (await world.pod("web"))["spec"]["nodeName"] == "node-2"


async def test_room_that_is_freed_is_used(world: World) -> None:
    """A pod that waits for room starts when another leaves."""
    await world.deploy("big", replicas=2, container=asks("5"))
    await world.client.create(deployment("late", container=asks("5")))
    assert "2 No preemption victims found" in (await world.event("FailedScheduling"))["message"]
    await world.client.delete(DEPLOYMENTS, "big", "demo")
    await world.pod("late")


async def test_replicas_spread(world: World) -> None:
    """Equal pods are spread over the nodes."""
    await world.deploy("web", replicas=4)
    nodes = sorted(pod["spec"]["nodeName"] for pod in await world.pods("web"))
    assert nodes == ["node-1", "node-1", "node-2", "node-2"]


@pytest.mark.parametrize(
    ("text", "value"), [("100m", 0.1), ("2", 2), ("1Gi", 2**30), ("1.5k", 1500), ("1e3", 1000)]
)
def test_quantities(text: str, value: float) -> None:
    """Quantities are read with all their suffixes."""
    assert float(parse_quantity(text)) == value


def test_requests_count_init_containers_once() -> None:
    """A pod asks for the larger of its init step and its running containers with their sidecars."""
    sidecar = {"name": "s", "restartPolicy": "Always", **asks("1", "1Mi")}
    init = {"name": "i", **asks("5", "1Mi")}
    pod = {
        "spec": {
            "initContainers": [sidecar, init],
            "containers": [{"name": "c", **asks("2", "9Mi")}],
        }
    }
    assert sum_pod_requests(pod) == ResourceAmount(6000, 10 * 2**20)


@pytest.mark.parametrize(
    ("resources", "quality"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        (
            {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "1Gi"}},
            "Burstable",
        ),
    ],
)
def test_quality(resources: Object, quality: str) -> None:
    """The QoS class follows requests and limits."""
    assert (
        compute_qos_class({"spec": {"containers": [{"name": "c", "resources": resources}]}})
        == quality
    )
