"""Single HTTP requests to one API server: headers, impersonation, time limits, errors, counts."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from kubernetes.aio.client import ApiClient
from multidict import CIMultiDict

from bot.cluster.answers import (
    MOST_REFUSAL,
    AnswerLimits,
    build_slow_error,
    read_answer,
    read_beginning,
)
from bot.cluster.failures import build_status_error, translate_errors
from bot.errors import ClusterError, Forbidden, Unavailable
from bot.metrics import Metric, counter
from bot.ports import Identity

JSON = "application/json"
APPLY_PATCH = "application/apply-patch+yaml"
"""Server-side apply (Kubernetes 1.22 and newer). The server reads the body as YAML, which JSON is,
but for one thing: JSON writes what is beyond 16 bits as two escapes, and YAML takes neither."""
UNESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""Characters that JSON allows as they are and YAML does not."""


def encode_as_yaml(body: Any) -> bytes:
    """Encode a body as JSON that is also YAML, in UTF-8."""
    text = json.dumps(body, ensure_ascii=False)
    return UNESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


class Transport:
    """Requests to one API server, as the bot's account or as the identity that it acts as.

    `seconds` is the time limit of one request. Raises `bot.errors.ClusterError` and its kinds,
    never the client's own errors.
    """

    def __init__(
        self, client: ApiClient, *, seconds: float, identity: Identity | None = None
    ) -> None:
        self._client: Any = client
        self._seconds, self._identity = seconds, identity
        self._answered: Counter[tuple[str, str]] = Counter()
        self._cookieless: aiohttp.ClientSession | None = None

    @property
    def host(self) -> str:
        """The server's URL, without credentials."""
        return str(self._client.configuration.host)

    @property
    def seconds(self) -> float:
        """Seconds that one request may take."""
        return self._seconds

    def figures(self) -> Iterator[Metric]:
        """Yield the counts of requests for Prometheus; the code `none` is a request that got no
        answer.
        """
        for (verb, code), count in self._answered.items():
            yield counter(
                "kubernetes_requests",
                "Requests to the Kubernetes API.",
                count,
                verb=verb,
                code=code,
            )

    def acting_as(self, identity: Identity) -> Transport:
        """Return a transport over the same client that impersonates this identity."""
        return Transport(self._client, seconds=self._seconds, identity=identity)

    async def close(self) -> None:
        """Close the connections, except those of another transport that this one shares."""
        if self._cookieless is not None:
            await self._cookieless.close()
        if self._identity is None:
            await self._client.close()

    @asynccontextmanager
    async def open_response(
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
        waited = limit.sock_read if limit and limit.sock_read else self._seconds
        response: aiohttp.ClientResponse | None = None
        try:
            with translate_errors(self.host, waited):
                await self._authenticate(headers, method, url, body)
                # One number or a ClientTimeout: the tuple that the client documents is a TypeError
                # in aiohttp (kubernetes 37.0).
                answer = await self._client.rest_client.request(
                    method, url, headers=headers, body=body, _request_timeout=limit or self._seconds
                )
                response = answer.response
                await self._check_status(method, response)
                try:
                    yield response
                except TimeoutError as error:
                    if limit is not None:
                        raise
                    began = build_slow_error(self.host, self._seconds).message
                    raise Unavailable(began) from error
        except ClusterError as error:
            # A Forbidden without an answer means credentials that cannot be read: nothing was sent.
            if response is None and not isinstance(error, Forbidden):
                self._answered[method, "none"] += 1
            raise
        finally:
            if response is not None:
                _abort_response(response)

    async def send_raw(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        limits: AnswerLimits,
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Send one request as it is and return status, headers and body, whatever the status. No
        cookie is kept; for what stands behind the API server.

        Raises ClusterError when there is no answer in time, Unreadable when it goes beyond the
        limits.
        """
        url, sent = f"{self.host}{path}", self._build_headers(headers)
        configuration = self._client.configuration
        with translate_errors(self.host, limits.seconds, source=limits.source):
            await self._authenticate(sent, method, url, None)
            async with self._get_plain_session().request(
                method,
                url,
                headers=sent,
                data=body or None,
                timeout=aiohttp.ClientTimeout(total=limits.seconds),
                # A redirect is the Service's answer: a login may send its cookie with one.
                allow_redirects=False,
                server_hostname=configuration.tls_server_name or None,
                proxy=configuration.proxy or None,
            ) as answer:
                self._answered[method, str(answer.status)] += 1
                try:
                    content = await read_answer(answer, limits.source, limits.most)
                except TimeoutError as error:
                    raise build_slow_error(limits.source, limits.seconds, answer.status) from error
                finally:
                    # What was not read to its end would be read on.
                    if not answer.content.is_eof():
                        _abort_response(answer)
                return answer.status, list(answer.headers.items()), content

    def add_identity(self, error: ClusterError) -> ClusterError:
        """Return the error; a Forbidden is given the name of the impersonated user."""
        if isinstance(error, Forbidden) and self._identity is not None:
            error.acting_as = self._identity.user
        return error

    async def _authenticate(
        self, headers: CIMultiDict[str], method: str, url: str, body: Any
    ) -> None:
        await self._client.update_params_for_auth(headers, [], ["BearerToken"], url, method, body)

    async def _check_status(self, method: str, response: aiohttp.ClientResponse) -> None:
        """Count the answer; raise ClusterError when it is a refusal."""
        self._answered[method, str(response.status)] += 1
        if response.status >= 400:
            raw = await read_beginning(response, MOST_REFUSAL)
            retry_after = response.headers.get("Retry-After", "")
            raise self.add_identity(
                build_status_error(response.status, raw, retry_after=retry_after)
            )

    def _build_headers(self, more: Mapping[str, str]) -> CIMultiDict[str]:
        """Return the client's own headers, those of the request, and those of impersonation. A
        header may come several times.
        """
        headers = CIMultiDict({**self._client.default_headers, **more})
        if self._identity is not None:
            headers.add("Impersonate-User", self._identity.user)
            for group in self._identity.groups:
                headers.add("Impersonate-Group", group)
        return headers

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


def _abort_response(response: aiohttp.ClientResponse) -> None:
    """Close a response, and abort its connection first: over TLS, closing a watch that goes
    on would wait for the server to close it.
    """
    if response.connection is not None and response.connection.transport is not None:
        response.connection.transport.abort()
    response.close()
