"""A plain HTTP client for a Kubernetes API, embedded or real, that says what it got."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

JSON = "application/json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@dataclass(frozen=True)
class Answer:
    """One response; `body` is decoded JSON, or the text when it is none."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def message(self) -> str:
        return str(self.body["message"])

    def owners(self) -> list[str]:
        """The managedFields entries as `manager:Operation/subresource`."""
        entries = self.body["metadata"].get("managedFields", [])
        subs = [f"/{each['subresource']}" if "subresource" in each else "" for each in entries]
        return sorted(
            f"{each['manager']}:{each['operation']}{sub}"
            for each, sub in zip(entries, subs, strict=True)
        )


class Cluster:
    """One API server; `real` says which kind it is."""

    def __init__(self, kubeconfig: dict[str, Any], *, real: bool) -> None:
        cluster, user = kubeconfig["clusters"][0]["cluster"], kubeconfig["users"][0]["user"]
        self.real, self.url = real, cluster["server"]
        headers = {"User-Agent": "contract/1.0"}
        if "token" in user:
            headers["Authorization"] = f"Bearer {user['token']}"
        self._session = aiohttp.ClientSession(headers=headers)
        self._ssl = _trust(cluster)

    async def call(
        self, method: str, path: str, body: Any = None, *, kind: str = JSON, accept: str = ""
    ) -> Answer:
        """Sends one request."""
        headers = {"Accept": accept or JSON}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = kind
        async with self._session.request(
            method, self.url + path, data=data, headers=headers, ssl=self._ssl
        ) as response:
            text = await response.text()
            found = json.loads(text) if "json" in response.content_type else text
            return Answer(response.status, found, dict(response.headers))

    async def get(self, path: str, accept: str = "") -> Answer:
        return await self.call("GET", path, accept=accept)

    async def post(self, path: str, body: Any) -> Answer:
        return await self.call("POST", path, body)

    async def patch(self, path: str, body: Any, kind: str = MERGE) -> Answer:
        return await self.call("PATCH", path, body, kind=kind)

    async def apply(self, path: str, body: Any, manager: str, query: str = "") -> Answer:
        return await self.call("PATCH", f"{path}?fieldManager={manager}{query}", body, kind=APPLY)

    async def delete(self, path: str, body: Any = None) -> Answer:
        return await self.call("DELETE", path, body)

    async def watch(self, path: str, count: int, seconds: float = 40.0) -> list[Any]:
        """The first events of a watch; the path carries its parameters."""
        events: list[Any] = []
        async with (
            asyncio.timeout(seconds),
            self._session.get(self.url + path, ssl=self._ssl) as response,
        ):
            async for line in response.content:
                events.append(json.loads(line))
                if len(events) == count:
                    break
            if response.connection is not None and response.connection.transport is not None:
                # Over TLS a close would wait for the server's goodbye, which may come after the
                # test's loop is gone.
                response.connection.transport.abort()
        return events

    async def until_gone(self, path: str, seconds: float = 40.0) -> None:
        """Waits until a path answers 404."""
        await self.until(path, lambda answer: answer.status == 404, seconds)

    async def until(
        self, path: str, holds: Callable[[Answer], bool], seconds: float = 15
    ) -> Answer:
        """Asks again until the answer is as wanted (the contract is about reads too, so this does
        not watch)."""
        end = asyncio.get_running_loop().time() + seconds
        for pause in itertools.chain((0, 0.01, 0.02), itertools.repeat(0.1)):
            await asyncio.sleep(pause)
            answer = await self.get(path)
            if holds(answer):
                return answer
            if asyncio.get_running_loop().time() > end:
                raise TimeoutError(f"{path} stayed {answer.status}: {answer.body}")
        raise AssertionError("unreachable")

    async def close(self) -> None:
        await self._session.close()


def _trust(cluster: dict[str, Any]) -> ssl.SSLContext | bool:
    if "certificate-authority-data" in cluster:
        return ssl.create_default_context(
            cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
        )
    if "certificate-authority" in cluster:
        return ssl.create_default_context(cafile=cluster["certificate-authority"])
    return True
