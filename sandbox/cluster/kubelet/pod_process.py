"""The program that answers for a pod."""

from __future__ import annotations

import logging

from sandbox.cluster.contract import Process
from sandbox.cluster.kubelet.node_runtime import NodeRuntime
from sandbox.cluster.kubelet.reporter import PodReporter

log = logging.getLogger(__name__)


class PodProcess:
    """Starts and stops the pod's program. `process` is the running one, None when there is none."""

    def __init__(self, host: NodeRuntime, reporter: PodReporter) -> None:
        self._host, self._reporter = host, reporter
        self.process: Process | None = None

    async def start(self) -> None:
        """Start the first program that runs in such a pod; whatever it raises is its own."""
        pod = self._reporter.pod
        program = next((each for each in self._host.programs if each.runs_in(pod)), None)
        if program is None:
            return
        # The program may take its time to start, and the container counts as running meanwhile.
        await self._reporter.publish_status()
        self.process = await program.start(self._reporter.pod, self._host.client)

    async def stop(self) -> None:
        """Stop the program, if one runs."""
        # Taken out before the wait: the end of the pod and of its container may both come here.
        process, self.process = self.process, None
        if process is None:
            return
        try:
            await process.stop()
        except Exception:
            # A pod must be able to end whatever its program does, as a killed process would.
            key = self._reporter.key
            log.exception("the program of pod %s/%s did not stop cleanly", key.namespace, key.name)
