"""The kubelet's work on one pod, from its binding to its removal."""

from __future__ import annotations

import asyncio
import logging

from sandbox.cluster.contract import ApiError, Object
from sandbox.cluster.kubelet.container_runner import ContainerRunner
from sandbox.cluster.kubelet.images import compute_digest
from sandbox.cluster.kubelet.node_runtime import NodeRuntime
from sandbox.cluster.kubelet.pod_process import PodProcess
from sandbox.cluster.kubelet.reporter import PodReporter
from sandbox.cluster.kubelet.status import CREATING, build_waiting_state
from sandbox.cluster.kubelet.volumes import find_missing_volume
from sandbox.cluster.machinery.meta import PODS, annotations_of

log = logging.getLogger(__name__)

NETWORK_ERROR = "sandbox.meshbot.dev/network-error"
"""What a plugin of the pod network (CNI) says to a pod that carries this annotation."""
_NETWORK_SECONDS = 12.0
"""Simulated seconds between attempts to create a pod's sandbox: the kubelet synchronizes a
pod that failed after 10 to 15 s (1.36)."""
_FIRST_MOUNT_BACKOFF, _LONGEST_MOUNT_BACKOFF = 0.5, 122.0
"""The kubelet's waits between attempts to mount a volume, in simulated seconds: doubled each time.
"""


class PodWorker:
    """One pod from its binding to its removal. `program` is what answers for it, once started."""

    def __init__(self, host: NodeRuntime, pod: Object, address: str) -> None:
        self.host, self.address = host, address
        self.reporter = PodReporter(host, pod)
        self.program = PodProcess(host, self.reporter)
        self._runner = ContainerRunner(host, self.reporter, self.program)
        self._pod = pod

    async def run(self) -> None:
        """Start the pod's containers and keep them running, until cancelled."""
        try:
            await self.reporter.publish_status()
            await self._wait_for_volumes()
            await self._wait_for_network()
            await self.host.clock.sleep(self.host.timings.sandbox)
            self.reporter.set_address(self.address)
            await self._run_containers()
        except* ApiError as errors:
            # 404: the pod was removed while its status was being written, which ends its work.
            if any(error.code != 404 for error in errors.exceptions if isinstance(error, ApiError)):
                key = self.reporter.key
                log.warning(
                    "pod %s/%s is left alone: %s", key.namespace, key.name, errors.exceptions
                )

    async def _run_containers(self) -> None:
        async with asyncio.TaskGroup() as group:
            sidecars: list[asyncio.Task[None]] = []
            # Init containers go one after the other, each to its end. One that is a native sidecar
            # (restartPolicy Always) keeps running, so that the next waits only for its start.
            for each in self.reporter.containers:
                if each.is_native_sidecar:
                    started = asyncio.Event()
                    sidecars.append(group.create_task(self._runner.keep_running(each, started)))
                    await started.wait()
                elif each.init:
                    await self._runner.run_init_container(each)
                if each.final:
                    await self._end_pod(sidecars)
                    return
            main: list[asyncio.Task[None]] = []
            for each in self.reporter.containers:
                if not each.init:
                    each.state = build_waiting_state(CREATING) if not each.runs else each.state
                    main.append(group.create_task(self._runner.keep_running(each)))
            await asyncio.wait(main)
            await self._end_pod(sidecars)

    async def _end_pod(self, sidecars: list[asyncio.Task[None]]) -> None:
        """Stop what is left once none of the pod's containers will run again."""
        for task in sidecars:
            task.cancel()
        await asyncio.gather(*sidecars, return_exceptions=True)
        await self.program.stop()
        for each in self.reporter.containers:
            if each.is_running:
                await self.reporter.publish_terminated(each, 0)
        await self.reporter.publish_status()

    async def _wait_for_volumes(self) -> None:
        # A kubelet mounts every volume before the first container; a ConfigMap or Secret that comes
        # later is found by the next attempt, since nothing here watches for it.
        delay = _FIRST_MOUNT_BACKOFF
        while problem := await find_missing_volume(self.host.client, self._pod):
            self.host.events.warning(self.reporter.pod, "FailedMount", problem)
            await self.host.clock.sleep(delay)
            delay = min(delay * 2, _LONGEST_MOUNT_BACKOFF)

    async def _wait_for_network(self) -> None:
        # The runtime asks the network's plugins before the first container; what they refuse is
        # tried again with each of the kubelet's turns.
        problem = annotations_of(self._pod).get(NETWORK_ERROR, "")
        while problem:
            sandbox = compute_digest(f"{self.reporter.uid}{self.host.clock.format_timestamp()}")
            self.host.events.warning(
                self.reporter.pod,
                "FailedCreatePodSandBox",
                "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup "
                f'network for sandbox "{sandbox}": {problem}',
            )
            await self.host.clock.sleep(_NETWORK_SECONDS)

    def kill_containers(self, code: int) -> None:
        """End the pod's containers now with this exit code; the kubelet starts them again."""
        for each in self.reporter.containers:
            if (
                each.is_running
                and not each.init
                and each.death is not None
                and not each.death.done()
            ):
                each.death.set_result(code)

    async def terminate(self, grace: float) -> None:
        """Stop the containers within the grace period and remove the pod from the API.

        `grace` is in simulated seconds.
        """
        running = [each for each in self.reporter.containers if each.is_running]
        for each in running:
            self.reporter.record_event(each, "Killing", f"Stopping container {each.name}")
        if running:
            await self.host.clock.sleep(min(grace, self.host.timings.stop))
        await self.program.stop()
        # Grace 0 from the kubelet is what removes the object: a pod that was deleted with a grace
        # period stays in the API until its node says that nothing of it runs any more.
        key = self.reporter.key
        try:
            await self.host.client.delete(PODS, key.name, key.namespace, grace=0)
        except ApiError as error:
            if error.code != 404:
                raise
