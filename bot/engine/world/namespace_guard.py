"""Limits the writes of a run to an attendee's own namespace, and notes what was written."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from bot.engine.world.cluster_proxy import ClusterProxy
from bot.errors import UserError
from bot.kinds import NAMESPACE, Kind, Object
from bot.ports import Cluster
from bot.records import Change, History, RunSummary
from bot.text import Text


class ChangedObject(NamedTuple):
    """An object that a run wrote or deleted."""

    kind: Kind
    namespace: str
    name: str


class NamespaceGuard(ClusterProxy):
    """`bot.ports.Cluster` that reads everything and writes only in the namespace `own`.

    The Namespace object itself may be written too. None allows all namespaces, "" none.
    Objects that are written go into `notes`.
    """

    def __init__(self, cluster: Cluster, own: str | None, notes: set[ChangedObject]) -> None:
        super().__init__(cluster)
        self._own, self._notes = own, notes

    async def apply(
        self, obj: Object, *, force: bool = False, dry_run: bool = False, manager: str = ""
    ) -> Object:
        """Apply an object on the server, if it is in the namespace."""
        await self._check_and_note(obj, noted=not dry_run)
        return await self._cluster.apply(obj, force=force, dry_run=dry_run, manager=manager)

    async def put(self, obj: Object) -> Object:
        """Create or replace an object, if it is in the namespace."""
        await self._check_and_note(obj)
        return await self._cluster.put(obj)

    async def merge(self, kind: Kind, name: str, namespace: str, patch: Object) -> Object:
        """Apply a JSON merge patch to an object, if it is in the namespace."""
        self._check_namespace(kind.kind, name, namespace)
        self._notes.add(ChangedObject(kind, namespace, name))
        return await self._cluster.merge(kind, name, namespace, patch)

    async def delete(self, kind: Kind, name: str, namespace: str = "") -> bool:
        """Delete an object, if it is in the namespace."""
        self._check_namespace(kind.kind, name, namespace)
        self._notes.add(ChangedObject(kind, namespace, name))
        return await self._cluster.delete(kind, name, namespace)

    async def _check_and_note(self, obj: Object, *, noted: bool = True) -> None:
        meta, kind = obj.get("metadata") or {}, str(obj.get("kind"))
        name, namespace = str(meta.get("name")), str(meta.get("namespace") or "")
        self._check_namespace(kind, name, namespace)
        if noted:
            self._notes.add(ChangedObject(await self.resolve_kind(obj), namespace, name))

    def _check_namespace(self, kind: str, name: str, namespace: str) -> None:
        itself = kind == NAMESPACE.kind and not namespace and name == self._own
        if self._own is None or (self._own and namespace == self._own) or itself:
            return
        what = f"{kind} {name}{Text(' in {namespace}', namespace=namespace) if namespace else ''}"
        raise UserError(
            Text("This would change {what}; you may change only {own}.", what=what, own=self._own),
            Text("A host can do it."),
        )


class NamespaceHistory:
    """`bot.records.History` of one namespace.

    It shows only changes that stayed within it, by steps that stay within one.
    """

    def __init__(self, history: History, own: str, steps: Collection[str]) -> None:
        self._history, self._own, self._steps = history, own, steps

    async def changes(self, namespace: str, *, most: int = 50) -> list[Change]:
        """Return the changes that can be undone without leaving the namespace."""
        found = await self._history.changes(namespace, most=most) if namespace == self._own else []
        return [
            change
            for change in found
            if change.step in self._steps and self._is_within_namespace(change)
        ]

    async def run_summaries(self, since: float, *, most: int = 50) -> list[RunSummary]:
        """Return the commands since then (epoch seconds), by anybody."""
        return await self._history.run_summaries(since, most=most)

    async def undone(self, run: str) -> None:
        """Note that this run's change was undone."""
        await self._history.undone(run)

    def _is_within_namespace(self, change: Change) -> bool:
        return all(
            image.namespace == self._own
            or (image.kind.plural == NAMESPACE.plural and image.name == self._own)
            for image in change.images
        )
