"""`bot.ports.Cluster` on a real API server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager

from bot.cluster.api import APPLY_PATCH, MERGE_PATCH, Api, path_of
from bot.cluster.discovery import Discovery
from bot.cluster.proxy import ServiceProxy
from bot.cluster.watches import Watches
from bot.errors import NotFound, Rejected
from bot.figures import Figure
from bot.kinds import Kind, Object
from bot.ports import Identity, View

MANAGER = "meshbot"
"""The field manager under which the bot's own writes are recorded."""
PAGE = 500
"""Objects per request of a list, as kubectl asks."""
EXPIRED = 410


class KubernetesCluster:
    """One cluster. Requests go through `api`, which belongs to whoever connected it; closing that ends this too."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._discovery = Discovery(api)
        self._watches = Watches(api, self.find_at)
        self.web = ServiceProxy(api)

    def figures(self) -> Iterator[Figure]:
        """For Prometheus."""
        return self._api.figures()

    @property
    def host(self) -> str:
        """The server's URL."""
        return self._api.host

    def acting_as(self, identity: Identity) -> KubernetesCluster:
        """The same cluster, asked as someone else (impersonation); `close` it."""
        return KubernetesCluster(self._api.acting_as(identity))

    async def close(self) -> None:
        """Ends what runs in the background for it, and for `acting_as` nothing else."""
        await self._api.close()

    async def may_impersonate(self, identity: Identity) -> list[str]:
        """What the bot's account lacks to act as that user: `impersonate users/NAME` and so on."""
        wanted = [("users", identity.user), *(("groups", group) for group in identity.groups)]
        answers = [await self._reviewed({"verb": "impersonate", "resource": r, "name": named(n)}) for r, n in wanted]
        return [f"impersonate {r} {n}" for (r, n), allowed in zip(wanted, answers, strict=True) if not allowed]

    async def version(self) -> str:
        """The server's version, e.g. `v1.36.3`."""
        return str((await self._api.read("/version")).get("gitVersion", ""))

    async def get(self, kind: Kind, name: str, namespace: str = "") -> Object | None:
        """One object, or None when it (or its whole type) is not there."""
        try:
            return await self._api.read(path_of(kind, namespace, _named(kind, name, namespace)))
        except NotFound:
            return None

    async def find(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> list[Object]:
        """All matching objects; namespace "" means everywhere; empty when the type is not served."""
        try:
            return (await self.find_at(kind, namespace, labels=labels, fields=fields))[0]
        except NotFound:
            return []

    async def find_at(
        self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> tuple[list[Object], str]:
        """The same with the resourceVersion of the list, from which a watch goes on; NotFound when not served."""
        found: list[Object] = []
        version = ""
        async for page in self._pages(kind, namespace, labels=labels, fields=fields):
            if page is None:
                found.clear()
                continue
            found += [{"apiVersion": kind.api_version, "kind": kind.kind, **item} for item in page.get("items") or []]
            version = page.get("metadata", {}).get("resourceVersion", "")
        return found, version

    async def _pages(self, kind: Kind, namespace: str, *, labels: str, fields: str) -> AsyncIterator[Object | None]:
        """The pages of a list; None when the continue token went stale on the way and the list begins again."""
        query = {"limit": str(PAGE)}
        query |= {"labelSelector": labels} if labels else {}
        query |= {"fieldSelector": fields} if fields else {}
        path = path_of(kind, namespace)
        while True:
            try:
                page = await self._api.read(path, query)
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
        """The types that are served in an API group, in its preferred version."""
        return await self._discovery.types(group)

    async def apply(self, obj: Object, *, force: bool = False, dry_run: bool = False, manager: str = "") -> Object:
        """Server-side apply; gives the object as the server holds it. Conflict when another manager owns a field."""
        kind = await self._discovery.kind_of(obj)
        metadata = {k: v for k, v in obj.get("metadata", {}).items() if k != "managedFields"}
        name, namespace = str(metadata.get("name", "")), str(metadata.get("namespace", ""))
        query = {"fieldManager": manager or MANAGER, "force": "true" if force else "false"}
        if dry_run:
            query["dryRun"] = "All"
        return await self._api.send(
            "PATCH",
            path_of(kind, namespace, _named(kind, name, namespace)),
            query=query,
            body={**obj, "metadata": metadata},
            content_type=APPLY_PATCH,
        )

    async def merge(self, kind: Kind, name: str, namespace: str, patch: Object) -> Object:
        """JSON merge patch; a None removes a field."""
        return await self._api.send(
            "PATCH",
            path_of(kind, namespace, _named(kind, name, namespace)),
            query={"fieldManager": MANAGER},
            body=patch,
            content_type=MERGE_PATCH,
        )

    async def put(self, obj: Object) -> Object:
        """Creates the object, or replaces it whole; what the server keeps for itself is left to the server."""
        kind = await self._discovery.kind_of(obj)
        server_kept = {"managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink"}
        metadata = {k: v for k, v in obj["metadata"].items() if k not in server_kept}
        name, namespace = str(metadata["name"]), str(metadata.get("namespace", ""))
        query = {"fieldManager": MANAGER}
        live = await self.get(kind, name, namespace)
        if live is None:
            return await self._api.send(
                "POST", path_of(kind, namespace), query=query, body={**obj, "metadata": metadata}
            )
        metadata["resourceVersion"] = live["metadata"]["resourceVersion"]
        path = path_of(kind, namespace, _named(kind, name, namespace))
        return await self._api.send("PUT", path, query=query, body={**obj, "metadata": metadata})

    async def delete(self, kind: Kind, name: str, namespace: str = "") -> bool:
        """Deletes in the background; False when it was not there."""
        path = path_of(kind, namespace, _named(kind, name, namespace))
        try:
            await self._api.send("DELETE", path, body={"propagationPolicy": "Background"})
        except NotFound:
            return False
        return True

    async def allowed(self, verb: str, kind: Kind, namespace: str = "", *, name: str = "") -> bool:
        """What a SelfSubjectAccessReview says; a kind whose plural is `pods/log` asks for the subresource."""
        plural, _, subresource = kind.plural.partition("/")
        asked = {"verb": verb, "group": kind.group, "resource": plural, "subresource": subresource}
        named = {"name": name} if name else {}
        return await self._reviewed({**asked, **named, **({"namespace": namespace} if namespace else {})})

    async def _reviewed(self, attributes: Mapping[str, str]) -> bool:
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": dict(attributes)},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        answer = await self._api.send("POST", path, body=review, repeatable=True)
        return bool(answer.get("status", {}).get("allowed"))

    def follow(self, namespace: str, *kinds: Kind) -> AbstractAsyncContextManager[View]:
        """List and watch these kinds in one namespace for as long as the context lasts."""
        return self._watches.follow(namespace, *kinds)


def named(name: str) -> str:
    """The name that an access review asks for: all of them, when it differs from user to user."""
    return "" if "{user}" in name else name


def _named(kind: Kind, name: str, namespace: str) -> str:
    """The name, once it is sure to address one object and not a whole list."""
    if not name:
        raise Rejected(f"a {kind.kind} needs a name", status=400)
    if kind.namespaced and not namespace:
        raise Rejected(f"{kind.kind} {name} needs a namespace", status=400)
    return name
