"""The cluster as a run sees it: each object is recorded before it is written.

So the run can be undone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.engine.world.cluster_proxy import ClusterProxy, ObjectWrite
from bot.engine.world.write_log import Written
from bot.kinds import Kind, Object
from bot.knowledge.objects.desired import extract_restorable_state
from bot.ledger import SqlHistory
from bot.ports import Cluster
from bot.records import BeforeImage


class UndoRecorder(ClusterProxy):
    """`bot.ports.Cluster` for one run that records each object before a write.

    The record is dropped when the write changed nothing, and so is the note in `written`; when
    the history cannot keep it, nothing is written.
    """

    def __init__(self, cluster: Cluster, history: SqlHistory, run: str, written: Written) -> None:
        super().__init__(cluster)
        self._history, self._run, self._written = history, run, written

    async def write_object(
        self, write: ObjectWrite, send: Callable[[], Awaitable[Object]]
    ) -> Object:
        """Write an object; recorded unless it is a dry run."""
        if write.dry_run:
            return await send()
        target = await self.resolve_target(write)
        live = await self.get(target.kind, target.name, target.namespace)
        before = extract_restorable_state(live) if live else None
        image = BeforeImage(target.kind, target.namespace, target.name, before, write.sent)
        # Saved before the write: killed in between, the run can still be undone.
        is_new = await self._history.save_image(self._run, image)
        held = await send()
        if is_new and live is not None and get_version(live) == get_version(held):
            self._written.pop(target, None)
            await self._history.delete_image(self._run, image)
        return held

    async def delete(self, kind: Kind, name: str, namespace: str = "") -> bool:
        """Delete an object in the background; recorded when it existed."""
        live = await self.get(kind, name, namespace)
        if live is None:
            return False
        image = BeforeImage(kind, namespace, name, extract_restorable_state(live))
        await self._history.save_image(self._run, image)
        return await super().delete(kind, name, namespace)


def get_version(obj: Object) -> object:
    """Return the resourceVersion, which is the same as before when a write changed nothing."""
    return obj["metadata"].get("resourceVersion")
