"""Base of the layers around the cluster of a run: passes every call on to the cluster behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import NamedTuple

from bot.errors import NotFound
from bot.kinds import Kind, Object
from bot.ports import Cluster, WatchCache
from bot.text import Text


@dataclass(frozen=True)
class ObjectWrite:
    """A write of one object, before it is sent.

    `sent` is the manifest, or the JSON merge patch. `kind` is None for a manifest: its type must
    be resolved first, which may send a request.
    """

    kind_name: str
    name: str
    namespace: str
    sent: Object
    kind: Kind | None = None
    dry_run: bool = False


def read_manifest(obj: Object, *, dry_run: bool = False) -> ObjectWrite:
    """Return the write of a manifest."""
    meta = obj.get("metadata") or {}
    return ObjectWrite(
        kind_name=str(obj.get("kind")),
        name=str(meta.get("name")),
        namespace=str(meta.get("namespace") or ""),
        sent=obj,
        dry_run=dry_run,
    )


class ChangedObject(NamedTuple):
    """An object that a run wrote or deleted."""

    kind: Kind
    namespace: str
    name: str


class ClusterProxy:
    """`bot.ports.Cluster` that passes everything on; layers around a cluster derive from it.

    All writes but deletions go through `write_object`: a layer overrides that and `delete`, and
    nothing else.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def write_object(
        self, write: ObjectWrite, send: Callable[[], Awaitable[Object]]
    ) -> Object:
        """Carry out a write by calling `send`; return the object as the server holds it."""
        return await send()

    async def delete(self, kind: Kind, name: str, namespace: str = "") -> bool:
        """Delete an object in the background; return False when it did not exist."""
        return await self._cluster.delete(kind, name, namespace)

    async def apply(
        self, obj: Object, *, force: bool = False, dry_run: bool = False, manager: str = ""
    ) -> Object:
        """Apply an object on the server."""
        return await self.write_object(
            read_manifest(obj, dry_run=dry_run),
            lambda: self._cluster.apply(obj, force=force, dry_run=dry_run, manager=manager),
        )

    async def put(self, obj: Object, *, dry_run: bool = False) -> Object:
        """Create or replace an object."""
        return await self.write_object(
            read_manifest(obj, dry_run=dry_run), lambda: self._cluster.put(obj, dry_run=dry_run)
        )

    async def merge(self, kind: Kind, name: str, namespace: str, patch: Object) -> Object:
        """Apply a JSON merge patch to an object."""
        return await self.write_object(
            ObjectWrite(kind.kind, name, namespace, patch, kind),
            lambda: self._cluster.merge(kind, name, namespace, patch),
        )

    async def version(self) -> str:
        """Return the server's version."""
        return await self._cluster.version()

    async def get(self, kind: Kind, name: str, namespace: str = "") -> Object | None:
        """Return one object, or None."""
        return await self._cluster.get(kind, name, namespace)

    async def find(
        self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> list[Object]:
        """Return all matching objects."""
        return await self._cluster.find(kind, namespace, labels=labels, fields=fields)

    async def types(self, group: str) -> list[Kind]:
        """Return the types that are served in an API group."""
        return await self._cluster.types(group)

    async def allowed(self, verb: str, kind: Kind, namespace: str = "", *, name: str = "") -> bool:
        """Tell whether a SelfSubjectAccessReview allows the verb.

        A name "" asks for any object of the kind.
        """
        return await self._cluster.allowed(verb, kind, namespace, name=name)

    def follow(self, namespace: str, *kinds: Kind) -> AbstractAsyncContextManager[WatchCache]:
        """List and watch these kinds in one namespace for as long as the context lasts."""
        return self._cluster.follow(namespace, *kinds)

    async def resolve_target(self, write: ObjectWrite) -> ChangedObject:
        """Return the object that a write is for; NotFound when its type is not served."""
        kind = await self.resolve_kind(write)
        return ChangedObject(kind, write.namespace if kind.namespaced else "", write.name)

    async def resolve_kind(self, write: ObjectWrite) -> Kind:
        """Return the type of what is written, in the version that its manifest names.

        Raises NotFound when it is not served.
        """
        if write.kind is not None:
            return write.kind
        group, _, version = str(write.sent.get("apiVersion")).rpartition("/")
        for kind in await self._cluster.types(group):
            if kind.kind == write.kind_name:
                return kind._replace(version=version)
        raise NotFound(
            Text(
                "the cluster does not serve {kind} in {version}",
                kind=write.kind_name,
                version=str(write.sent.get("apiVersion")),
            ),
            status=404,
        )
