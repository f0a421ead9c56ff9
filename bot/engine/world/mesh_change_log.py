"""The Istio release as a run sees it: changes of the mesh by istioctl are noted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

from bot.engine.world.cluster_proxy import ChangedObject
from bot.kinds import DEPLOYMENT, Object
from bot.ports import Mesh, Program
from bot.text import Text

CHANGES = ("install", "uninstall")
"""istioctl's commands that change the mesh."""


class MeshChangeLog:
    """`bot.ports.Mesh` that calls `note` when istioctl is about to change the mesh.

    istiod, the Deployment in `namespace`, stands for all that it changes.
    """

    def __init__(self, mesh: Mesh, namespace: str, note: Callable[[ChangedObject], None]) -> None:
        self._mesh, self._namespace, self._note = mesh, namespace, note

    @property
    def version(self) -> str:
        """The release's version."""
        return self._mesh.version

    @property
    def notes(self) -> tuple[Text, ...]:
        """The remarks on this release."""
        return self._mesh.notes

    @property
    def profiles(self) -> tuple[str, ...]:
        """The profiles that this release can install."""
        return self._mesh.profiles

    @property
    def kubernetes_range(self) -> tuple[int, int]:
        """The lowest and highest minor version of Kubernetes 1.x that this release supports."""
        return self._mesh.kubernetes_range

    async def render(self, arguments: Sequence[str]) -> list[Object]:
        """Return the objects that `istioctl manifest generate` prints."""
        return await self._mesh.render(arguments)

    def run(self, arguments: Sequence[str]) -> AbstractAsyncContextManager[Program]:
        """Start `istioctl`; note istiod when the command changes the mesh."""
        if any(word in CHANGES for word in arguments[:1]):
            self._note(ChangedObject(DEPLOYMENT, self._namespace, "istiod"))
        return self._mesh.run(arguments)

    async def precheck(self) -> tuple[bool, tuple[str, ...]]:
        """Run `istioctl x precheck`; return whether it found nothing, and its lines."""
        return await self._mesh.precheck()

    def sample(self, path: str) -> list[Object]:
        """Return the objects of a file under the release's `samples/`."""
        return self._mesh.sample(path)

    def gateway_api(self) -> list[Object]:
        """Return the Gateway API CRDs that fit this release."""
        return self._mesh.gateway_api()
