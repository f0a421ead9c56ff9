"""The cluster as a run sees it: each object is recorded before it is written.

So the run can be undone.
"""

from __future__ import annotations

from bot.engine.world.cluster_proxy import ClusterProxy
from bot.kinds import Kind, Object
from bot.knowledge.objects.desired import extract_desired_state
from bot.ledger import SqlHistory
from bot.ports import Cluster
from bot.records import BeforeImage


class UndoRecorder(ClusterProxy):
    """`bot.ports.Cluster` for one run that records each object before a write.

    The record is dropped when the write changed nothing; when the journal cannot keep
    it, nothing is written.
    """

    def __init__(self, cluster: Cluster, journal: SqlHistory, run: str) -> None:
        super().__init__(cluster)
        self._journal, self._run = journal, run

    async def apply(
        self, obj: Object, *, force: bool = False, dry_run: bool = False, manager: str = ""
    ) -> Object:
        """Apply an object on the server; recorded unless it is a dry run."""
        if dry_run:
            return await self._cluster.apply(obj, force=force, dry_run=True, manager=manager)
        image, live = await self._read_before_image(await self.resolve_kind(obj), obj)
        new = await self._journal.save_image(self._run, image)
        held = await self._cluster.apply(obj, force=force, manager=manager)
        await self._forget_if_unchanged(image, live, held, new=new)
        return held

    async def put(self, obj: Object) -> Object:
        """Create or replace an object; recorded."""
        image, live = await self._read_before_image(await self.resolve_kind(obj), obj)
        new = await self._journal.save_image(self._run, image)
        held = await self._cluster.put(obj)
        await self._forget_if_unchanged(image, live, held, new=new)
        return held

    async def merge(self, kind: Kind, name: str, namespace: str, patch: Object) -> Object:
        """Apply a JSON merge patch; recorded."""
        named = {"metadata": {"name": name, "namespace": namespace}}
        image, live = await self._read_before_image(kind, named)
        new = await self._journal.save_image(
            self._run, BeforeImage(kind, namespace, name, image.before, patch)
        )
        held = await self._cluster.merge(kind, name, namespace, patch)
        await self._forget_if_unchanged(image, live, held, new=new)
        return held

    async def delete(self, kind: Kind, name: str, namespace: str = "") -> bool:
        """Delete an object in the background; recorded when it existed."""
        live = await self._cluster.get(kind, name, namespace)
        if live is None:
            return False
        await self._journal.save_image(
            self._run, BeforeImage(kind, namespace, name, extract_desired_state(live))
        )
        return await self._cluster.delete(kind, name, namespace)

    async def _read_before_image(
        self, kind: Kind, obj: Object
    ) -> tuple[BeforeImage, Object | None]:
        meta = obj["metadata"]
        namespace = str(meta.get("namespace") or "") if kind.namespaced else ""
        live = await self._cluster.get(kind, str(meta["name"]), namespace)
        return BeforeImage(
            kind, namespace, str(meta["name"]), extract_desired_state(live) if live else None, obj
        ), live

    async def _forget_if_unchanged(
        self, image: BeforeImage, live: Object | None, held: Object, *, new: bool
    ) -> None:
        same = live is not None and live["metadata"]["resourceVersion"] == held["metadata"].get(
            "resourceVersion"
        )
        if new and same:
            await self._journal.delete_image(self._run, image)
