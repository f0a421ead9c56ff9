"""Notes what a run wrote to the cluster, for the end of its message."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from bot.engine.world.cluster_proxy import ChangedObject, ClusterProxy, ObjectWrite
from bot.errors import ClusterError, Unavailable
from bot.kinds import Kind, Object
from bot.ports import Cluster

T = TypeVar("T")

Written = dict[ChangedObject, None]
"""Objects in the order in which they were first written."""


class WriteLog(ClusterProxy):
    """`bot.ports.Cluster` that adds each object which is written or deleted to `written`.

    A write whose answer was lost is among them, for it may have been carried out; one that the
    API server refused is not.
    """

    def __init__(self, cluster: Cluster, written: Written) -> None:
        super().__init__(cluster)
        self._written = written

    async def write_object(
        self, write: ObjectWrite, send: Callable[[], Awaitable[Object]]
    ) -> Object:
        """Write an object, and note it unless it is a dry run."""
        if write.dry_run:
            return await send()
        return await self._send(await self.resolve_target(write), send)

    async def delete(self, kind: Kind, name: str, namespace: str = "") -> bool:
        """Delete an object, and note it when it existed."""
        changed, known = ChangedObject(kind, namespace, name), self._written.copy()
        existed = await self._send(changed, lambda: self._cluster.delete(kind, name, namespace))
        if not existed and changed not in known:
            self._written.pop(changed, None)
        return existed

    async def _send(self, changed: ChangedObject, send: Callable[[], Awaitable[T]]) -> T:
        is_new = changed not in self._written
        # Before it is sent: whether it is carried out is not known while it is under way.
        self._written[changed] = None
        try:
            return await send()
        except ClusterError as problem:
            if is_new and not isinstance(problem, Unavailable):
                self._written.pop(changed, None)
            raise
