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

from bot.cluster.bounded_answers import (
    MOST_REFUSAL,
    AnswerLimits,
    build_slow_error,
    read_beginning,
)
from bot.cluster.credentials import Credentials
from bot.cluster.failures import build_status_error, read_status_message, translate_errors
from bot.cluster.plain_session import PlainSession, abort_response
from bot.errors import ClusterError, Forbidden, Unauthorized, Unavailable
from bot.metrics import Metric, counter
from bot.ports import Identity

JSON = "application/json"
APPLY_PATCH = "application/apply-patch+yaml"
"""Server-side apply (Kubernetes 1.22 and newer). The server reads the body as YAML, which JSON is,
but for one thing: JSON writes what is beyond 16 bits as two escapes, and YAML takes neither."""
UNAUTHORIZED = 401
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
        self,
        client: ApiClient,
        credentials: Credentials,
        *,
        seconds: float,
        identity: Identity | None = None,
    ) -> None:
        self._client: Any = client
        self._credentials = credentials
        self._seconds, self._identity = seconds, identity
        self._answered: Counter[tuple[str, str]] = Counter()
        self._plain = PlainSession(client, self._answered)

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
        return Transport(self._client, self._credentials, seconds=self._seconds, identity=identity)

    async def close(self) -> None:
        """Close the connections, except those of another transport that this one shares."""
        await self._plain.close()
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
                response = await self._request(method, url, headers, body, limit or self._seconds)
                await self._check_status(method, response)
                try:
                    yield response
                except TimeoutError as error:
                    if limit is not None:
                        raise
                    began = build_slow_error(self.host, self._seconds).message
                    raise Unavailable(began) from error
        except ClusterError as error:
            # Without credentials nothing was sent.
            if response is None and not isinstance(error, Unauthorized):
                self._answered[method, "none"] += 1
            raise
        finally:
            if response is not None:
                abort_response(response)

    async def _request(
        self,
        method: str,
        url: str,
        headers: CIMultiDict[str],
        body: Any,
        # The tuple that the client documents is a TypeError in aiohttp (kubernetes 37.0).
        patience: float | aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        """Send a request, and once more when the credentials are refused and there are newer
        ones: whatever was refused with 401 was not carried out.
        """
        send, options = self._client.rest_client.request, {"_request_timeout": patience}
        used = await self._credentials.sign(headers)
        answer = await send(method, url, headers=headers, body=body, **options)
        if answer.response.status == UNAUTHORIZED:
            try:
                renewed = await self._credentials.renew(used)
            except Unauthorized:
                abort_response(answer.response)
                raise
            if renewed:
                abort_response(answer.response)
                await self._credentials.sign(headers)
                answer = await send(method, url, headers=headers, body=body, **options)
        response: aiohttp.ClientResponse = answer.response
        return response

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
        used = await self._credentials.sign(sent)
        status, found, content = await self._plain.send(method, url, sent, body, limits)
        # The Service's own 401 is an answer; only a Status comes from the API server.
        refused = status == UNAUTHORIZED and bool(read_status_message(content))
        if refused and await self._credentials.renew(used):
            await self._credentials.sign(sent)
            status, found, content = await self._plain.send(method, url, sent, body, limits)
        return status, found, content

    def add_identity(self, error: ClusterError) -> ClusterError:
        """Return the error; a Forbidden is given the name of the impersonated user."""
        if isinstance(error, Forbidden) and self._identity is not None:
            error.acting_as = self._identity.user
        return error

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
