"""What kubelets do inside pods: commands in containers, and connections to ports from within."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Sequence

from sandbox.cluster.api_refusals import internal_error
from sandbox.cluster.contract import (
    ApiError,
    CommandStreams,
    InsideProcess,
    Object,
    PodLogs,
    PodNetwork,
    PodProgram,
    Request,
    Response,
    SendFailure,
)
from sandbox.cluster.controllers.controller_context import ControllerContext
from sandbox.cluster.kubelet.backends import KubeletBackends
from sandbox.cluster.kubelet.commands.shell import SHELLS, run_program
from sandbox.cluster.kubelet.commands.shell_context import CommandContext
from sandbox.cluster.kubelet.commands.surroundings import Surroundings
from sandbox.cluster.kubelet.commands.terminal import run_terminal
from sandbox.cluster.kubelet.kubelet import Kubelet
from sandbox.cluster.log_buffer import LogBuffer
from sandbox.cluster.machinery.meta import PODS

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class KubeletAccess:
    """`contract.PodAccess` and `PodLogs` on the kubelets' programs.

    What a command sends goes out of its pod through the network among them, if it knows the host,
    else straight to the Service or pod.
    """

    def __init__(
        self,
        context: ControllerContext,
        kubelet: Kubelet,
        backends: KubeletBackends,
        programs: Sequence[PodProgram],
    ) -> None:
        self._context, self._kubelet, self._backends = context, kubelet, backends
        self._pods = context.informers.for_resource(PODS)
        self._logs = [p for p in programs if isinstance(p, PodLogs)]
        kubelet.commands.execute = self.execute
        self._network = next((p for p in programs if isinstance(p, PodNetwork)), None)

    async def execute(
        self, pod: Object, container: str, command: Sequence[str], streams: CommandStreams
    ) -> int:
        """Carry a command out; raise ApiError when the pod's node is down."""
        if not self._kubelet.is_node_up(pod["spec"].get("nodeName", "")):
            raise internal_error("error dialing backend: dial tcp: i/o timeout")
        containers = [*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or ())]
        chosen = next(c for c in containers if c["name"] == container)
        around = Surroundings(self._context.client, pod)

        async def send(host: str, port: int, request: Request, seconds: float) -> Response:
            return await self._send(pod, host, port, request, seconds)

        context = CommandContext(
            pod=pod,
            container=chosen,
            environment=await around.read_environment(chosen),
            files=await around.read_files(chosen),
            send=send,
            now=self._context.clock.now,
            write=streams.write_output,
            write_error=streams.write_error,
            read_input=streams.read_input,
        )
        if command[0] in SHELLS and len(command) == 1:
            return await run_terminal(streams, context)
        return await run_program(command, context)

    async def attach(self, pod: Object, container: str, streams: CommandStreams) -> int:
        """Join what a container runs until it ends; return its exit code."""
        process = self._kubelet.commands.find_process(pod, container)
        if process is not None:
            return await process.attach(streams)
        if (log := self.find_log(pod, container)) is not None:
            async for line in log.follow():
                await streams.write_output(f"{line.text}\n".encode())
        # A program that writes nothing is left by the client.
        while await streams.read_input():
            pass
        return 0

    def find_log(self, pod: Object, container: str) -> LogBuffer | None:
        """Return what a container has written (`contract.PodLogs`)."""
        if (own := self._kubelet.commands.find_log(pod, container)) is not None:
            return own
        found = (logs.find_log(pod, container) for logs in self._logs)
        return next((each for each in found if each is not None), None)

    async def call_inside(self, pod: Object, port: int, request: Request) -> Response | None:
        """Send a request to a port from inside the pod."""
        if not self._kubelet.is_node_up(pod["spec"].get("nodeName", "")):
            return None
        process = self._kubelet.get_process(pod)
        if isinstance(process, InsideProcess):
            return await process.handle_inside(port, request)
        return await process.handle(port, request) if process else None

    async def _send(
        self, pod: Object, host: str, port: int, request: Request, seconds: float
    ) -> Response:
        start = time.monotonic()
        if host in _LOOPBACK:
            found = await self.call_inside(pod, port, request)
        else:
            found = await self._send_out(pod, host, port, request, seconds)
        if found is None:
            raise SendFailure("refused", time.monotonic() - start)
        return found

    async def _send_out(
        self, pod: Object, host: str, port: int, request: Request, seconds: float
    ) -> Response | None:
        if self._network is not None:
            found = await self._network.send_from_pod(pod, host, port, request, seconds)
            if found is not None:
                return found
        try:
            if target := self._find_pod(host):
                return await self._backends.call_pod(*target, port, request)
            name, namespace = _split_host(host, pod["metadata"]["namespace"])
            return await self._backends.call(namespace, name, port, request)
        except ApiError as error:
            if error.message.endswith("not found"):
                raise SendFailure("unknown host", 0.002) from error
            raise SendFailure("refused", 0.002) from error

    def _find_pod(self, host: str) -> tuple[str, str] | None:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return None
        for pod in self._pods.list_objects():
            if (pod.get("status") or {}).get("podIP") == host:
                return pod["metadata"]["namespace"], pod["metadata"]["name"]
        return None


def _split_host(host: str, namespace: str) -> tuple[str, str]:
    """Return the name and namespace of the Service that a host name means there."""
    short = host.rstrip(".").removesuffix(".cluster.local").removesuffix(".svc")
    name, _, rest = short.partition(".")
    return name, rest or namespace
