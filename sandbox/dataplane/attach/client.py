"""`contract.Client` over HTTP: for programs where the cluster is not in this process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, NoReturn

import aiohttp

from sandbox.cluster.contract import ApiError, Client, Object, Ref, WatchEvent
from sandbox.istio.ctl.kubeconfig import ClusterAccess

_JSON, _MERGE, _APPLY = (
    "application/json",
    "application/merge-patch+json",
    "application/apply-patch+yaml",
)
_WATCH_SECONDS = 290
"""After this time the server ends a watch, and it is begun again."""
_KINDS_OF_EVENTS = ("ADDED", "MODIFIED", "DELETED")
_LONGEST_LINE = 16 * 2**20
"""Bytes: no event of a watch is longer."""


class HttpClient:
    """The API of the cluster that `access` leads to. Close it when all of its watches have
    ended."""

    def __init__(
        self,
        access: ClusterAccess,
        manager: str = "meshbot-sandbox",
        *,
        shared: _ApiSession | None = None,
    ) -> None:
        self.manager = manager
        self._shared = shared or _ApiSession(access)

    async def close(self) -> None:
        """Close all connections, also those of clients that act as others."""
        await self._shared.close()

    async def get(self, ref: Ref, name: str, namespace: str = "") -> Object | None:
        try:
            return await self._shared.request_json(
                "GET", await self._shared.build_path(ref, namespace, name)
            )
        except ApiError as refusal:
            if refusal.code == 404:
                return None
            raise

    async def list(self, ref: Ref, namespace: str = "", labels: str = "") -> list[Object]:
        items, _ = await self._shared.list_items(ref, namespace, labels)
        return items

    async def create(self, obj: Object) -> Object:
        meta = obj["metadata"]
        path = await self._shared.build_path(await self._find_ref(obj), meta.get("namespace", ""))
        return await self._shared.request_json(
            "POST", path, obj, query={"fieldManager": self.manager}
        )

    async def update(self, obj: Object, *, subresource: str = "") -> Object:
        return await self._shared.request_json(
            "PUT",
            await self._build_object_path(obj, subresource),
            obj,
            query={"fieldManager": self.manager},
        )

    async def merge(
        self, ref: Ref, name: str, namespace: str, patch: Object, *, subresource: str = ""
    ) -> Object:
        path = await self._shared.build_path(ref, namespace, name, subresource)
        query = {"fieldManager": self.manager}
        return await self._shared.request_json("PATCH", path, patch, query=query, content=_MERGE)

    async def apply(self, obj: Object, *, force: bool = True, subresource: str = "") -> Object:
        query = {"fieldManager": self.manager, "force": "true" if force else "false"}
        return await self._shared.request_json(
            "PATCH",
            await self._build_object_path(obj, subresource),
            obj,
            query=query,
            content=_APPLY,
        )

    async def delete(
        self, ref: Ref, name: str, namespace: str = "", *, grace: int | None = None
    ) -> None:
        query = {} if grace is None else {"gracePeriodSeconds": str(grace)}
        await self._shared.request_json(
            "DELETE", await self._shared.build_path(ref, namespace, name), query=query
        )

    async def watch(self, ref: Ref, namespace: str = "") -> AsyncIterator[WatchEvent]:
        items, version = await self._shared.list_items(ref, namespace, "")
        for item in items:
            yield WatchEvent("ADDED", item)
        path = await self._shared.build_path(ref, namespace)
        # The next watch goes on from the last event or bookmark, without a new list.
        while version:
            query = {"watch": "1", "allowWatchBookmarks": "true", "resourceVersion": version}
            query["timeoutSeconds"] = str(_WATCH_SECONDS)
            async for kind, obj in self._shared.stream_watch(path, query):
                version = obj["metadata"]["resourceVersion"]
                if kind in _KINDS_OF_EVENTS:
                    yield WatchEvent(kind, obj)

    def acting_as(self, manager: str) -> Client:
        return HttpClient(self._shared.access, manager, shared=self._shared)

    async def _find_ref(self, obj: Object) -> Ref:
        group, _, version = str(obj["apiVersion"]).rpartition("/")
        return await self._shared.find_ref(group, version, obj["kind"])

    async def _build_object_path(self, obj: Object, subresource: str) -> str:
        meta = obj["metadata"]
        return await self._shared.build_path(
            await self._find_ref(obj), meta.get("namespace", ""), meta["name"], subresource
        )


class _ApiSession:
    """One pool of connections to the API server, and the versions found by discovery."""

    def __init__(self, access: ClusterAccess) -> None:
        self.access = access
        self._session: aiohttp.ClientSession | None = None
        self._versions: dict[str, str] = {}

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            # Each watch keeps a connection: with a limit, requests could wait for one for ever.
            connector = aiohttp.TCPConnector(ssl=self.access.context or True, limit=0)
            headers = {**self.access.headers, "Accept": _JSON}
            # No total: a watch may last; other requests have a limit of their own.
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
            self._session = aiohttp.ClientSession(
                connector=connector, headers=headers, timeout=timeout, read_bufsize=_LONGEST_LINE
            )
        return self._session

    async def build_path(
        self, ref: Ref, namespace: str = "", name: str = "", subresource: str = ""
    ) -> str:
        """Return the path of a type, or of one object of it. Raises ApiError(404) for a group
        that is not served.
        """
        root = (
            "/api/v1"
            if not ref.group
            else f"/apis/{ref.group}/{await self._get_preferred_version(ref.group)}"
        )
        inside = f"/namespaces/{namespace}" if namespace else ""
        return "/".join(
            part for part in (f"{root}{inside}/{ref.plural}", name, subresource) if part
        )

    async def list_items(self, ref: Ref, namespace: str, labels: str) -> tuple[list[Object], str]:
        """Return all objects of a type and the version of that list, from which a watch can go
        on.
        """
        query = {"labelSelector": labels} if labels else {}
        found = await self.request_json("GET", await self.build_path(ref, namespace), query=query)
        shared = {"apiVersion": found["apiVersion"], "kind": found["kind"].removesuffix("List")}
        return [{**shared, **item} for item in found["items"]], found["metadata"].get(
            "resourceVersion", ""
        )

    async def _get_preferred_version(self, group: str) -> str:
        if group not in self._versions:
            found = await self.request_json("GET", f"/apis/{group}")
            self._versions[group] = found["preferredVersion"]["version"]
        return self._versions[group]

    async def find_ref(self, group: str, version: str, kind: str) -> Ref:
        """Return the type of an object. Raises ApiError(404) when it is not served."""
        found = await self.request_json(
            "GET", f"/apis/{group}/{version}" if group else f"/api/{version}"
        )
        named = (
            r["name"] for r in found["resources"] if r["kind"] == kind and "/" not in r["name"]
        )
        plural = next(named, "")
        if not plural:
            raise ApiError(404, "NotFound", f'no matches for kind "{kind}" in version "{version}"')
        return Ref(group, plural)

    async def request_json(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        content: str = _JSON,
    ) -> Object:
        """Send one request and return its answer's JSON. Raises ApiError."""
        data = None if body is None else json.dumps(body)
        url = self.access.server.rstrip("/") + path
        headers = {"Content-Type": content} if data is not None else {}
        try:
            async with (
                asyncio.timeout(30),
                self._open_session().request(
                    method, url, params=query, data=data, headers=headers
                ) as answer,
            ):
                found = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ApiError(503, "ServiceUnavailable", f"{method} {url}: {error}") from error
        if answer.status >= 400:
            _raise_refusal(answer.status, found)
        told: Object = json.loads(found)
        return told

    async def stream_watch(
        self, path: str, query: Mapping[str, str]
    ) -> AsyncIterator[tuple[Any, Object]]:
        """Yield the events of one watch until it ends. Raises ApiError, 410 when the version is
        too old.
        """
        url = self.access.server.rstrip("/") + path
        try:
            async with self._open_session().get(url, params=query) as answer:
                if answer.status >= 400:
                    _raise_refusal(answer.status, await answer.read())
                try:
                    async for line in answer.content:
                        event = json.loads(line)
                        if event["type"] == "ERROR":
                            _raise_refusal(
                                int(event["object"].get("code") or 500),
                                json.dumps(event["object"]).encode(),
                            )
                        yield event["type"], event["object"]
                finally:
                    _abort_response(answer)
        except (aiohttp.ClientError, ValueError) as error:
            raise ApiError(503, "ServiceUnavailable", f"watch of {url}: {error}") from error


def _abort_response(answer: aiohttp.ClientResponse) -> None:
    """Abort the connection of a watch that goes on: over TLS, closing it would wait for the
    server to close it.
    """
    if answer.connection is not None and answer.connection.transport is not None:
        answer.connection.transport.abort()


def _raise_refusal(status: int, body: bytes) -> NoReturn:
    try:
        told = json.loads(body)
    except ValueError:
        told = {}
    message = told.get("message") if isinstance(told, dict) else None
    reason = told.get("reason", "") if isinstance(told, dict) else ""
    raise ApiError(status, reason or "Unknown", message or body.decode("utf-8", "replace")[:500])
