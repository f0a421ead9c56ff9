"""Injectable faults of the embedded cluster; a real cluster is never touched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from sandbox.cluster.contract import ApiError, Ref
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.cluster.faults import ApiFault
from sandbox.troubles.controls import InjectableFault, Undo

DEPLOYMENTS = Ref("apps", "deployments")
IMAGES = (
    "pilot",
    "proxyv2",
    "ztunnel",
    "install-cni",
    "reviews",
    "productpage",
    "kiali",
    "prometheus",
    "jaegertracing",
)
"""Parts of image names that the workshop pulls."""

REASON = "manifest unknown"
KILL_PAUSE, PULL_SECONDS = 2.0, 60.0
"""Simulated seconds between two kills of a pod, and how long a slow pull takes."""

GROUP, MANAGER = "Cluster", "troublemaker"


def build_cluster_faults(
    cluster: EmbeddedCluster, pods: Callable[[], Sequence[tuple[str, str]]]
) -> tuple[InjectableFault, ...]:
    """Return the faults of this cluster.

    `pods` returns the (namespace, name) of pods that can be killed.
    """
    faults = _ClusterFaults(cluster)

    def named() -> list[str]:
        return [f"{namespace}/{name}" for namespace, name in pods()]

    return (
        InjectableFault(
            "kill",
            GROUP,
            "Kill a pod",
            "again and again, until undone",
            faults.kill_pod,
            named,
            "Pod",
        ),
        InjectableFault(
            "image",
            GROUP,
            "Break an image",
            "where no node has it yet",
            faults.break_image,
            lambda: IMAGES,
            "Image",
        ),
        InjectableFault(
            "istiod",
            GROUP,
            "Take istiod away",
            "its deployments are scaled to 0",
            faults.scale_down_istiod,
        ),
        InjectableFault(
            "pulls", GROUP, "Slow pulls", f"each takes {PULL_SECONDS:g} s", faults.slow_image_pulls
        ),
        InjectableFault(
            "api",
            GROUP,
            "API server answers 503",
            "to every request; watches go on",
            faults.refuse_requests,
        ),
    )


class _ClusterFaults:
    def __init__(self, cluster: EmbeddedCluster) -> None:
        self._cluster = cluster
        self._client = cluster.client(MANAGER)

    async def kill_pod(self, chosen: str) -> Undo:
        namespace, _, name = chosen.partition("/")
        if not name or not self._cluster.kill_pod(namespace, name):
            raise LookupError(f"nothing runs in {chosen or 'that pod'}")

        async def again() -> None:
            while True:
                await self._cluster.clock.sleep(KILL_PAUSE)
                self._cluster.kill_pod(namespace, name)

        task = asyncio.create_task(again())

        async def undo() -> None:
            task.cancel()

        return undo

    async def break_image(self, chosen: str) -> Undo:
        if chosen not in IMAGES:
            raise LookupError("choose an image")
        self._cluster.break_image_pulls(chosen, REASON)

        async def undo() -> None:
            self._cluster.restore_image_pulls(chosen)

        return undo

    async def scale_down_istiod(self, chosen: str) -> Undo:
        there = await self._client.list(DEPLOYMENTS, labels="app=istiod")
        # One that has no pods wanted already is another trouble's, or somebody's, to put back.
        there = [each for each in there if each["spec"].get("replicas", 1)]
        if not there:
            raise LookupError("there is no istiod to take away")
        before = {
            (d["metadata"]["namespace"], d["metadata"]["name"]): int(d["spec"].get("replicas", 1))
            for d in there
        }
        for place in before:
            await self._scale_deployment(place, 0)

        async def undo() -> None:
            for place, replicas in before.items():
                await self._scale_deployment(place, replicas)

        return undo

    async def _scale_deployment(self, place: tuple[str, str], replicas: int) -> None:
        namespace, name = place
        try:
            await self._client.merge(DEPLOYMENTS, name, namespace, {"spec": {"replicas": replicas}})
        except ApiError as refusal:
            if refusal.code != 404:
                raise LookupError(refusal.message) from refusal

    async def slow_image_pulls(self, chosen: str) -> Undo:
        self._cluster.slow_image_pulls(PULL_SECONDS)

        async def undo() -> None:
            self._cluster.slow_image_pulls(None)

        return undo

    async def refuse_requests(self, chosen: str) -> Undo:
        fault = self._cluster.server.faults.add(ApiFault("unavailable"))

        async def undo() -> None:
            self._cluster.server.faults.remove(fault)

        return undo
