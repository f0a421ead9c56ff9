"""Limits the writes of a run to an attendee's own namespace, and notes what was written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.engine.world.cluster_proxy import ChangedObject, ClusterProxy, ObjectWrite
from bot.errors import UserError
from bot.kinds import NAMESPACE, Kind, Object
from bot.ports import Cluster
from bot.text import Text


class NamespaceGuard(ClusterProxy):
    """`bot.ports.Cluster` that reads everything and writes only in the namespace `own`.

    The Namespace object itself may be written too. None allows all namespaces, "" none.
    Objects that are written are added to `changed`.
    """

    def __init__(self, cluster: Cluster, own: str | None, changed: set[ChangedObject]) -> None:
        super().__init__(cluster)
        self._own, self._changed = own, changed

    async def write_object(
        self, write: ObjectWrite, send: Callable[[], Awaitable[Object]]
    ) -> Object:
        """Write an object, if it is in the namespace."""
        self._check_namespace(write.kind_name, write.name, write.namespace)
        if not write.dry_run:
            # Noted before it is sent: a write whose answer is lost may have been carried out.
            self._changed.add(await self.resolve_target(write))
        return await send()

    async def delete(self, kind: Kind, name: str, namespace: str = "") -> bool:
        """Delete an object, if it is in the namespace."""
        self._check_namespace(kind.kind, name, namespace)
        self._changed.add(ChangedObject(kind, namespace, name))
        return await super().delete(kind, name, namespace)

    def _check_namespace(self, kind: str, name: str, namespace: str) -> None:
        itself = kind == NAMESPACE.kind and not namespace and name == self._own
        if self._own is None or (self._own and namespace == self._own) or itself:
            return
        message = (
            Text(
                "This would change {kind} {name} in {namespace}; you may change only {own}.",
                kind=kind,
                name=name,
                namespace=namespace,
                own=self._own,
            )
            if namespace
            else Text(
                "This would change {kind} {name}; you may change only {own}.",
                kind=kind,
                name=name,
                own=self._own,
            )
        )
        raise UserError(message, Text("A host can do it."))
