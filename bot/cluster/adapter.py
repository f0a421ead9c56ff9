"""`bot.ports.Cluster` on a real API server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager

from bot.cluster.access import AccessReviews
from bot.cluster.api import MERGE_PATCH, Api, build_path
from bot.cluster.discovery import Discovery
from bot.cluster.listing import list_with_version
from bot.cluster.proxy import ServiceProxy
from bot.cluster.replacement import create_or_replace
from bot.cluster.transport import APPLY_PATCH
from bot.cluster.watches import Watches
from bot.errors import NotFound, Rejected
from bot.kinds import Kind, Object
from bot.metrics import Metric
from bot.ports import FIELD_MANAGER, Identity, WatchCache
from bot.text import Text


class KubernetesCluster:
    """One cluster, reached through `api`. Whoever connected that `api` closes it; closing it
    closes this cluster as well.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._discovery = Discovery(api)
        self._watches = Watches(api)
        self.web = ServiceProxy(api)
        self.access = AccessReviews(api)

    def figures(self) -> Iterator[Metric]:
        """Yield the API client's metrics for Prometheus."""
        return self._api.figures()

    @property
    def host(self) -> str:
        """The server's URL."""
        return self._api.host

    def acting_as(self, identity: Identity) -> KubernetesCluster:
        """Return the same cluster with every request impersonating this identity; the caller
        closes it.
        """
        return KubernetesCluster(self._api.acting_as(identity))

    async def close(self) -> None:
        """End the background tasks and, unless this came from `acting_as`, close the
        connections.
        """
        await self._api.close()

    async def version(self) -> str:
        """Return the server's version, e.g. `v1.36.3`."""
        return str((await self._api.get_json("/version")).get("gitVersion", ""))

    async def probe_version(self) -> str:
        """Return the same, asked once: an outage is not waited out."""
        return str((await self._api.get_json_once("/version")).get("gitVersion", ""))

    async def get(self, kind: Kind, name: str, namespace: str = "") -> Object | None:
        """Return one object, or None when it (or its whole type) is not there."""
        try:
            return await self._api.get_json(
                build_path(kind, namespace, _require_name(kind, name, namespace))
            )
        except NotFound:
            return None

    async def find(
        self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> list[Object]:
        """Return all matching objects; namespace "" means everywhere; empty when the type is not
        served.
        """
        try:
            found, _ = await list_with_version(
                self._api, kind, namespace, labels=labels, fields=fields
            )
        except NotFound:
            return []
        return found

    async def types(self, group: str) -> list[Kind]:
        """Return the types that are served in an API group, in its preferred version."""
        return await self._discovery.list_types(group)

    async def apply(
        self, obj: Object, *, force: bool = False, dry_run: bool = False, manager: str = ""
    ) -> Object:
        """Apply the object server-side and return it as the server holds it.

        Raises Conflict when another manager owns a field.
        """
        kind = await self._discovery.find_kind(obj)
        # The server refuses an apply that has managedFields.
        metadata = {k: v for k, v in obj.get("metadata", {}).items() if k != "managedFields"}
        name, namespace = str(metadata.get("name", "")), str(metadata.get("namespace", ""))
        query = {"fieldManager": manager or FIELD_MANAGER, "force": "true" if force else "false"}
        if dry_run:
            query["dryRun"] = "All"
        return await self._api.send(
            "PATCH",
            build_path(kind, namespace, _require_name(kind, name, namespace)),
            query=query,
            body={**obj, "metadata": metadata},
            content_type=APPLY_PATCH,
        )

    async def merge(self, kind: Kind, name: str, namespace: str, patch: Object) -> Object:
        """Apply a JSON merge patch and return the object; a None in the patch removes a field."""
        return await self._api.send(
            "PATCH",
            build_path(kind, namespace, _require_name(kind, name, namespace)),
            query={"fieldManager": FIELD_MANAGER},
            body=patch,
            content_type=MERGE_PATCH,
        )

    async def put(self, obj: Object, *, dry_run: bool = False) -> Object:
        """Create the object, or replace it whole; fields that the server sets itself are left to
        the server, but for managedFields: where `obj` has some, they are put back as well.
        """
        kind = await self._discovery.find_kind(obj)
        name, namespace = str(obj["metadata"]["name"]), str(obj["metadata"].get("namespace", ""))
        _require_name(kind, name, namespace)
        query = {"fieldManager": FIELD_MANAGER} | ({"dryRun": "All"} if dry_run else {})
        held = await create_or_replace(self._api, kind, obj, query)
        managers = obj["metadata"].get("managedFields")
        if not managers or dry_run:
            return held
        # A request of its own: within the first, all that it changes would be this writer's.
        patch = {"metadata": {"managedFields": managers}}
        return await self.merge(kind, name, namespace, patch)

    async def delete(self, kind: Kind, name: str, namespace: str = "") -> bool:
        """Delete an object with background propagation; return False when it was not there."""
        path = build_path(kind, namespace, _require_name(kind, name, namespace))
        try:
            await self._api.send("DELETE", path, body={"propagationPolicy": "Background"})
        except NotFound:
            return False
        return True

    async def allowed(self, verb: str, kind: Kind, namespace: str = "", *, name: str = "") -> bool:
        """Tell whether a SelfSubjectAccessReview allows the verb; a kind whose plural is
        `pods/log` asks for the subresource.
        """
        return await self.access.is_allowed(verb, kind, namespace, name)

    def follow(self, namespace: str, *kinds: Kind) -> AbstractAsyncContextManager[WatchCache]:
        """List and watch these kinds in one namespace for as long as the context lasts."""
        return self._watches.follow(namespace, *kinds)


def _require_name(kind: Kind, name: str, namespace: str) -> str:
    """Return the name; raise Rejected when it would address a whole list instead of one
    object.
    """
    if not name:
        raise Rejected(Text("a {kind} needs a name", kind=kind.kind), status=400)
    if kind.namespaced and not namespace:
        raise Rejected(
            Text("{kind} {name} needs a namespace", kind=kind.kind, name=name), status=400
        )
    return name
