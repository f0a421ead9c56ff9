"""`bot.ports.Cluster` on a real API server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager

from bot.cluster.api import APPLY_PATCH, MERGE_PATCH, Api, build_path
from bot.cluster.discovery import Discovery
from bot.cluster.proxy import ServiceProxy
from bot.cluster.watches import Watches
from bot.errors import NotFound, Rejected
from bot.kinds import Kind, Object
from bot.metrics import Metric
from bot.ports import Identity, WatchCache
from bot.text import Text

MANAGER = "meshbot"
"""The field manager under which the bot's own writes are recorded."""
PAGE = 500
"""Objects per request of a list, as kubectl asks."""
EXPIRED = 410


class KubernetesCluster:
    """One cluster, reached through `api`. Whoever connected that `api` closes it; closing it
    closes this cluster as well.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._discovery = Discovery(api)
        self._watches = Watches(api, self.list_with_version)
        self.web = ServiceProxy(api)

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

    async def list_missing_impersonation_rights(self, identity: Identity) -> list[str]:
        """Return the rights that the bot's account lacks to act as that user: `impersonate users
        NAME` and so on; empty when none is missing.
        """
        wanted = [("users", identity.user), *(("groups", group) for group in identity.groups)]
        answers = [
            await self._review_access(
                {"verb": "impersonate", "resource": r, "name": name_to_review(n)}
            )
            for r, n in wanted
        ]
        return [
            f"impersonate {r} {n}"
            for (r, n), allowed in zip(wanted, answers, strict=True)
            if not allowed
        ]

    async def version(self) -> str:
        """Return the server's version, e.g. `v1.36.3`."""
        return str((await self._api.get_json("/version")).get("gitVersion", ""))

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
            return (await self.list_with_version(kind, namespace, labels=labels, fields=fields))[0]
        except NotFound:
            return []

    async def list_with_version(
        self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> tuple[list[Object], str]:
        """Return all matching objects and the resourceVersion of the list, from which a watch
        goes on.

        Raises NotFound when the type is not served.
        """
        found: list[Object] = []
        version = ""
        async for page in self._read_list_pages(kind, namespace, labels=labels, fields=fields):
            if page is None:
                found.clear()
                continue
            found += [
                {"apiVersion": kind.api_version, "kind": kind.kind, **item}
                for item in page.get("items") or []
            ]
            version = page.get("metadata", {}).get("resourceVersion", "")
        return found, version

    async def _read_list_pages(
        self, kind: Kind, namespace: str, *, labels: str, fields: str
    ) -> AsyncIterator[Object | None]:
        """Yield the pages of a list, and None when the continue token has expired on the way and
        the list begins again.
        """
        query = {"limit": str(PAGE)}
        query |= {"labelSelector": labels} if labels else {}
        query |= {"fieldSelector": fields} if fields else {}
        path = build_path(kind, namespace)
        while True:
            try:
                page = await self._api.get_json(path, query)
            except Rejected as error:
                if error.status != EXPIRED or not query.pop("continue", ""):
                    raise
                query.pop("limit", None)
                yield None
                continue
            yield page
            if not (token := page.get("metadata", {}).get("continue", "")):
                return
            query["continue"] = token

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
        metadata = {k: v for k, v in obj.get("metadata", {}).items() if k != "managedFields"}
        name, namespace = str(metadata.get("name", "")), str(metadata.get("namespace", ""))
        query = {"fieldManager": manager or MANAGER, "force": "true" if force else "false"}
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
            query={"fieldManager": MANAGER},
            body=patch,
            content_type=MERGE_PATCH,
        )

    async def put(self, obj: Object) -> Object:
        """Create the object, or replace it whole; fields that the server sets itself are left to
        the server.
        """
        kind = await self._discovery.find_kind(obj)
        server_kept = {
            "managedFields",
            "resourceVersion",
            "uid",
            "creationTimestamp",
            "generation",
            "selfLink",
        }
        metadata = {k: v for k, v in obj["metadata"].items() if k not in server_kept}
        name, namespace = str(metadata["name"]), str(metadata.get("namespace", ""))
        query = {"fieldManager": MANAGER}
        live = await self.get(kind, name, namespace)
        if live is None:
            return await self._api.send(
                "POST", build_path(kind, namespace), query=query, body={**obj, "metadata": metadata}
            )
        metadata["resourceVersion"] = live["metadata"]["resourceVersion"]
        path = build_path(kind, namespace, _require_name(kind, name, namespace))
        return await self._api.send("PUT", path, query=query, body={**obj, "metadata": metadata})

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
        plural, _, subresource = kind.plural.partition("/")
        asked = {"verb": verb, "group": kind.group, "resource": plural, "subresource": subresource}
        named = {"name": name} if name else {}
        return await self._review_access(
            {**asked, **named, **({"namespace": namespace} if namespace else {})}
        )

    async def _review_access(self, attributes: Mapping[str, str]) -> bool:
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": dict(attributes)},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        answer = await self._api.send("POST", path, body=review, repeatable=True)
        return bool(answer.get("status", {}).get("allowed"))

    def follow(self, namespace: str, *kinds: Kind) -> AbstractAsyncContextManager[WatchCache]:
        """List and watch these kinds in one namespace for as long as the context lasts."""
        return self._watches.follow(namespace, *kinds)


def name_to_review(name: str) -> str:
    """Return the name that an access review asks for: "" (all of them) when it differs from
    user to user.
    """
    return "" if "{user}" in name else name


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
