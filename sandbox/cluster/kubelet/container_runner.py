"""The runs of one pod's containers: start, readiness, crash, and the wait before the next run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from sandbox.cluster.kubelet.container_config import (
    can_look_up,
    find_missing_config,
    find_refused_user,
)
from sandbox.cluster.kubelet.container_fate import Fate, judge_container
from sandbox.cluster.kubelet.image_pulls import ImagePuller
from sandbox.cluster.kubelet.images import Timings, matches_image
from sandbox.cluster.kubelet.node_runtime import (
    BACKOFF,
    LONGEST_BACKOFF,
    NodeRuntime,
    format_go_duration,
)
from sandbox.cluster.kubelet.own_commands import find_own_command
from sandbox.cluster.kubelet.pod_process import PodProcess
from sandbox.cluster.kubelet.probes import ProbeLoop
from sandbox.cluster.kubelet.reporter import PodReporter
from sandbox.cluster.kubelet.status import Container
from sandbox.cluster.machinery.meta import annotations_of

log = logging.getLogger(__name__)

CRASH = "sandbox.meshbot.dev/crash"
UNREADY = "sandbox.meshbot.dev/unready"
_START_ERROR = 128
_TRY_AGAIN_SECONDS = 10.0
"""Simulated seconds until a container without its configuration, or what it looks up, is tried
again."""


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


async def do_or_exit(container: Container, work: Coroutine[Any, Any, None]) -> None:
    """Do something; raise _ContainerExit when the container is killed meanwhile."""
    if container.death is None:
        work.close()
        return
    task = asyncio.create_task(work)

    def wake(_: asyncio.Future[int]) -> None:
        task.cancel()

    container.death.add_done_callback(wake)
    try:
        await asyncio.wait([task])
    finally:
        task.cancel()
        container.death.remove_done_callback(wake)
    if container.death.done():
        raise _ContainerExit(container.death.result())
    task.result()


def compute_ready_delay(timings: Timings, container: Container) -> float:
    """Return the simulated seconds from a container's start to its first probe."""
    for pattern, seconds in timings.ready:
        if matches_image(pattern, container.image):
            return seconds
    probes = [
        probe for name in ("startupProbe", "readinessProbe") if (probe := container.spec.get(name))
    ]
    delays = [probe.get("initialDelaySeconds", 0) for probe in probes]
    return timings.probe + max(delays) if delays else 0.0


