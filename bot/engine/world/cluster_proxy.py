"""Base of the wrappers around the cluster of a run: passes all reads on unchanged."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from bot.errors import NotFound
from bot.kinds import Kind, Object
from bot.ports import Cluster, WatchCache
from bot.text import Text


class ClusterProxy:
    """The reading half of `bot.ports.Cluster`; subclasses add the writes."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

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

    async def resolve_kind(self, obj: Object) -> Kind:
        """Return the type of an object, in the version that it names.

        Raises NotFound when it is not served.
        """
        group, _, version = str(obj.get("apiVersion")).rpartition("/")
        for kind in await self._cluster.types(group):
            if kind.kind == obj.get("kind"):
                return kind._replace(version=version)
        raise NotFound(
            Text(
                "the cluster does not serve {kind} in {version}",
                kind=str(obj.get("kind")),
                version=str(obj.get("apiVersion")),
            ),
            status=404,
        )
