"""Raw JSON requests to one API server. No typed models: they drop unknown fields and block the loop
for large lists."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from kubernetes.aio.client import ApiClient
from kubernetes.aio.config import ConfigException
from multidict import CIMultiDict

from bot.cluster.failures import (
    RetryPolicy,
    build_client_error,
    build_status_error,
    run_with_retries,
)
from bot.errors import ClusterError, Forbidden, Rejected, Unavailable
from bot.jobs import Jobs
from bot.kinds import Kind, Object
from bot.metrics import Metric, counter
from bot.ports import Identity
from bot.text import Text

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
"""Server-side apply (Kubernetes 1.22 and newer). The server reads the body as YAML, which JSON is,
but for one thing: JSON writes what is beyond 16 bits as two escapes, and YAML takes neither."""
UNESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""Characters that JSON allows as they are and YAML does not."""


def encode_as_yaml(body: Any) -> bytes:
    """Encode a body as JSON that is also YAML, in UTF-8."""
    text = json.dumps(body, ensure_ascii=False)
    return UNESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


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
    """One API server for the life of the process: requests, watch streams, and the jobs that belong
    to them.

    `seconds` is the time limit of one request. Raises `bot.errors.ClusterError` and its kinds,
    never the client's own.
    """

    def __init__(
        self, client: ApiClient, *, patience: RetryPolicy | None = None, seconds: float = 30.0
    ) -> None:
        self._client: Any = client
        self.patience = patience or RetryPolicy()
        self.seconds = seconds
        self.jobs = Jobs()
        self.requests = 0
        self.answered: Counter[tuple[str, str]] = Counter()
        self._cookieless: aiohttp.ClientSession | None = None
        self.identity: Identity | None = None

    @property
    def host(self) -> str:
        """The server's URL, without credentials."""
        return str(self._client.configuration.host)

    def figures(self) -> Iterator[Metric]:
        """Yield the counts of requests for Prometheus; the code `none` is a request that got no
        answer.
        """
        for (verb, code), count in self.answered.items():
            yield counter(
                "kubernetes_requests",
                "Requests to the Kubernetes API.",
                count,
                verb=verb,
                code=code,
            )

    def acting_as(self, identity: Identity) -> Api:
        """Return a client for the same server and connections that impersonates this identity;
        its background tasks are its own.
        """
        other = Api(self._client, patience=self.patience, seconds=self.seconds)
        other.identity = identity
        return other

    async def close(self) -> None:
        """End the background tasks and close the connections, except those of another `Api` that
        this one shares (`acting_as`).
        """
        await self.jobs.drain(0)
        if self._cookieless is not None:
            await self._cookieless.close()
        if self.identity is None:
            await self._client.close()

    def _build_headers(self, more: Mapping[str, str]) -> CIMultiDict[str]:
        """Return the client's own headers, those of the request, and those of impersonation. A
        header may come several times.
        """
        headers = CIMultiDict({**self._client.default_headers, **more})
        if self.identity is not None:
            headers.add("Impersonate-User", self.identity.user)
            for group in self.identity.groups:
                headers.add("Impersonate-Group", group)
        return headers

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

        return await run_with_retries(once, repeatable=repeatable, patience=self.patience)

    async def _send_once(self, method: str, url: str, body: Any, content_type: str) -> Object:
        async with self._open_response(
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

    @asynccontextmanager
    async def _open_response(
        self,
        method: str,
        url: str,
        *,
        body: Any = None,
        content_type: str = JSON,
        limit: aiohttp.ClientTimeout | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Yield the open response of a request that succeeded.

        Raises ClusterError for any other, also for one that breaks while it is being read.
        """
        headers = self._build_headers({"Accept": JSON, "Content-Type": content_type})
        if content_type == APPLY_PATCH:
            # With the parameter, the client sends the body as it is; without, it would escape it.
            body, headers["Content-Type"] = encode_as_yaml(body), f"{APPLY_PATCH}; charset=utf-8"
        waited = limit.sock_read if limit and limit.sock_read else self.seconds
        response: aiohttp.ClientResponse | None = None
        try:
            await self._client.update_params_for_auth(
                headers, [], ["BearerToken"], url, method, body
            )
            self.requests += 1
            rest = self._client.rest_client
            answer = await rest.request(
                method, url, headers=headers, body=body, _request_timeout=limit or self.seconds
            )
            response = answer.response
            self.answered[method, str(response.status)] += 1
            if response.status >= 400:
                raw = await response.read()
                error = build_status_error(
                    response.status, raw, retry_after=response.headers.get("Retry-After", "")
                )
                raise self.add_identity(error)
            yield response
        except (aiohttp.ClientError, OSError) as error:
            self.answered[method, "none"] += response is None
            raise build_client_error(error, self.host, waited) from error
        except ConfigException as error:
            raise Forbidden(
                Text(
                    "the credentials for {host} cannot be read: {error}",
                    host=self.host,
                    error=str(error),
                )
            ) from error
        finally:
            if response is not None:
                _abort_response(response)

    async def send_raw(
        self, method: str, path: str, *, headers: Mapping[str, str], body: bytes, seconds: float
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Send one request as it is and return status, headers and body, whatever the status. No
        cookie is kept; for what stands behind the API server.

        Raises ClusterError when there is no answer within `seconds`.
        """
        url, sent = f"{self.host}{path}", self._build_headers(headers)
        configuration = self._client.configuration
        try:
            await self._client.update_params_for_auth(sent, [], ["BearerToken"], url, method, None)
            self.requests += 1
            async with self._get_plain_session().request(
                method,
                url,
                headers=sent,
                data=body or None,
                timeout=aiohttp.ClientTimeout(total=seconds),
                allow_redirects=False,
                server_hostname=configuration.tls_server_name or None,
                proxy=configuration.proxy or None,
            ) as answer:
                self.answered[method, str(answer.status)] += 1
                return answer.status, list(answer.headers.items()), await answer.read()
        except (aiohttp.ClientError, OSError) as error:
            raise build_client_error(error, self.host, seconds) from error
        except ConfigException as error:
            raise Forbidden(
                Text(
                    "the credentials for {host} cannot be read: {error}",
                    host=self.host,
                    error=str(error),
                )
            ) from error

    def add_identity(self, error: ClusterError) -> ClusterError:
        """Return the error; a Forbidden is given the name of the impersonated user."""
        if isinstance(error, Forbidden) and self.identity is not None:
            error.acting_as = self.identity.user
        return error

    def _get_plain_session(self) -> aiohttp.ClientSession:
        """Return a session without cookies: the answers to one user must not affect the requests
        of another.
        """
        if self._cookieless is None:
            connector = self._client.rest_client._create_connector()
            trust = (self._client.configuration.client_session_kwargs or {}).get("trust_env", True)
            jar = aiohttp.DummyCookieJar()
            self._cookieless = aiohttp.ClientSession(
                connector=connector, cookie_jar=jar, trust_env=trust
            )
        return self._cookieless

    async def stream_watch(
        self, path: str, query: Mapping[str, str], *, quiet: float
    ) -> AsyncGenerator[Object, None]:
        """Yield the JSON lines of a watch as they come, until the server ends it.

        Raises Unavailable after `quiet` seconds without a byte. Close it
        (`contextlib.aclosing`) to drop the connection.
        """
        limit = aiohttp.ClientTimeout(total=None, sock_connect=self.seconds, sock_read=quiet)
        async with self._open_response(
            "GET", self._build_url(path, query), limit=limit
        ) as response:
            pending = bytearray()
            async for chunk in response.content.iter_any():
                pending += chunk
                *lines, rest = pending.split(b"\n") if b"\n" in chunk else [pending]
                pending = rest
                for line in lines:
                    if line.strip():
                        yield self._parse_object(bytes(line))


def _abort_response(response: aiohttp.ClientResponse) -> None:
    """Close a response, and abort its connection first: over TLS, closing a watch that goes
    on would wait for the server to close it.
    """
    if response.connection is not None and response.connection.transport is not None:
        response.connection.transport.abort()
    response.close()
