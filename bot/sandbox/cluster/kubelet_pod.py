"""The life of one pod on its node: volumes, images, init containers, programs, readiness, crashes, and its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from bot.sandbox.clock import Clock
from bot.sandbox.cluster.contract import ApiError, Client, Object, Process, Program
from bot.sandbox.cluster.controllers.informer import Informer
from bot.sandbox.cluster.controllers.meta import PODS, annotations_of, key_of, uid_of
from bot.sandbox.cluster.controllers.recorder import Recorder
from bot.sandbox.cluster.kubelet_images import NodeImages, PullError, Timings, fits
from bot.sandbox.cluster.kubelet_status import CREATING, Container, Place, containers_of, status_of, waiting
from bot.sandbox.cluster.kubelet_volumes import missing_volume

log = logging.getLogger(__name__)

WAITING = "sandbox.meshbot.dev/waiting"
CRASH = "sandbox.meshbot.dev/crash"
UNREADY = "sandbox.meshbot.dev/unready"
_PULL_REASONS = ("ImagePullBackOff", "ErrImagePull")
# The kubelet's back-off for pulls and restarts: seconds, doubled each time up to five minutes.
_BACKOFF, _LONGEST_BACKOFF = 10.0, 300.0


@dataclass(frozen=True)
class Host:
    """What a node offers its pods. `client` writes as the kubelet; programs get it too and act as themselves.

    `gate` limits how many status writes are under way at once.
    """

    name: str
    address: str
    client: Client
    clock: Clock
    pods: Informer
    images: NodeImages
    timings: Timings
    events: Recorder
    programs: Sequence[Program]
    gate: asyncio.Semaphore


class _Exit(Exception):
    """A container ended with this exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def duration(seconds: float) -> str:
    """Seconds as Go prints a duration: `10s`, `1m20s`."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


class PodLife:
    """One pod from its binding to its removal. `process` is the program that answers for it, once started."""

    def __init__(self, host: Host, pod: Object, address: str) -> None:
        self.host, self.address = host, address
        self.key, self.uid = key_of(pod), uid_of(pod)
        self.process: Process | None = None
        self._pod = pod
        self._containers = containers_of(pod)
        self._place = Place(host.address, "", host.clock.stamp())
        self._publishing = asyncio.Lock()
        self._annotations = annotations_of(pod)

    @property
    def pod(self) -> Object:
        """The pod as last seen."""
        seen = self.host.pods.get(self.key)
        return seen if seen is not None and uid_of(seen) == self.uid else self._pod

    async def run(self) -> None:
        """Brings the pod up and keeps it up, until cancelled."""
        try:
            await self._publish()
            await self._mount()
            await self.host.clock.sleep(self.host.timings.sandbox)
            self._place = Place(self.host.address, self.address, self._place.since)
            async with asyncio.TaskGroup() as group:
                for each in self._containers:
                    if each.sidecar:
                        started = asyncio.Event()
                        group.create_task(self._keep(each, started))
                        await started.wait()
                    elif each.init:
                        await self._run_init(each)
                for each in self._containers:
                    if not each.init:
                        each.state = waiting(CREATING) if not each.runs else each.state
                        group.create_task(self._keep(each))
        except* ApiError as errors:
            if any(error.code != 404 for error in errors.exceptions if isinstance(error, ApiError)):
                log.warning("pod %s/%s is left alone: %s", self.key.namespace, self.key.name, errors.exceptions)

    async def _mount(self) -> None:
        delay = 0.5
        while problem := await missing_volume(self.host.client, self._pod):
            self.host.events.warning(self.pod, "FailedMount", problem)
            await self.host.clock.sleep(delay)
            delay = min(delay * 2, 122.0)  # the kubelet's longest back-off between mounts

    async def _publish(self) -> None:
        async with self._publishing, self.host.gate:
            await asyncio.sleep(0)  # a crowd of pods that change at once must leave the loop to others in between
            pod = self.pod
            status = status_of(pod, self._containers, self._place, self.host.clock.stamp())
            known = pod.get("status", {})
            if all(known.get(name) == value for name, value in status.items()):
                return
            stored = await self.host.client.merge(
                PODS, self.key.name, self.key.namespace, {"status": status}, subresource="status"
            )
            if uid_of(stored) == self.uid:
                self.host.pods.observe(stored)

    async def _wait_as(self, container: Container, reason: str, message: str = "") -> None:
        container.state = waiting(reason, message)
        container.ready = container.started = False
        await self._publish()

    def _tell(self, container: Container, reason: str, message: str, *, warn: bool = False) -> None:
        tell = self.host.events.warning if warn else self.host.events.normal
        tell(self.pod, reason, message, field_path=container.field_path)

    async def _fetch(self, container: Container) -> None:
        """Has the container's image; keeps trying, with the kubelet's back-off."""
        reason = self._annotations.get(WAITING, "")
        if reason and reason not in _PULL_REASONS:
            await self._wait_as(container, reason)
            await asyncio.Event().wait()
        image, policy, backoff = container.image, container.spec.get("imagePullPolicy", ""), _BACKOFF
        while True:
            try:
                await self._pull(container, image, policy, broken=bool(reason))
            except PullError as error:
                await self._wait_as(container, "ErrImagePull", str(error))
                self._tell(container, "Failed", f'Failed to pull image "{image}": {error}', warn=True)
                self._tell(container, "Failed", "Error: ErrImagePull", warn=True)
                await self.host.clock.sleep(2)
                message = f'Back-off pulling image "{image}"'
                await self._wait_as(container, "ImagePullBackOff", f"{message}: ErrImagePull: {error}")
                self._tell(container, "BackOff", message)
                self._tell(container, "Failed", "Error: ImagePullBackOff", warn=True)
                await self.host.clock.sleep(backoff)
                backoff = min(backoff * 2, _LONGEST_BACKOFF)
            else:
                return

    async def _pull(self, container: Container, image: str, policy: str, *, broken: bool) -> None:
        if not self.host.images.has(image, policy):
            self._tell(container, "Pulling", f'Pulling image "{image}"')
        if broken:
            raise PullError("rpc error: code = NotFound desc = the registry is told to have no such image")
        pulled = await self.host.images.fetch(image, policy)
        if pulled.present:
            text = f'Container image "{image}" already present on machine and can be accessed by the pod'
        else:
            took = f"{pulled.seconds:.3g}s"
            text = (
                f'Successfully pulled image "{image}" in {took} ({took} including waiting). '
                f"Image size: {pulled.size} bytes."
            )
        self._tell(container, "Pulled", text)

    async def _begin(self, container: Container) -> None:
        await self.host.clock.sleep(self.host.timings.start)
        container.state = {"running": {"startedAt": self.host.clock.stamp()}}
        container.runs += 1
        container.started = True
        container.ready = False
        container.death = asyncio.get_running_loop().create_future()
        self._tell(container, "Created", "Container created")
        self._tell(container, "Started", "Container started")

    def _end(self, container: Container, code: int) -> None:
        since = container.state.get("running", {}).get("startedAt", self.host.clock.stamp())
        container.state = {
            "terminated": {
                "exitCode": code,
                "reason": "Completed" if code == 0 else "Error",
                "startedAt": since,
                "finishedAt": self.host.clock.stamp(),
                "containerID": container.report(self.uid).get("containerID", ""),
            }
        }
        container.ready = container.started = False

    async def _run_init(self, container: Container) -> None:
        await self._fetch(container)
        await self._begin(container)
        await self._publish()
        await self.host.clock.sleep(self.host.timings.init)
        self._end(container, 0)
        container.ready = True
        await self._publish()

    async def _keep(self, container: Container, started: asyncio.Event | None = None) -> None:
        """Runs a container, and again whenever it ends: at once the first time, then after growing waits."""
        backoff = 0.0
        while True:
            await self._fetch(container)
            try:
                await self._live(container, started)
            except _Exit as end:
                self._end(container, end.code)
                await self._publish()
            await self._stop_process(container)
            if backoff:
                await self._loop_back(container, backoff)
            container.last = container.state if "terminated" in container.state else container.last
            container.restarts += 1
            backoff = min(backoff * 2, _LONGEST_BACKOFF) or _BACKOFF

    async def _loop_back(self, container: Container, seconds: float) -> None:
        container.last = container.state
        title = f"{self.key.name}_{self.key.namespace}({self.uid})"
        self._tell(
            container, "BackOff", f"Back-off restarting failed container {container.name} in pod {title}", warn=True
        )
        message = f"back-off {duration(seconds)} restarting failed container={container.name} pod={title}"
        await self._wait_as(container, "CrashLoopBackOff", message)
        await self.host.clock.sleep(seconds)

    async def _live(self, container: Container, started: asyncio.Event | None) -> None:
        """One run of a container; raises _Exit when it ends."""
        await self._begin(container)
        if started is not None:
            started.set()
        await self._start_program(container)
        if self._annotations.get(CRASH) == "true" and not container.init:
            await self._publish()
            await self.host.clock.sleep(1)
            raise _Exit(1)
        await self._become_ready(container)
        if container.death is not None:
            raise _Exit(await asyncio.shield(container.death))

    async def _become_ready(self, container: Container) -> None:
        delay = self._seconds_to_ready(container)
        if delay or self._annotations.get(UNREADY) == "true":
            await self._publish()
        if self._annotations.get(UNREADY) == "true" and not container.init:
            await self._stay_unready(container)
        if delay:
            await self._sleep_or_die(container, delay)
        container.ready = True
        await self._publish()

    def _seconds_to_ready(self, container: Container) -> float:
        for pattern, seconds in self.host.timings.ready:
            if fits(pattern, container.image):
                return seconds
        probes = [probe for name in ("startupProbe", "readinessProbe") if (probe := container.spec.get(name))]
        delays = [probe.get("initialDelaySeconds", 0) for probe in probes]
        return self.host.timings.probe + max(delays) if delays else 0.0

    async def _stay_unready(self, container: Container) -> None:
        period = (container.spec.get("readinessProbe") or {}).get("periodSeconds", 10)
        while container.death is not None and not container.death.done():
            message = "Readiness probe failed: HTTP probe failed with statuscode: 503"
            self._tell(container, "Unhealthy", message, warn=True)
            await self._sleep_or_die(container, period)

    async def _sleep_or_die(self, container: Container, seconds: float) -> None:
        """Waits; raises _Exit when the container is killed meanwhile."""
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
            raise _Exit(container.death.result())

    async def _start_program(self, container: Container) -> None:
        """The pod's program belongs to its first container."""
        if container is not self._main():
            return
        program = next((each for each in self.host.programs if each.runs_in(self.pod)), None)
        if program is None:
            return
        await self._publish()
        try:
            self.process = await program.start(self.pod, self.host.client)
        except Exception as error:
            log.exception("the program of pod %s/%s did not start", self.key.namespace, self.key.name)
            raise _Exit(1) from error

    def _main(self) -> Container:
        return next(each for each in self._containers if not each.init)

    async def _stop_process(self, container: Container | None = None) -> None:
        if container is not None and container is not self._main():
            return
        process, self.process = self.process, None
        if process is None:
            return
        try:
            await process.stop()
        except Exception:
            log.exception("the program of pod %s/%s did not stop cleanly", self.key.namespace, self.key.name)

    def kill(self, code: int) -> None:
        """The pod's containers die now with this exit code; the kubelet starts them again."""
        for each in self._containers:
            if each.running and not each.init and each.death is not None and not each.death.done():
                each.death.set_result(code)

    async def terminate(self, grace: float) -> None:
        """Stops the containers within the grace (simulated seconds) and removes the pod from the API."""
        running = [each for each in self._containers if each.running]
        for each in running:
            self._tell(each, "Killing", f"Stopping container {each.name}")
        if running:
            await self.host.clock.sleep(min(grace, self.host.timings.stop))
        await self.abandon()
        try:
            await self.host.client.delete(PODS, self.key.name, self.key.namespace, grace=0)
        except ApiError as error:
            if error.code != 404:
                raise

    async def abandon(self) -> None:
        """Stops the program without telling the API: the pod is gone, or its node is."""
        await self._stop_process()
