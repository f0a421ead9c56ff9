"""The kubelet's work on one pod: images, containers, readiness, crashes, termination."""

from __future__ import annotations

import asyncio
import logging

from sandbox.cluster.contract import ApiError, Object, Process
from sandbox.cluster.kubelet.images import PullError, matches_image
from sandbox.cluster.kubelet.node_runtime import NodeRuntime, format_go_duration
from sandbox.cluster.kubelet.status import (
    CREATING,
    Container,
    PodPlacement,
    build_containers,
    build_waiting_state,
    compute_pod_status,
)
from sandbox.cluster.kubelet.volumes import find_missing_volume
from sandbox.cluster.machinery.meta import PODS, annotations_of, key_of, uid_of

log = logging.getLogger(__name__)

WAITING = "sandbox.meshbot.dev/waiting"
CRASH = "sandbox.meshbot.dev/crash"
UNREADY = "sandbox.meshbot.dev/unready"
_PULL_REASONS = ("ImagePullBackOff", "ErrImagePull")
# The kubelet's back-off for pulls and restarts: seconds, doubled each time up to five minutes.
_BACKOFF, _LONGEST_BACKOFF = 10.0, 300.0


class _ContainerExit(Exception):
    """A container ended with this exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class PodWorker:
    """One pod from its binding to its removal. `process` is the program that answers for it, once
    started."""

    def __init__(self, host: NodeRuntime, pod: Object, address: str) -> None:
        self.host, self.address = host, address
        self.key, self.uid = key_of(pod), uid_of(pod)
        self.process: Process | None = None
        self._pod = pod
        self._containers = build_containers(pod)
        self._place = PodPlacement(host.address, "", host.clock.format_timestamp())
        self._publishing = asyncio.Lock()
        self._annotations = annotations_of(pod)

    @property
    def pod(self) -> Object:
        """The pod as last seen."""
        seen = self.host.pods.get(self.key)
        return seen if seen is not None and uid_of(seen) == self.uid else self._pod

    async def run(self) -> None:
        """Start the pod's containers and keep them running, until cancelled."""
        try:
            await self._publish_status()
            await self._wait_for_volumes()
            await self.host.clock.sleep(self.host.timings.sandbox)
            self._place = PodPlacement(self.host.address, self.address, self._place.since)
            async with asyncio.TaskGroup() as group:
                for each in self._containers:
                    if each.is_native_sidecar:
                        started = asyncio.Event()
                        group.create_task(self._keep_running(each, started))
                        await started.wait()
                    elif each.init:
                        await self._run_init_container(each)
                for each in self._containers:
                    if not each.init:
                        each.state = build_waiting_state(CREATING) if not each.runs else each.state
                        group.create_task(self._keep_running(each))
        except* ApiError as errors:
            if any(error.code != 404 for error in errors.exceptions if isinstance(error, ApiError)):
                log.warning(
                    "pod %s/%s is left alone: %s",
                    self.key.namespace,
                    self.key.name,
                    errors.exceptions,
                )

    async def _wait_for_volumes(self) -> None:
        delay = 0.5
        while problem := await find_missing_volume(self.host.client, self._pod):
            self.host.events.warning(self.pod, "FailedMount", problem)
            await self.host.clock.sleep(delay)
            delay = min(delay * 2, 122.0)  # the kubelet's longest back-off between mounts

    async def _publish_status(self) -> None:
        async with self._publishing, self.host.gate:
            await asyncio.sleep(
                0
            )  # a crowd of pods that change at once must leave the loop to others in between
            pod = self.pod
            status = compute_pod_status(
                pod, self._containers, self._place, self.host.clock.format_timestamp()
            )
            known = pod.get("status", {})
            if all(known.get(name) == value for name, value in status.items()):
                return
            stored = await self.host.client.merge(
                PODS, self.key.name, self.key.namespace, {"status": status}, subresource="status"
            )
            if uid_of(stored) == self.uid:
                self.host.pods.observe(stored)

    async def _set_waiting(self, container: Container, reason: str, message: str = "") -> None:
        container.state = build_waiting_state(reason, message)
        container.ready = container.started = False
        await self._publish_status()

    def _record_event(
        self, container: Container, reason: str, message: str, *, warn: bool = False
    ) -> None:
        tell = self.host.events.warning if warn else self.host.events.normal
        tell(self.pod, reason, message, field_path=container.field_path)

    async def _ensure_image(self, container: Container) -> None:
        """Pull the container's image; keep trying, with the kubelet's back-off."""
        reason = self._annotations.get(WAITING, "")
        if reason and reason not in _PULL_REASONS:
            await self._set_waiting(container, reason)
            await asyncio.Event().wait()
        image, policy, backoff = (
            container.image,
            container.spec.get("imagePullPolicy", ""),
            _BACKOFF,
        )
        while True:
            try:
                await self._pull_image(container, image, policy, broken=bool(reason))
            except PullError as error:
                await self._set_waiting(container, "ErrImagePull", str(error))
                self._record_event(
                    container, "Failed", f'Failed to pull image "{image}": {error}', warn=True
                )
                self._record_event(container, "Failed", "Error: ErrImagePull", warn=True)
                await self.host.clock.sleep(2)
                message = f'Back-off pulling image "{image}"'
                await self._set_waiting(
                    container, "ImagePullBackOff", f"{message}: ErrImagePull: {error}"
                )
                self._record_event(container, "BackOff", message)
                self._record_event(container, "Failed", "Error: ImagePullBackOff", warn=True)
                await self.host.clock.sleep(backoff)
                backoff = min(backoff * 2, _LONGEST_BACKOFF)
            else:
                return

    async def _pull_image(
        self, container: Container, image: str, policy: str, *, broken: bool
    ) -> None:
        if not self.host.images.is_present(image, policy):
            self._record_event(container, "Pulling", f'Pulling image "{image}"')
        if broken:
            raise PullError(
                "rpc error: code = NotFound desc = the registry is told to have no such image"
            )
        pulled = await self.host.images.ensure_present(image, policy)
        if pulled.present:
            text = (
                f'Container image "{image}" already present on machine and can be accessed by the '
                f"pod"
            )
        else:
            took = f"{pulled.seconds:.3g}s"
            text = (
                f'Successfully pulled image "{image}" in {took} ({took} including waiting). '
                f"Image size: {pulled.size} bytes."
            )
        self._record_event(container, "Pulled", text)

    async def _start_container(self, container: Container) -> None:
        await self.host.clock.sleep(self.host.timings.start)
        container.state = {"running": {"startedAt": self.host.clock.format_timestamp()}}
        container.runs += 1
        container.started = True
        container.ready = False
        container.death = asyncio.get_running_loop().create_future()
        self._record_event(container, "Created", "Container created")
        self._record_event(container, "Started", "Container started")

    def _set_terminated(self, container: Container, code: int) -> None:
        since = container.state.get("running", {}).get(
            "startedAt", self.host.clock.format_timestamp()
        )
        container.state = {
            "terminated": {
                "exitCode": code,
                "reason": "Completed" if code == 0 else "Error",
                "startedAt": since,
                "finishedAt": self.host.clock.format_timestamp(),
                "containerID": container.build_status(self.uid).get("containerID", ""),
            }
        }
        container.ready = container.started = False

    async def _run_init_container(self, container: Container) -> None:
        await self._ensure_image(container)
        await self._start_container(container)
        await self._publish_status()
        await self.host.clock.sleep(self.host.timings.init)
        self._set_terminated(container, 0)
        container.ready = True
        await self._publish_status()

    async def _keep_running(
        self, container: Container, started: asyncio.Event | None = None
    ) -> None:
        """Run a container, and again whenever it ends.

        At once the first time, then after growing waits.
        """
        backoff = 0.0
        while True:
            await self._ensure_image(container)
            try:
                await self._run_container(container, started)
            except _ContainerExit as end:
                self._set_terminated(container, end.code)
                await self._publish_status()
            await self._stop_process(container)
            if backoff:
                await self._wait_crash_backoff(container, backoff)
            container.last = container.state if "terminated" in container.state else container.last
            container.restarts += 1
            backoff = min(backoff * 2, _LONGEST_BACKOFF) or _BACKOFF

    async def _wait_crash_backoff(self, container: Container, seconds: float) -> None:
        container.last = container.state
        title = f"{self.key.name}_{self.key.namespace}({self.uid})"
        self._record_event(
            container,
            "BackOff",
            f"Back-off restarting failed container {container.name} in pod {title}",
            warn=True,
        )
        message = (
            f"back-off {format_go_duration(seconds)} restarting failed container={container.name} "
            f"pod={title}"
        )
        await self._set_waiting(container, "CrashLoopBackOff", message)
        await self.host.clock.sleep(seconds)

    async def _run_container(self, container: Container, started: asyncio.Event | None) -> None:
        """Run a container once; raise _ContainerExit when it ends."""
        await self._start_container(container)
        if started is not None:
            started.set()
        await self._start_program(container)
        if self._annotations.get(CRASH) == "true" and not container.init:
            await self._publish_status()
            await self.host.clock.sleep(1)
            raise _ContainerExit(1)
        await self._wait_until_ready(container)
        if container.death is not None:
            raise _ContainerExit(await asyncio.shield(container.death))

    async def _wait_until_ready(self, container: Container) -> None:
        delay = self._seconds_to_ready(container)
        if delay or self._annotations.get(UNREADY) == "true":
            await self._publish_status()
        if self._annotations.get(UNREADY) == "true" and not container.init:
            await self._report_failing_probe(container)
        if delay:
            await self._sleep_or_exit(container, delay)
        container.ready = True
        await self._publish_status()

    def _seconds_to_ready(self, container: Container) -> float:
        for pattern, seconds in self.host.timings.ready:
            if matches_image(pattern, container.image):
                return seconds
        probes = [
            probe
            for name in ("startupProbe", "readinessProbe")
            if (probe := container.spec.get(name))
        ]
        delays = [probe.get("initialDelaySeconds", 0) for probe in probes]
        return self.host.timings.probe + max(delays) if delays else 0.0

    async def _report_failing_probe(self, container: Container) -> None:
        period = (container.spec.get("readinessProbe") or {}).get("periodSeconds", 10)
        while container.death is not None and not container.death.done():
            message = "Readiness probe failed: HTTP probe failed with statuscode: 503"
            self._record_event(container, "Unhealthy", message, warn=True)
            await self._sleep_or_exit(container, period)

    async def _sleep_or_exit(self, container: Container, seconds: float) -> None:
        """Wait; raise _ContainerExit when the container is killed meanwhile."""
        if container.death is None:
            return
        sleep = asyncio.create_task(self.host.clock.sleep(seconds))

        def wake(_: asyncio.Future[int]) -> None:
            sleep.cancel()

        container.death.add_done_callback(wake)
        try:
            await asyncio.wait([sleep])
        finally:
            sleep.cancel()
            container.death.remove_done_callback(wake)
        if container.death.done():
            raise _ContainerExit(container.death.result())

    async def _start_program(self, container: Container) -> None:
        """Start the pod's program, which belongs to its first container."""
        if container is not self._get_main_container():
            return
        program = next((each for each in self.host.programs if each.runs_in(self.pod)), None)
        if program is None:
            return
        await self._publish_status()
        try:
            self.process = await program.start(self.pod, self.host.client)
        except Exception as error:
            log.exception(
                "the program of pod %s/%s did not start", self.key.namespace, self.key.name
            )
            raise _ContainerExit(1) from error

    def _get_main_container(self) -> Container:
        return next(each for each in self._containers if not each.init)

    async def _stop_process(self, container: Container | None = None) -> None:
        if container is not None and container is not self._get_main_container():
            return
        process, self.process = self.process, None
        if process is None:
            return
        try:
            await process.stop()
        except Exception:
            # A pod must be able to end whatever its program does, as a killed process would.
            log.exception(
                "the program of pod %s/%s did not stop cleanly", self.key.namespace, self.key.name
            )

    def kill_containers(self, code: int) -> None:
        """End the pod's containers now with this exit code; the kubelet starts them again."""
        for each in self._containers:
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
        running = [each for each in self._containers if each.is_running]
        for each in running:
            self._record_event(each, "Killing", f"Stopping container {each.name}")
        if running:
            await self.host.clock.sleep(min(grace, self.host.timings.stop))
        await self.stop_without_update()
        try:
            await self.host.client.delete(PODS, self.key.name, self.key.namespace, grace=0)
        except ApiError as error:
            if error.code != 404:
                raise

    async def stop_without_update(self) -> None:
        """Stop the program without telling the API: the pod is gone, or its node is."""
        await self._stop_process()
