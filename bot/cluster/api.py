"""Raw JSON requests to one API server. No typed models: they drop unknown fields and block the loop
for large lists."""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from kubernetes.aio.client import ApiClient

from bot.cluster.failures import RetryPolicy, run_with_retries
from bot.cluster.transport import JSON, Transport
from bot.errors import ClusterError, Rejected, Unavailable
from bot.jobs import Jobs
from bot.kinds import Kind, Object
from bot.metrics import Metric
from bot.ports import Identity
from bot.text import Text

MERGE_PATCH = "application/merge-patch+json"


def build_path(kind: Kind, namespace: str = "", name: str = "") -> str:
    """Return the URL path of a type, or of one object of it.

    Raises Rejected for a name that would change the path.
    """
    parts = ["/apis", kind.group, kind.version] if kind.group else ["/api", kind.version]
    if kind.namespaced and namespace:
        parts += ["namespaces", quote_segment(namespace)]
    plural, _, subresource = kind.plural.partition("/")
    parts += [plural, quote_segment(name)] if name else [plural]
    return "/".join([*parts, subresource] if subresource else parts)


def quote_segment(name: str) -> str:
    """Quote a name as one segment of a URL path; raise Rejected for "", `.` and `..`."""
    if name in ("", ".", ".."):
        raise Rejected(Text("{name} cannot be the name of an object", name=repr(name)), status=400)
    return quote(name, safe="")


class Api:
    """One API server for the life of the process: JSON requests, watch streams, and the background
    tasks that belong to them.

    `seconds` is the time limit of one request. Raises `bot.errors.ClusterError` and its kinds,
    never the client's own errors.
    """

    def __init__(
        self, client: ApiClient, *, retry_policy: RetryPolicy | None = None, seconds: float = 30.0
    ) -> None:
        self._transport = Transport(client, seconds=seconds)
        self.retry_policy = retry_policy or RetryPolicy()
        self.jobs = Jobs()

    @property
    def host(self) -> str:
        """The server's URL, without credentials."""
        return self._transport.host

    def figures(self) -> Iterator[Metric]:
        """Yield the counts of requests for Prometheus."""
        return self._transport.figures()

    def acting_as(self, identity: Identity) -> Api:
        """Return a client for the same server and connections that impersonates this identity;
        its background tasks are its own.
        """
        # The connections are shared: one pool and one TLS context, whoever is acted for.
        other = copy.copy(self)
        other._transport, other.jobs = self._transport.acting_as(identity), Jobs()
        return other

    async def close(self) -> None:
        """End the background tasks and close the connections, except those of another `Api` that
        this one shares (`acting_as`).
        """
        await self.jobs.drain(0)
        await self._transport.close()

    async def get_json(self, path: str, query: Mapping[str, str] | None = None) -> Object:
        """GET a path and return the JSON object; tried again while the cluster is unavailable."""
        return await self.send("GET", path, query=query, repeatable=True)

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = JSON,
        repeatable: bool = False,
    ) -> Object:
        """Send one request and return the JSON object of its answer.

        `repeatable` says that sending it twice is the same as sending it once. Raises
        ClusterError.
        """

        async def once() -> Object:
            return await self._send_once(method, self._build_url(path, query), body, content_type)

        return await run_with_retries(once, repeatable=repeatable, policy=self.retry_policy)

    async def _send_once(self, method: str, url: str, body: Any, content_type: str) -> Object:
        async with self._transport.open_response(
            method, url, body=body, content_type=content_type
        ) as response:
            raw = await response.read()
        return self._parse_object(raw)

    def _parse_object(self, raw: bytes) -> Object:
        try:
            said = json.loads(raw)
        except ValueError as error:
            raise Unavailable(
                Text("{host} did not answer in JSON: is it an API server?", host=self.host)
            ) from error
        if not isinstance(said, dict):
            raise Unavailable(
                Text("{host} did not answer with an object: is it an API server?", host=self.host)
            )
        return said

    def _build_url(self, path: str, query: Mapping[str, str] | None) -> str:
        return f"{self.host}{path}?{urlencode(query)}" if query else f"{self.host}{path}"

    async def send_raw(
        self, method: str, path: str, *, headers: Mapping[str, str], body: bytes, seconds: float
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Send one request as it is, once, and return status, headers and body, whatever the
        status; for what stands behind the API server.

        Raises ClusterError when there is no answer within `seconds`.
        """
        return await self._transport.send_raw(
            method, path, headers=headers, body=body, seconds=seconds
        )

    def add_identity(self, error: ClusterError) -> ClusterError:
        """Return the error; a Forbidden is given the name of the impersonated user."""
        return self._transport.add_identity(error)

    async def stream_watch(
        self, path: str, query: Mapping[str, str], *, quiet: float
    ) -> AsyncGenerator[Object, None]:
        """Yield the JSON lines of a watch as they come, until the server ends it.

        Raises Unavailable after `quiet` seconds without a byte. Close it
        (`contextlib.aclosing`) to drop the connection.
        """
        limit = aiohttp.ClientTimeout(
            # No limit in all: a watch lasts for minutes, and what counts is that something comes.
            total=None,
            sock_connect=self._transport.seconds,
            sock_read=quiet,
        )
        async with self._transport.open_response(
            "GET", self._build_url(path, query), limit=limit
        ) as response:
            pending = bytearray()
            async for chunk in response.content.iter_any():
                pending += chunk
                # Only a chunk with a line break is split: one large object comes in many chunks.
                *lines, rest = pending.split(b"\n") if b"\n" in chunk else [pending]
                pending = rest
                for line in lines:
                    if line.strip():
                        yield self._parse_object(bytes(line))
