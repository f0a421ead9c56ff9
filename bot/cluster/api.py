"""Raw JSON requests to one API server. No typed models: they drop unknown fields and block the loop for large lists."""

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

from bot.cluster.failures import Patience, from_client, from_status, patiently
from bot.errors import ClusterError, Forbidden, Rejected, Unavailable
from bot.figures import Figure, counter
from bot.jobs import Jobs
from bot.kinds import Kind, Object
from bot.ports import Identity

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
"""Server-side apply (Kubernetes 1.22 and newer). The server reads the body as YAML, which JSON is, but for one thing:
JSON writes what is beyond 16 bits as two escapes, and YAML takes neither."""
UNESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""Characters that JSON allows as they are and YAML does not."""


def as_yaml(body: Any) -> bytes:
    """JSON that is also YAML, in UTF-8."""
    text = json.dumps(body, ensure_ascii=False)
    return UNESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def path_of(kind: Kind, namespace: str = "", name: str = "") -> str:
    """The URL path of a type, or of one object of it; raises Rejected for a name that would change the path."""
    parts = ["/apis", kind.group, kind.version] if kind.group else ["/api", kind.version]
    if kind.namespaced and namespace:
        parts += ["namespaces", segment(namespace)]
    plural, _, subresource = kind.plural.partition("/")
    parts += [plural, segment(name)] if name else [plural]
    return "/".join([*parts, subresource] if subresource else parts)


def segment(name: str) -> str:
    """A name as one piece of a URL path."""
    if name in ("", ".", ".."):
        raise Rejected(f"{name!r} cannot be the name of an object", status=400)
    return quote(name, safe="")


class Api:
    """One API server for the life of the process: requests, watch streams, and the jobs that belong to them.

    `seconds` is the time limit of one request. Raises `bot.errors.ClusterError` and its kinds, never the client's own.
    """

    def __init__(self, client: ApiClient, *, patience: Patience | None = None, seconds: float = 30.0) -> None:
        self._client: Any = client
        self.patience = patience or Patience()
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

    def figures(self) -> Iterator[Figure]:
        """For Prometheus; the code `none` is a request that got no answer."""
        for (verb, code), count in self.answered.items():
            yield counter("kubernetes_requests", "Requests to the Kubernetes API.", count, verb=verb, code=code)

    def acting_as(self, identity: Identity) -> Api:
        """The same server and connections, asked as someone else; what runs in the background for it is its own."""
        other = Api(self._client, patience=self.patience, seconds=self.seconds)
        other.identity = identity
        return other

    async def close(self) -> None:
        """Ends what runs in the background and closes the connections, which stay open when they are another's."""
        await self.jobs.drain(0)
        if self._cookieless is not None:
            await self._cookieless.close()
        if self.identity is None:
            await self._client.close()

    def _headers(self, more: Mapping[str, str]) -> CIMultiDict[str]:
        """The client's own headers, those of the request, and as whom it is made. A header may come several times."""
        headers = CIMultiDict({**self._client.default_headers, **more})
        if self.identity is not None:
            headers.add("Impersonate-User", self.identity.user)
            for group in self.identity.groups:
                headers.add("Impersonate-Group", group)
        return headers

    async def read(self, path: str, query: Mapping[str, str] | None = None) -> Object:
        """GET, tried again while the cluster is away."""
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
    ) -> Object:  # fmt: skip
        """One request; `repeatable` says that doing it twice is the same as doing it once."""

        async def once() -> Object:
            return await self._once(method, self._url(path, query), body, content_type)

        return await patiently(once, repeatable=repeatable, patience=self.patience)

    async def _once(self, method: str, url: str, body: Any, content_type: str) -> Object:
        async with self._response(method, url, body=body, content_type=content_type) as response:
            raw = await response.read()
        return self._parsed(raw)

    def _parsed(self, raw: bytes) -> Object:
        try:
            said = json.loads(raw)
        except ValueError as error:
            raise Unavailable(f"{self.host} did not answer in JSON: is it an API server?") from error
        if not isinstance(said, dict):
            raise Unavailable(f"{self.host} did not answer with an object: is it an API server?")
        return said

    def _url(self, path: str, query: Mapping[str, str] | None) -> str:
        return f"{self.host}{path}?{urlencode(query)}" if query else f"{self.host}{path}"

    @asynccontextmanager
    async def _response(
        self,
        method: str,
        url: str,
        *,
        body: Any = None,
        content_type: str = JSON,
        limit: aiohttp.ClientTimeout | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:  # fmt: skip
        """The open response of a request that succeeded; anything else, while it is open too, becomes our errors."""
        headers = self._headers({"Accept": JSON, "Content-Type": content_type})
        if content_type == APPLY_PATCH:
            # With the parameter, the client sends the body as it is; without, it would escape it.
            body, headers["Content-Type"] = as_yaml(body), f"{APPLY_PATCH}; charset=utf-8"
        waited = limit.sock_read if limit and limit.sock_read else self.seconds
        response: aiohttp.ClientResponse | None = None
        try:
            await self._client.update_params_for_auth(headers, [], ["BearerToken"], url, method, body)
            self.requests += 1
            rest = self._client.rest_client
            answer = await rest.request(method, url, headers=headers, body=body, _request_timeout=limit or self.seconds)
            response = answer.response
            self.answered[method, str(response.status)] += 1
            if response.status >= 400:
                raw = await response.read()
                error = from_status(response.status, raw, retry_after=response.headers.get("Retry-After", ""))
                raise self.signed(error)
            yield response
        except (aiohttp.ClientError, OSError) as error:
            self.answered[method, "none"] += response is None
            raise from_client(error, self.host, waited) from error
        except ConfigException as error:
            raise Forbidden(f"the credentials for {self.host} cannot be read: {error}") from error
        finally:
            if response is not None:
                _end(response)

    async def raw(
        self, method: str, path: str, *, headers: Mapping[str, str], body: bytes, seconds: float
    ) -> tuple[int, list[tuple[str, str]], bytes]:  # fmt: skip
        """One request as it is, whatever its status, and no cookie kept; for what stands behind the API server."""
        url, sent = f"{self.host}{path}", self._headers(headers)
        configuration = self._client.configuration
        try:
            await self._client.update_params_for_auth(sent, [], ["BearerToken"], url, method, None)
            self.requests += 1
            async with self._plain().request(
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
            raise from_client(error, self.host, seconds) from error
        except ConfigException as error:
            raise Forbidden(f"the credentials for {self.host} cannot be read: {error}") from error

    def signed(self, error: ClusterError) -> ClusterError:
        """A refusal says to whom it was given."""
        if isinstance(error, Forbidden) and self.identity is not None:
            error.acting_as = self.identity.user
        return error

    def _plain(self) -> aiohttp.ClientSession:
        """A session without cookies: the answers of one persona must not colour the requests of another."""
        if self._cookieless is None:
            connector = self._client.rest_client._create_connector()
            trust = (self._client.configuration.client_session_kwargs or {}).get("trust_env", True)
            jar = aiohttp.DummyCookieJar()
            self._cookieless = aiohttp.ClientSession(connector=connector, cookie_jar=jar, trust_env=trust)
        return self._cookieless

    async def stream(self, path: str, query: Mapping[str, str], *, quiet: float) -> AsyncGenerator[Object, None]:
        """The JSON lines of a watch as they come, until the server ends it; raises Unavailable after `quiet` seconds
        without a byte. Close it (`contextlib.aclosing`) to drop the connection."""
        limit = aiohttp.ClientTimeout(total=None, sock_connect=self.seconds, sock_read=quiet)
        async with self._response("GET", self._url(path, query), limit=limit) as response:
            pending = bytearray()
            async for chunk in response.content.iter_any():
                pending += chunk
                *lines, rest = pending.split(b"\n") if b"\n" in chunk else [pending]
                pending = rest
                for line in lines:
                    if line.strip():
                        yield self._parsed(bytes(line))


def _end(response: aiohttp.ClientResponse) -> None:
    """Lets go of a response; one that goes on, as a watch does, is cut: over TLS a close waits for the server's own."""
    if response.connection is not None and response.connection.transport is not None:
        response.connection.transport.abort()
    response.close()
