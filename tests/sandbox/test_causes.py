"""Causes that are made in an embedded cluster and taken back: objects change as the files say, and
are then as they were."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.diagnosis import testbed as stage
from benchmarks.diagnosis.corpus import STATES
from benchmarks.diagnosis.restore import Snapshot, compare, take_snapshot
from benchmarks.diagnosis.run import settle_down
from sandbox.clock import Clock
from sandbox.cluster.contract import Client, Ref
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.troubles import FaultControls, build_causes
from sandbox.troubles.causes import Cause, Change, Create, Delete, Patch, load_causes
from sandbox.troubles.engine import CauseEngine
from sandbox.workspace import Sidebar

Json = dict[str, Any]
CAUSES = {cause.id: cause for cause in load_causes("bookinfo")}
SAMPLES = {
    "sidecars": (
        *("control-plane-down", "node-unschedulable", "crash-loop"),
        *("app-not-deployed", "service-missing", "service-port-wrong"),
        *("injector-webhook-missing", "label-misspelt", "injection-opted-out"),
        *("gateway-class-unknown", "gateway-not-ready", "route-backend-missing"),
        *("subset-without-destinationrule", "rules-mixed", "user-never-reaches-ratings"),
        *("strict-mtls-plain-client", "authorization-denies"),
        *("prometheus-not-ready", "kiali-version-mismatch", "tracing-sampling-low"),
    ),
    "waypoint": ("ztunnel-not-ready", "captured-without-ztunnel", "waypoint-for-mismatch"),
}
"""Several causes of each subject, and the state in which they are made."""

RESTORED_SECONDS = 30.0
DEPLOYMENTS, SERVICES = Ref("apps", "deployments"), Ref("", "services")
NAMESPACES = Ref("", "namespaces")


@pytest.mark.long
@pytest.mark.timeout(180)
async def test_objects_change_as_the_files_say_and_are_then_as_they_were(tmp_path: Path) -> None:
    """In a workshop with sidecars, and further on with a waypoint."""
    async with stage.open_testbed(tmp_path, "1.30.3", "sidecars", speed=100) as testbed:
        before = await settle_down(testbed)
        for cause in SAMPLES["sidecars"]:
            await make_and_undo(testbed, CAUSES[cause], before)
        for line in STATES["waypoint"][len(STATES["sidecars"]) :]:
            await testbed.play(line)
        before = await settle_down(testbed)
        for cause in SAMPLES["waypoint"]:
            await make_and_undo(testbed, CAUSES[cause], before)


async def make_and_undo(testbed: stage.Testbed, cause: Cause, before: Snapshot) -> None:
    """Make a cause, look at the objects, undo it, and look again."""
    client = testbed.cluster.client("tests")
    undo = await CauseEngine(testbed.cluster, "bookinfo").inject(cause)
    for change in cause.changes:
        if not (isinstance(change, Delete) and is_created_again(change, cause)):
            assert await is_as_said(client, change), (cause.id, change)
    await undo()
    end, left = time.monotonic() + RESTORED_SECONDS, "?"
    while left and time.monotonic() < end:
        await asyncio.sleep(0.1)
        left = compare(before, await take_snapshot(testbed))
    assert left == "", cause.id


def is_created_again(change: Delete, cause: Cause) -> bool:
    """Whether what is deleted comes in another shape."""
    made = [c.manifest["metadata"]["name"] for c in cause.changes if isinstance(c, Create)]
    return change.target.name in made


async def is_as_said(client: Client, change: Change) -> bool:
    """Whether objects are as a change leaves them."""
    if isinstance(change, Create):
        meta = change.manifest["metadata"]
        found = await client.get(change.ref, meta["name"], meta.get("namespace", ""))
        return found is not None and set(change.manifest) <= set(found)
    if not isinstance(change, Patch | Delete):
        return True
    target = change.target
    listed = await client.list(target.ref, target.namespace, target.labels)
    those = [obj for obj in listed if target.name in ("", obj["metadata"]["name"])]
    if isinstance(change, Delete):
        return all(obj["metadata"].get("ownerReferences") for obj in those)
    return bool(those) and all(change.edit(obj) == obj for obj in those)


@pytest.fixture
async def cluster() -> AsyncIterator[EmbeddedCluster]:
    """A cluster with something that looks like an istiod and a part of Bookinfo."""
    cluster = EmbeddedCluster(Clock(100))
    await cluster.start()
    client = cluster.client("test")
    for name in ("bookinfo", "istio-system"):
        await client.create(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
        )
    await client.create(deployment("istio-system", "istiod", {"app": "istiod"}))
    await client.create(service("istio-system", "istiod", {"app": "istiod"}))
    for name in ("productpage", "ratings"):
        labels = {"app": name, "version": "v1"}
        await client.create(deployment("bookinfo", f"{name}-v1", labels))
    await client.create(service("bookinfo", "ratings", {"app": "ratings"}))
    yield cluster
    await cluster.stop()


def deployment(namespace: str, name: str, labels: Json) -> Json:
    """A Deployment of one pod."""
    pod = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "main", "image": f"example/{name}"}]},
    }
    meta = {"name": name, "namespace": namespace, "labels": labels}
    spec = {"selector": {"matchLabels": labels}, "template": pod}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}


def service(namespace: str, name: str, labels: Json) -> Json:
    """A Service with one port."""
    meta = {"name": name, "namespace": namespace, "labels": labels}
    spec = {"selector": labels, "ports": [{"name": "http", "port": 9080}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}


def controls(cluster: EmbeddedCluster) -> FaultControls:
    """The controls with causes alone."""
    return FaultControls(Sidebar(), (), {}, build_causes(cluster, "bookinfo"))


async def test_what_is_not_possible_says_why(cluster: EmbeddedCluster) -> None:
    """A cause whose ground is missing is refused with the reason, and shown with it."""
    page = controls(cluster)
    with pytest.raises(LookupError, match="no pod of Bookinfo has a sidecar: /mesh inject"):
        await page.start_fault("label-misspelt")
    assert page.active == {}
    engine = CauseEngine(cluster, "bookinfo")
    assert engine.find_obstacle(CAUSES["service-missing"]) == ""
    await cluster.client("test").delete(DEPLOYMENTS, "productpage-v1", "bookinfo")
    assert "Bookinfo is not deployed" in engine.find_obstacle(CAUSES["service-missing"])


async def test_what_is_so_already_is_refused(cluster: EmbeddedCluster) -> None:
    """Nothing would be changed, and nothing would be to undo."""
    await cluster.client("test").merge(
        DEPLOYMENTS, "ratings-v1", "bookinfo", {"spec": {"replicas": 0}}
    )
    with pytest.raises(LookupError, match="so already"):
        await controls(cluster).start_fault("workload-scaled-to-zero")


async def test_two_causes_never_change_the_same_field(cluster: EmbeddedCluster) -> None:
    """The second is refused by the first one's name, and leaves nothing behind."""
    client, page = cluster.client("test"), controls(cluster)
    await page.start_fault("service-missing")
    await page.undo_fault("service-missing")
    await page.start_fault("istio-not-installed")
    await client.create(deployment("istio-system", "istiod", {"app": "istiod"}))
    with pytest.raises(LookupError, match="undo “Delete istiod” first"):
        await page.start_fault("control-plane-down")
    (istiod,) = await client.list(DEPLOYMENTS, "istio-system")
    assert (istiod["spec"]["replicas"], page.active) == (1, {"istio-not-installed": ""})


