"""The cluster as a run sees it: before each write, what stood there is kept, so that the run can be taken back."""

from __future__ import annotations

from bot.engine.through import Through
from bot.kinds import Kind, Object
from bot.knowledge.images import wanted
from bot.ledger import Journal
from bot.ports import Cluster
from bot.records import Image


class Recorder(Through):
    """`bot.ports.Cluster` for one run. An image is kept before the write and dropped when the write changed nothing;
    when the journal cannot keep it, nothing is written."""

    def __init__(self, cluster: Cluster, journal: Journal, run: str) -> None:
        super().__init__(cluster)
        self._journal, self._run = journal, run

    async def apply(self, obj: Object, *, force: bool = False, dry_run: bool = False, manager: str = "") -> Object:
        """Server-side apply, remembered unless it is a dry run."""
        if dry_run:
            return await self._cluster.apply(obj, force=force, dry_run=True, manager=manager)
        image, live = await self._before(await self.kind_of(obj), obj)
        new = await self._journal.keep(self._run, image)
        held = await self._cluster.apply(obj, force=force, manager=manager)
        await self._unless_changed(image, live, held, new=new)
        return held

    async def put(self, obj: Object) -> Object:
        """Creates or replaces, remembered."""
        image, live = await self._before(await self.kind_of(obj), obj)
        new = await self._journal.keep(self._run, image)
        held = await self._cluster.put(obj)
        await self._unless_changed(image, live, held, new=new)
        return held

    async def merge(self, kind: Kind, name: str, namespace: str, patch: Object) -> Object:
        """JSON merge patch, remembered."""
        named = {"metadata": {"name": name, "namespace": namespace}}
        image, live = await self._before(kind, named)
        new = await self._journal.keep(self._run, Image(kind, namespace, name, image.before, patch))
        held = await self._cluster.merge(kind, name, namespace, patch)
        await self._unless_changed(image, live, held, new=new)
        return held

    async def delete(self, kind: Kind, name: str, namespace: str = "") -> bool:
        """Deletes in the background, remembered when it was there."""
        live = await self._cluster.get(kind, name, namespace)
        if live is None:
            return False
        await self._journal.keep(self._run, Image(kind, namespace, name, wanted(live)))
        return await self._cluster.delete(kind, name, namespace)

    async def _before(self, kind: Kind, obj: Object) -> tuple[Image, Object | None]:
        meta = obj["metadata"]
        namespace = str(meta.get("namespace") or "") if kind.namespaced else ""
        live = await self._cluster.get(kind, str(meta["name"]), namespace)
        return Image(kind, namespace, str(meta["name"]), wanted(live) if live else None, obj), live

    async def _unless_changed(self, image: Image, live: Object | None, held: Object, *, new: bool) -> None:
        same = live is not None and live["metadata"]["resourceVersion"] == held["metadata"].get("resourceVersion")
        if new and same:
            await self._journal.forget(self._run, image)