class ContainerRunner:
    """Runs the containers of one pod."""

    def __init__(self, host: NodeRuntime, reporter: PodReporter, program: PodProcess) -> None:
        self._host, self._reporter, self._program = host, reporter, program
        self._images = ImagePuller(host, reporter)
        self._probes = ProbeLoop(host, reporter, program)
        annotations = annotations_of(reporter.pod)
        self._crash = annotations.get(CRASH, "")
        self._stays_unready = annotations.get(UNREADY) == "true"
        self._policy = reporter.pod["spec"].get("restartPolicy", "Always")

    async def run_init_container(self, container: Container) -> None:
        """Run an init container until it succeeds, as all do whose command says nothing else."""
        backoff = 0.0
        while True:
            await self._prepare(container)
            fate = judge_container(container.spec)
            try:
                await self._follow_init(container, fate)
            except _ContainerExit as end:
                container.final = end.code != 0 and self._policy == "Never"
                await self._reporter.publish_terminated(
                    container, end.code, end.reason, end.message
                )
                if end.code == 0 or container.final:
                    return
            backoff = await self._wait_for_next_run(container, backoff)

    async def _follow_init(self, container: Container, fate: Fate | None) -> None:
        """Run an init container once; raise _ContainerExit at its end."""
        self._check_start(container, fate)
        await self._start_container(container)
        await self._reporter.publish_status()
        while (
            fate is not None
            and fate.waits
            and not await can_look_up(self._host.client, fate.host, self._reporter.key.namespace)
        ):
            await self._host.clock.sleep(_TRY_AGAIN_SECONDS)
        await self._host.clock.sleep(self._host.timings.init)
        code = fate.code if fate is not None else 0
        raise _ContainerExit(code or 0, fate.reason if fate is not None else "")

    def _check_start(self, container: Container, fate: Fate | None) -> None:
        """Raise _ContainerExit for a container whose program is not there."""
        if fate is None or not fate.refused:
            return
        self._reporter.record_event(container, "Created", "Container created")
        self._reporter.record_event(container, "Failed", f"Error: {fate.refused}", warn=True)
        container.runs += 1
        raise _ContainerExit(_START_ERROR, "StartError", fate.refused)

    async def _prepare(self, container: Container) -> None:
        """Wait until the container has its image and what its environment is made of."""
        await self._images.ensure_image(container)
        client, namespace = self._host.client, self._reporter.key.namespace
        while problem := (
            await find_missing_config(client, namespace, container.spec)
            or find_refused_user(self._reporter.pod, container.spec)
        ):
            await self._reporter.publish_waiting(container, "CreateContainerConfigError", problem)
            self._reporter.record_event(container, "Failed", f"Error: {problem}", warn=True)
            await self._host.clock.sleep(_TRY_AGAIN_SECONDS)

    async def keep_running(
        self, container: Container, started: asyncio.Event | None = None
    ) -> None:
        """Run a container, and again whenever it ends; `started` is set with its first start.

        At once the first time, then after growing waits.
        """
        backoff = 0.0
        while True:
            await self._prepare(container)
            try:
                await self._run_container(container, started)
            except _ContainerExit as end:
                container.final = not self._is_restarted(container, end.code)
                await self._reporter.publish_terminated(
                    container, end.code, end.reason, end.message
                )
            if container is self._reporter.main_container:
                await self._program.stop()
            if container.final:
                return
            backoff = await self._wait_for_next_run(container, backoff)

    def _is_restarted(self, container: Container, code: int) -> bool:
        if container.init or self._policy == "Always":
            return True
        return bool(code) and self._policy == "OnFailure"

    async def _wait_for_next_run(self, container: Container, backoff: float) -> float:
        """Wait before a container that ended runs again, and return the wait after that."""
        if backoff:
            await self._wait_crash_backoff(container, backoff)
        # After a wait the state is that of waiting, and `last` holds the end already.
        container.last = container.state if "terminated" in container.state else container.last
        container.restarts += 1
        return min(backoff * 2, LONGEST_BACKOFF) or BACKOFF

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
        fate = judge_container(container.spec)
        self._check_start(container, fate)
        await self._start_container(container)
        if started is not None:
            started.set()
        own = () if fate is not None and fate.reason else find_own_command(container.spec)
        # The program answers for the whole pod, and belongs to its first container. Where that
        # runs another command than Bookinfo's, the program is only the pod's proxy.
        serves = "examples-bookinfo-" not in container.image if own or fate else True
        serves = serves and self._crash != "exec-format"
        if container is self._reporter.main_container and serves:
            await self._start_program()
        end = _build_crash(self._crash, container) if self._crash and not container.init else None
        if fate is not None and not fate.waits and not own:
            end = _ContainerExit(fate.code or 0, fate.reason)
        if end is not None:
            await self._reporter.publish_status()
            await self._host.clock.sleep(1)
            raise end
        if own and fate is not None and fate.code is not None:
            # One that ends at once is never seen ready.
            await self._reporter.publish_status()
            await self._host.clock.sleep(1)
            await self._follow_own_command(container, own)
        watch = asyncio.create_task(self._probes.watch(container))
        try:
            await self._wait_until_ready(container)
            if own:
                await self._follow_own_command(container, own)
            if container.death is not None:
                # The future is the container's: it must not be cancelled together with this wait.
                raise _ContainerExit(await asyncio.shield(container.death))
        finally:
            watch.cancel()

    async def _follow_own_command(self, container: Container, command: tuple[str, ...]) -> None:
        """Carry a container's own command out; raise _ContainerExit at its end."""
        code = 0

        async def carry_out() -> None:
            nonlocal code
            code = await self._host.commands.run(self._reporter.pod, container.spec, command)

        await do_or_exit(container, carry_out())
        raise _ContainerExit(code)

    async def _start_program(self) -> None:
        try:
            await self._program.start()
        except Exception as error:
            key = self._reporter.key
            log.exception("the program of pod %s/%s did not start", key.namespace, key.name)
            raise _ContainerExit(1) from error

    async def _wait_until_ready(self, container: Container) -> None:
        delay = compute_ready_delay(self._host.timings, container)
        if delay or self._stays_unready:
            await self._reporter.publish_status()
        if self._stays_unready and not container.init:
            await do_or_exit(container, self._probes.fail_forever(container))
        if delay:
            await do_or_exit(container, self._host.clock.sleep(delay))
        await do_or_exit(container, self._probes.wait_until_ready(container))
        container.ready = True
        await self._reporter.publish_status()