async def test_an_undo_leaves_what_others_changed(cluster: EmbeddedCluster) -> None:
    """It takes back its own fields, in whatever order causes of one object are undone."""
    client, page = cluster.client("test"), controls(cluster)
    await page.start_fault("workload-scaled-to-zero")
    await page.start_fault("crash-loop")
    await client.merge(
        DEPLOYMENTS, "ratings-v1", "bookinfo", {"metadata": {"labels": {"team": "stars"}}}
    )
    await page.undo_fault("workload-scaled-to-zero")
    await page.undo_fault("crash-loop")
    found = await client.get(DEPLOYMENTS, "ratings-v1", "bookinfo")
    assert found is not None
    assert (found["spec"]["replicas"], found["metadata"]["labels"]["team"]) == (1, "stars")
    assert found["spec"]["strategy"]["type"] == "RollingUpdate"
    assert "annotations" not in found["spec"]["template"]["metadata"]


async def test_a_stop_leaves_nothing_in_force(cluster: EmbeddedCluster) -> None:
    """What was deleted is back, unless somebody took away what it stood in."""
    client, page = cluster.client("test"), controls(cluster)
    before = await client.get(SERVICES, "ratings", "bookinfo")
    await page.start_fault("service-missing")
    await page.start_fault("workload-scaled-to-zero")
    assert "Undo: Scale ratings to 0" in page._side.fragments["causes"]
    await page.stop()
    after = await client.get(SERVICES, "ratings", "bookinfo")
    assert before is not None
    assert after is not None
    assert after["spec"] == before["spec"]
    assert (page.active, page._side.fragments["hurting"]) == ({}, "")
    await page.start_fault("service-missing")
    await client.delete(NAMESPACES, "bookinfo")
    await cluster.clock.sleep(60)
    await page.stop()
    assert await client.list(SERVICES, "bookinfo") == []


async def test_what_belongs_to_a_mesh_that_was_removed_does_not_come_back(
    cluster: EmbeddedCluster,
) -> None:
    """A webhook without its istiod would refuse every pod."""
    client, page = cluster.client("test"), controls(cluster)
    label = {"metadata": {"labels": {"operator.istio.io/component": "Pilot"}}}
    await client.merge(DEPLOYMENTS, "istiod", "istio-system", label)
    await page.start_fault("istio-not-installed")
    await client.delete(SERVICES, "istiod", "istio-system")
    await page.stop()
    assert await client.list(DEPLOYMENTS, "istio-system") == []
