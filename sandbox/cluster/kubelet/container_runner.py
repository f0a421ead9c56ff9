"""The runs of one pod's containers: start, readiness, crash, and the wait before the next run."""

from __future__ import annotations

import asyncio
import logging

from sandbox.cluster.kubelet.image_pulls import ImagePuller
from sandbox.cluster.kubelet.images import matches_image
from sandbox.cluster.kubelet.node_runtime import (
    BACKOFF,
    LONGEST_BACKOFF,
    NodeRuntime,
    format_go_duration,
)
from sandbox.cluster.kubelet.pod_process import PodProcess
from sandbox.cluster.kubelet.reporter import PodReporter
from sandbox.cluster.kubelet.status import Container
from sandbox.cluster.machinery.meta import annotations_of

log = logging.getLogger(__name__)

CRASH = "sandbox.meshbot.dev/crash"
UNREADY = "sandbox.meshbot.dev/unready"


class _ContainerExit(Exception):
    """A container ended with this exit code, and a reason other than the code's own."""

    def __init__(self, code: int, reason: str = "", message: str = "") -> None:
        super().__init__(code)
        self.code, self.reason, self.message = code, reason, message


def _build_crash(kind: str, container: Container) -> _ContainerExit:
    """Return how a container ends that is told to crash: `true`, `oom` or `exec-format`.

    Of a program for another processor only the container's log tells, and its status where the
    pod asks for that (runc; terminationMessagePolicy).
    """
    if kind == "oom":
        return _ContainerExit(137, "OOMKilled")
    if kind == "exec-format":
        program = (container.spec.get("command") or ["/bin/sh"])[0]
        told = container.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError"
        return _ContainerExit(255, "", f"exec {program}: exec format error\n" if told else "")
    return _ContainerExit(1)


class ContainerRunner:
    """Runs the containers of one pod."""

    def __init__(self, host: NodeRuntime, reporter: PodReporter, program: PodProcess) -> None:
        self._host, self._reporter, self._program = host, reporter, program
        self._images = ImagePuller(host, reporter)
        annotations = annotations_of(reporter.pod)
        self._crash = annotations.get(CRASH, "")
        self._stays_unready = annotations.get(UNREADY) == "true"

    async def run_init_container(self, container: Container) -> None:
        """Run an init container to its end, which is always success."""
        await self._images.ensure_image(container)
        await self._start_container(container)
        await self._reporter.publish_status()
        await self._host.clock.sleep(self._host.timings.init)
        await self._reporter.publish_terminated(container, 0)

    async def keep_running(
        self, container: Container, started: asyncio.Event | None = None
    ) -> None:
        """Run a container, and again whenever it ends; `started` is set with its first start.

        At once the first time, then after growing waits.
        """
        backoff = 0.0
        while True:
            await self._images.ensure_image(container)
            try:
                await self._run_container(container, started)
            except _ContainerExit as end:
                await self._reporter.publish_terminated(
                    container, end.code, end.reason, end.message
                )
            if container is self._reporter.main_container:
                await self._program.stop()
            if backoff:
                await self._wait_crash_backoff(container, backoff)
            # After a wait the state is that of waiting, and `last` holds the end already.
            container.last = container.state if "terminated" in container.state else container.last
            container.restarts += 1
            backoff = min(backoff * 2, LONGEST_BACKOFF) or BACKOFF

    async def _start_container(self, container: Container) -> None:
        await self._host.clock.sleep(self._host.timings.start)
        container.state = {"running": {"startedAt": self._host.clock.format_timestamp()}}
        container.runs += 1
        container.started = True
        container.ready = False
        container.death = asyncio.get_running_loop().create_future()
        self._reporter.record_event(container, "Created", "Container created")
        self._reporter.record_event(container, "Started", "Container started")

    async def _wait_crash_backoff(self, container: Container, seconds: float) -> None:
        container.last = container.state
        key = self._reporter.key
        title = f"{key.name}_{key.namespace}({self._reporter.uid})"
        self._reporter.record_event(
            container,
            "BackOff",
            f"Back-off restarting failed container {container.name} in pod {title}",
            warn=True,
        )
        message = (
            f"back-off {format_go_duration(seconds)} restarting failed container={container.name} "
            f"pod={title}"
        )
        await self._reporter.publish_waiting(container, "CrashLoopBackOff", message)
        await self._host.clock.sleep(seconds)

    async def _run_container(self, container: Container, started: asyncio.Event | None) -> None:
        """Run a container once; raise _ContainerExit when it ends."""
        await self._start_container(container)
        if started is not None:
            started.set()
        # The program answers for the whole pod, and belongs to its first container.
        if container is self._reporter.main_container and self._crash != "exec-format":
            await self._start_program()
        if self._crash and not container.init:
            await self._reporter.publish_status()
            await self._host.clock.sleep(1)
            raise _build_crash(self._crash, container)
        await self._wait_until_ready(container)
        if container.death is not None:
            # The future is the container's: it must not be cancelled together with this wait.
            raise _ContainerExit(await asyncio.shield(container.death))

    async def _start_program(self) -> None:
        try:
            await self._program.start()
        except Exception as error:
            key = self._reporter.key
            log.exception("the program of pod %s/%s did not start", key.namespace, key.name)
            raise _ContainerExit(1) from error

    async def _wait_until_ready(self, container: Container) -> None:
        delay = self._seconds_to_ready(container)
        if delay or self._stays_unready:
            await self._reporter.publish_status()
        if self._stays_unready and not container.init:
            await self._report_failing_probe(container)
        if delay:
            await self._sleep_or_exit(container, delay)
        container.ready = True
        await self._reporter.publish_status()

    def _seconds_to_ready(self, container: Container) -> float:
        for pattern, seconds in self._host.timings.ready:
            if matches_image(pattern, container.image):
                return seconds
        probes = [
            probe
            for name in ("startupProbe", "readinessProbe")
            if (probe := container.spec.get(name))
        ]
        delays = [probe.get("initialDelaySeconds", 0) for probe in probes]
        return self._host.timings.probe + max(delays) if delays else 0.0

    async def _report_failing_probe(self, container: Container) -> None:
        period = (container.spec.get("readinessProbe") or {}).get("periodSeconds", 10)
        while container.death is not None and not container.death.done():
            message = "Readiness probe failed: HTTP probe failed with statuscode: 503"
            self._reporter.record_event(container, "Unhealthy", message, warn=True)
            await self._sleep_or_exit(container, period)

    async def _sleep_or_exit(self, container: Container, seconds: float) -> None:
        """Wait; raise _ContainerExit when the container is killed meanwhile."""
        if container.death is None:
            return
        sleep = asyncio.create_task(self._host.clock.sleep(seconds))

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
