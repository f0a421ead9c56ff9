"""Raw JSON requests to one API server. No typed models: they drop unknown fields and block the loop
for large lists."""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from kubernetes.aio.client import ApiClient

from bot.cluster.bounded_answers import (
    MOST_OBJECTS,
    AnswerLimits,
    build_length_error,
    read_answer,
)
from bot.cluster.credentials import Credentials
from bot.cluster.failures import RetryPolicy, run_with_retries
from bot.cluster.transport import JSON, Transport
from bot.errors import ClusterError, Rejected, Unavailable
from bot.jobs import Jobs
from bot.json_text import parse_json
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
        self,
        client: ApiClient,
        credentials: Credentials,
        *,
        retry_policy: RetryPolicy | None = None,
        seconds: float = 30.0,
    ) -> None:
        self._transport = Transport(client, credentials, seconds=seconds)
        self.retry_policy = retry_policy or RetryPolicy()
        self.jobs = Jobs()

    @property
    def host(self) -> str:
        """The server's URL, without credentials."""
        return self._transport.host

    @property
    def seconds(self) -> float:
        """Seconds that one request may take."""
        return self._transport.seconds

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

    async def get_json_once(self, path: str) -> Object:
        """GET a path once, and return the JSON object; raise ClusterError for what stands now."""
        return self._parse_object(
            await self._send_once("GET", self._build_url(path, None), None, JSON)
        )

    async def get_page(self, path: str, query: Mapping[str, str]) -> tuple[Object, int]:
        """GET a page of a list and return it with its length in bytes; tried again while the
        cluster is unavailable.
        """

        async def once() -> tuple[Object, int]:
            raw = await self._send_once("GET", self._build_url(path, query), None, JSON)
            return self._parse_object(raw), len(raw)

        return await run_with_retries(once, repeatable=True, policy=self.retry_policy)

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
            url = self._build_url(path, query)
            return self._parse_object(await self._send_once(method, url, body, content_type))

        return await run_with_retries(once, repeatable=repeatable, policy=self.retry_policy)

    async def _send_once(self, method: str, url: str, body: Any, content_type: str) -> bytes:
        async with self._transport.open_response(
            method, url, body=body, content_type=content_type
        ) as response:
            return await read_answer(response, self.host, MOST_OBJECTS)

    def _parse_object(self, raw: bytes) -> Object:
        try:
            said = parse_json(raw)
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
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        limits: AnswerLimits,
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Send one request as it is, once, and return status, headers and body, whatever the
        status; for what stands behind the API server.

        Raises ClusterError when there is no answer in time, Unreadable when it goes beyond the
        limits.
        """
        return await self._transport.send_raw(
            method, path, headers=headers, body=body, limits=limits
        )

    def add_identity(self, error: ClusterError) -> ClusterError:
        """Return the error; a Forbidden is given the name of the impersonated user."""
        return self._transport.add_identity(error)

    async def stream_watch(
        self, path: str, query: Mapping[str, str], *, quiet: float, longest: float
    ) -> AsyncGenerator[Object, None]:
        """Yield the JSON lines of a watch as they come, until the server ends it.

        Raises Unavailable after `quiet` seconds without a byte, and after `longest` seconds in all;
        Unreadable for an event without an end. Close it (`contextlib.aclosing`) to drop the
        connection.
        """
        limit = aiohttp.ClientTimeout(
            # A server that sends a byte now and then, and never an event, would hold it for ever.
            total=longest,
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
                if len(pending) > MOST_OBJECTS:
                    raise build_length_error(self.host, MOST_OBJECTS)
                for line in lines:
                    if line.strip():
                        yield self._parse_object(bytes(line))
