"""What the API hears of one pod from its kubelet: the status, and Events about its containers."""

from __future__ import annotations

import asyncio

from sandbox.cluster.contract import Object
from sandbox.cluster.kubelet.node_runtime import NodeRuntime
from sandbox.cluster.kubelet.status import (
    Container,
    PodPlacement,
    build_containers,
    build_waiting_state,
    compute_pod_status,
)
from sandbox.cluster.machinery.meta import PODS, key_of, uid_of


class PodReporter:
    """Reports one pod: `containers` hold their states, which `publish_status` writes."""

    def __init__(self, host: NodeRuntime, pod: Object) -> None:
        self.key, self.uid = key_of(pod), uid_of(pod)
        self.containers = build_containers(pod)
        self._host, self._pod = host, pod
        self._place = PodPlacement(host.address, "", host.clock.format_timestamp())
        self._publishing = asyncio.Lock()

    @property
    def pod(self) -> Object:
        """The pod as last seen."""
        seen = self._host.pods.get(self.key)
        # A StatefulSet's next pod has the same name; its status is not this pod's to write.
        return seen if seen is not None and uid_of(seen) == self.uid else self._pod

    @property
    def main_container(self) -> Container:
        """The first container that is not an init container."""
        return next(each for each in self.containers if not each.init)

    def set_address(self, address: str) -> None:
        """Give the pod its address, which its status shows from now on."""
        self._place = PodPlacement(self._host.address, address, self._place.since)

    async def publish_status(self) -> None:
        """Write the pod's status, unless the API has it already."""
        # One write at a time: containers change side by side, and an older status that was
        # computed first must not be stored last. The gate bounds the writes of the whole node.
        async with self._publishing, self._host.gate:
            # A crowd of pods that change at once must leave the loop to others in between.
            await asyncio.sleep(0)
            pod = self.pod
            status = compute_pod_status(
                pod, self.containers, self._place, self._host.clock.format_timestamp()
            )
            known = pod.get("status", {})
            if all(known.get(name) == value for name, value in status.items()):
                return
            stored = await self._host.client.merge(
                PODS, self.key.name, self.key.namespace, {"status": status}, subresource="status"
            )
            if uid_of(stored) == self.uid:
                self._host.pods.observe(stored)

    async def publish_waiting(self, container: Container, reason: str, message: str = "") -> None:
        """Set a container to waiting, and publish that."""
        container.state = build_waiting_state(reason, message)
        container.ready = container.started = False
        await self.publish_status()

    async def publish_terminated(
        self, container: Container, code: int, reason: str = "", message: str = ""
    ) -> None:
        """Set a container to terminated with that exit code, and publish that; the reason is the
        code's unless another is told.

        An init container that has succeeded counts as ready.
        """
        now = self._host.clock.format_timestamp()
        container.state = {
            "terminated": {
                "exitCode": code,
                "reason": reason or ("Completed" if code == 0 else "Error"),
                **({"message": message} if message else {}),
                "startedAt": container.state.get("running", {}).get("startedAt", now),
                "finishedAt": now,
                "containerID": container.build_status(self.uid).get("containerID", ""),
            }
        }
        container.started = False
        container.ready = container.init and code == 0
        await self.publish_status()

    def record_event(
        self, container: Container, reason: str, message: str, *, warn: bool = False
    ) -> None:
        """Record an Event about a container."""
        record = self._host.events.warning if warn else self._host.events.normal
        record(self.pod, reason, message, field_path=container.field_path)
