"""What stands around the cluster of a run: everything that only reads goes through it as it is."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from bot.errors import NotFound
from bot.kinds import Kind, Object
from bot.ports import Cluster, View


class Through:
    """The reading half of `bot.ports.Cluster`; what writes is for those that inherit from it."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def version(self) -> str:
        """The server's version."""
        return await self._cluster.version()

    async def get(self, kind: Kind, name: str, namespace: str = "") -> Object | None:
        """One object, or None."""
        return await self._cluster.get(kind, name, namespace)

    async def find(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> list[Object]:
        """All matching objects."""
        return await self._cluster.find(kind, namespace, labels=labels, fields=fields)

    async def types(self, group: str) -> list[Kind]:
        """The types that are served in an API group."""
        return await self._cluster.types(group)

    async def allowed(self, verb: str, kind: Kind, namespace: str = "", *, name: str = "") -> bool:
        """What a SelfSubjectAccessReview says; a name "" asks for any object of the kind."""
        return await self._cluster.allowed(verb, kind, namespace, name=name)

    def follow(self, namespace: str, *kinds: Kind) -> AbstractAsyncContextManager[View]:
        """List and watch."""
        return self._cluster.follow(namespace, *kinds)

    async def kind_of(self, obj: Object) -> Kind:
        """The type of an object, in the version that it names; NotFound when it is not served."""
        group, _, version = str(obj.get("apiVersion")).rpartition("/")
        for kind in await self._cluster.types(group):
            if kind.kind == obj.get("kind"):
                return kind._replace(version=version)
        raise NotFound(f"the cluster does not serve {obj.get('kind')} in {obj.get('apiVersion')}", status=404)
