"""Requests to what stands behind the API server: sent as they are, without cookies and redirects,
and whatever comes is the answer."""

from __future__ import annotations

from collections import Counter
from typing import Any

import aiohttp
from kubernetes.aio.client import ApiClient
from multidict import CIMultiDict

from bot.cluster.bounded_answers import AnswerLimits, build_slow_error, read_answer
from bot.cluster.failures import translate_errors


class PlainSession:
    """A session of one client that keeps no cookie: the answers to one user must not affect the
    requests of another. `answered` counts answers by method and status.
    """

    def __init__(self, client: ApiClient, answered: Counter[tuple[str, str]]) -> None:
        self._client: Any = client
        self._answered = answered
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def send(
        self,
        method: str,
        url: str,
        headers: CIMultiDict[str],
        body: bytes,
        limits: AnswerLimits,
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Send one request as it is, once, and return status, headers and body, whatever the
        status. Raises ClusterError.
        """
        configuration = self._client.configuration
        with translate_errors(configuration.host, limits.seconds, source=limits.source):
            async with self._get_session().request(
                method,
                url,
                headers=headers,
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
                        abort_response(answer)
                return answer.status, list(answer.headers.items()), content

    def _get_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = self._client.rest_client._create_connector()
            trust = (self._client.configuration.client_session_kwargs or {}).get("trust_env", True)
            jar = aiohttp.DummyCookieJar()
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=jar, trust_env=trust
            )
        return self._session


def abort_response(response: aiohttp.ClientResponse) -> None:
    """Close a response, and abort its connection first: over TLS, closing a watch that goes
    on would wait for the server to close it.
    """
    if response.connection is not None and response.connection.transport is not None:
        response.connection.transport.abort()
    response.close()
