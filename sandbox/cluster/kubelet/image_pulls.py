"""The pulls of a pod's images, with the kubelet's waits and Events."""

from __future__ import annotations

import asyncio

from sandbox.cluster.kubelet.images import (
    PullError,
    build_pull_message,
    build_refused_pull,
    is_valid_name,
)
from sandbox.cluster.kubelet.node_runtime import BACKOFF, LONGEST_BACKOFF, NodeRuntime
from sandbox.cluster.kubelet.reporter import PodReporter
from sandbox.cluster.kubelet.status import CREATING, Container
from sandbox.cluster.machinery.meta import annotations_of

WAITING = "sandbox.meshbot.dev/waiting"
REFUSED = "sandbox.meshbot.dev/pull"
"""Why the registry refuses the pod's images: `rate-limit`, `manifest-unknown` or `denied`."""
_PULL_REASONS = ("ImagePullBackOff", "ErrImagePull")
_FIRST_ERROR_SECONDS = 2.0
"""Simulated seconds for which a pod shows ErrImagePull before it shows that it backs off."""
_REFUSED_SECONDS = 12.0
"""Simulated seconds between two looks at an image that is not even pulled."""


class ImagePuller:
    """Pulls the images of one pod's containers."""

    def __init__(self, host: NodeRuntime, reporter: PodReporter) -> None:
        self._host, self._reporter = host, reporter
        self._waiting = annotations_of(reporter.pod).get(WAITING, "")
        self._refused = annotations_of(reporter.pod).get(REFUSED, "")

    async def ensure_image(self, container: Container) -> None:
        """Pull the container's image; keep trying, with the kubelet's back-off."""
        if self._waiting and self._waiting not in _PULL_REASONS:
            # Such a pod waits until it is deleted, whose cancellation ends this. One that stays in
            # creation is one whose image does not arrive.
            if self._waiting == CREATING:
                self._record_pulling(container)
            await self._reporter.publish_waiting(container, self._waiting)
            await asyncio.Event().wait()
        await self._refuse_unusable(container)
        backoff = BACKOFF
        while True:
            try:
                await self._pull_image(container)
            except PullError as error:
                await self._report_failed_pull(container, error)
                await self._host.clock.sleep(backoff)
                backoff = min(backoff * 2, LONGEST_BACKOFF)
            else:
                return

    async def _refuse_unusable(self, container: Container) -> None:
        """Report again and again an image that is not even asked for: its name is none, or it may
        not be pulled and is not there."""
        image = container.image
        never = container.spec.get("imagePullPolicy") == "Never"
        if not is_valid_name(image):
            why = f'couldn\'t parse image name "{image}": invalid reference format'
            reason, problem = (
                "InvalidImageName",
                f'Failed to apply default image tag "{image}": {why}',
            )
            event, told = "InspectFailed", f"Error: {reason}"
        elif never and not self._host.images.is_present(image, "Never"):
            reason = "ErrImageNeverPull"
            problem = f'Container image "{image}" is not present with pull policy of Never'
            event, told = reason, f"Error: {reason}"
        else:
            return
        while True:
            await self._reporter.publish_waiting(container, reason, problem)
            self._reporter.record_event(container, event, problem, warn=True)
            self._reporter.record_event(container, "Failed", told, warn=True)
            await self._host.clock.sleep(_REFUSED_SECONDS)

    async def _report_failed_pull(self, container: Container, error: PullError) -> None:
        """Report a failed pull, and that the next one has to wait.

        `kubectl get pods` shows the two reasons in turn, as those of a kubelet.
        """
        reporter, image = self._reporter, container.image
        await reporter.publish_waiting(container, "ErrImagePull", str(error))
        reporter.record_event(
            container, "Failed", f'Failed to pull image "{image}": {error}', warn=True
        )
        reporter.record_event(container, "Failed", "Error: ErrImagePull", warn=True)
        await self._host.clock.sleep(_FIRST_ERROR_SECONDS)
        message = f'Back-off pulling image "{image}"'
        await reporter.publish_waiting(
            container, "ImagePullBackOff", f"{message}: ErrImagePull: {error}"
        )
        reporter.record_event(container, "BackOff", message)
        reporter.record_event(container, "Failed", "Error: ImagePullBackOff", warn=True)

    def _record_pulling(self, container: Container) -> None:
        self._reporter.record_event(container, "Pulling", f'Pulling image "{container.image}"')

    async def _pull_image(self, container: Container) -> None:
        image, policy = container.image, container.spec.get("imagePullPolicy", "")
        if not self._host.images.is_present(image, policy):
            self._record_pulling(container)
        if self._waiting:
            raise PullError(
                "rpc error: code = NotFound desc = the registry is told to have no such image"
            )
        if self._refused and not container.init:
            raise PullError(build_pull_message(build_refused_pull(image, self._refused)))
        pulled = await self._host.images.ensure_present(image, policy)
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
        self._reporter.record_event(container, "Pulled", text)
