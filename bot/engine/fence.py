"""Around the cluster of a run: an attendee writes only in their own namespace, and what was written is noted."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from bot.engine.through import Through
from bot.errors import UserError
from bot.kinds import NAMESPACE, Kind, Object
from bot.ports import Cluster
from bot.records import Change, Deed, History


class Touched(NamedTuple):
    """An object that a run wrote or deleted."""

    kind: Kind
    namespace: str
    name: str


class Fence(Through):
    """`bot.ports.Cluster` that reads everything and writes only in the namespace `own`, and that Namespace itself: None
    is everywhere, "" nowhere. What is written goes into `notes`."""

    def __init__(self, cluster: Cluster, own: str | None, notes: set[Touched]) -> None:
        super().__init__(cluster)
        self._own, self._notes = own, notes

    async def apply(self, obj: Object, *, force: bool = False, dry_run: bool = False, manager: str = "") -> Object:
        """Server-side apply within the fence."""
        await self._within_object(obj, noted=not dry_run)
        return await self._cluster.apply(obj, force=force, dry_run=dry_run, manager=manager)

    async def put(self, obj: Object) -> Object:
        """Creates or replaces within the fence."""
        await self._within_object(obj)
        return await self._cluster.put(obj)

    async def merge(self, kind: Kind, name: str, namespace: str, patch: Object) -> Object:
        """JSON merge patch within the fence."""
        self._within(kind.kind, name, namespace)
        self._notes.add(Touched(kind, namespace, name))
        return await self._cluster.merge(kind, name, namespace, patch)

    async def delete(self, kind: Kind, name: str, namespace: str = "") -> bool:
        """Deletes within the fence."""
        self._within(kind.kind, name, namespace)
        self._notes.add(Touched(kind, namespace, name))
        return await self._cluster.delete(kind, name, namespace)

    async def _within_object(self, obj: Object, *, noted: bool = True) -> None:
        meta, kind = obj.get("metadata") or {}, str(obj.get("kind"))
        name, namespace = str(meta.get("name")), str(meta.get("namespace") or "")
        self._within(kind, name, namespace)
        if noted:
            self._notes.add(Touched(await self.kind_of(obj), namespace, name))

    def _within(self, kind: str, name: str, namespace: str) -> None:
        itself = kind == NAMESPACE.kind and not namespace and name == self._own
        if self._own is None or (self._own and namespace == self._own) or itself:
            return
        what = f"{kind} {name}{f' in {namespace}' if namespace else ''}"
        raise UserError(f"This would change {what}; you may change only {self._own}.", "A host can do it.")


class OwnHistory:
    """`bot.records.History` of one namespace: only changes that stayed within it, by steps that stay within one."""

    def __init__(self, history: History, own: str, steps: Collection[str]) -> None:
        self._history, self._own, self._steps = history, own, steps

    async def changes(self, namespace: str, *, most: int = 50) -> list[Change]:
        """Changes that can be taken back without leaving the namespace."""
        found = await self._history.changes(namespace, most=most) if namespace == self._own else []
        return [change for change in found if change.step in self._steps and self._inside(change)]

    async def deeds(self, since: float, *, most: int = 50) -> list[Deed]:
        """What was asked for since then, by anybody."""
        return await self._history.deeds(since, most=most)

    async def undone(self, run: str) -> None:
        """That run's change was taken back."""
        await self._history.undone(run)

    def _inside(self, change: Change) -> bool:
        return all(
            image.namespace == self._own or (image.kind.plural == NAMESPACE.plural and image.name == self._own)
            for image in change.images
        )
