"""A container's probes, asked of the program that answers for its pod, in the kubelet's words.

What answers is what listens in the pod: a probe of another port is refused, one of a path that the
program does not know gets its 404. A pod without a program passes every probe but that of a command
which fails.
"""

from __future__ import annotations

import json

from sandbox.cluster.contract import ApiError, InsideProcess, Object, Process, Request, Response
from sandbox.cluster.kubelet.container_fate import judge_container
from sandbox.cluster.kubelet.node_runtime import NodeRuntime
from sandbox.cluster.kubelet.pod_process import PodProcess
from sandbox.cluster.kubelet.reporter import PodReporter
from sandbox.cluster.kubelet.status import Container

PROXY = "istio-proxy"
_AGENT_PORT, _REWRITTEN = 15020, "/app-health/"
_KILLED = 137
_GOOD = range(200, 400)


def find_original(pod: Object, probe: Object) -> Object:
    """Return the probe as the application's author wrote it: the injector points probes to the
    proxy's agent, which asks the application and keeps the original in its environment."""
    asked = probe.get("httpGet") or {}
    if asked.get("port") != _AGENT_PORT or not str(asked.get("path", "")).startswith(_REWRITTEN):
        return probe
    spec = pod["spec"]
    for container in (*spec["containers"], *(spec.get("initContainers") or ())):
        for variable in container.get("env") or ():
            if variable["name"] == "ISTIO_KUBE_APP_PROBERS":
                found: Object = json.loads(variable["value"]).get(asked["path"]) or {}
                return found
    return probe


async def try_probe(process: Process | None, pod: Object, container: Object, probe: Object) -> str:
    """Return why a probe fails, or "" when it passes; `process` is None where the pod has no
    program."""
    if command := (probe.get("exec") or {}).get("command"):
        fate = judge_container({"command": command, "image": container.get("image", "")})
        failed = fate is not None and bool(fate.refused or fate.code)
        return (fate.refused or "command failed") if fate and failed else ""
    original = find_original(pod, probe)
    asked = original.get("httpGet") or original.get("tcpSocket") or original.get("grpc")
    if process is None or not asked:
        return ""
    port = _find_port(container, asked.get("port", 0))
    path = str(asked.get("path", "/")) if "httpGet" in original else ""
    answer = await _ask(process, port, path or "/")
    if answer is not None:
        bad = path and answer.status not in _GOOD
        return f"HTTP probe failed with statuscode: {answer.status}" if bad else ""
    if original is not probe:
        return "HTTP probe failed with statuscode: 500"
    address = f"{(pod.get('status') or {}).get('podIP', '')}:{port}"
    refused = f"dial tcp {address}: connect: connection refused"
    return f'Get "http://{address}{path}": {refused}' if path else refused


def _find_port(container: Object, port: int | str) -> int:
    """Return the number of a port that may be named; 0 for a name that the container lacks."""
    if isinstance(port, int) or port.isdigit():
        return int(port)
    listed = container.get("ports") or ()
    return next((int(p["containerPort"]) for p in listed if p.get("name") == port), 0)


async def _ask(process: Process, port: int, path: str) -> Response | None:
    request = Request("GET", path)
    try:
        if isinstance(process, InsideProcess):
            return await process.handle_inside(port, request)
        return await process.handle(port, request)
    except ApiError:
        return None


class ProbeLoop:
    """The probes of one pod's containers in the kubelet's rhythm.

    Programs don't change while they run, so that a probe which has passed is not tried again.
    """

    def __init__(self, host: NodeRuntime, reporter: PodReporter, program: PodProcess) -> None:
        self._host, self._reporter, self._program = host, reporter, program

    async def wait_until_ready(self, container: Container) -> None:
        """Wait until the container's startup and readiness probes pass."""
        for key in ("startupProbe", "readinessProbe"):
            probe = container.spec.get(key)
            while probe and (why := await self._try(container, probe)):
                # What the startup probe finds is told by `watch`, which ends the container too.
                if key == "readinessProbe":
                    self._tell(container, f"Readiness probe failed: {why}")
                await self._host.clock.sleep(probe.get("periodSeconds", 10))

    async def fail_forever(self, container: Container) -> None:
        """Report a readiness probe that never passes, as the pod's annotation asks for."""
        period = (container.spec.get("readinessProbe") or {}).get("periodSeconds", 10)
        while True:
            self._tell(container, "Readiness probe failed: HTTP probe failed with statuscode: 503")
            await self._host.clock.sleep(period)

    async def watch(self, container: Container) -> None:
        """Kill a container whose startup or liveness probe fails too often; return otherwise."""
        for key, name in (("startupProbe", "Startup"), ("livenessProbe", "Liveness")):
            probe = container.spec.get(key)
            if probe and not await self._passes(container, probe, name):
                what = f"Container {container.name} failed {name.lower()} probe, will be restarted"
                self._reporter.record_event(container, "Killing", what)
                if container.death is not None and not container.death.done():
                    container.death.set_result(_KILLED)
                return

    async def _passes(self, container: Container, probe: Object, name: str) -> bool:
        await self._host.clock.sleep(probe.get("initialDelaySeconds", 0))
        for _ in range(probe.get("failureThreshold", 3)):
            why = await self._try(container, probe)
            if not why:
                return True
            self._tell(container, f"{name} probe failed: {why}")
            await self._host.clock.sleep(probe.get("periodSeconds", 10))
        return False

    async def _try(self, container: Container, probe: Object) -> str:
        # A sidecar's own probes are answered by its agent, which is as ready as the pod's timings
        # say.
        if container.name == PROXY and len(self._reporter.pod["spec"]["containers"]) > 1:
            return ""
        return await try_probe(self._program.process, self._reporter.pod, container.spec, probe)

    def _tell(self, container: Container, message: str) -> None:
        self._reporter.record_event(container, "Unhealthy", message, warn=True)
