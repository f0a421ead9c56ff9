"""HTTP to programs in the cluster, through the API server's proxy, as `kubectl get --raw` reaches
them: nobody has to forward a port.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy

from sandbox.istio.ctl.kubeconfig import ClusterAccess

PATIENCE = 20.0
"""Wall seconds for one answer: a page behind delayed ratings takes a few."""


class NotServed(Exception):
    """Nothing answers there; the text says why, in the API server's words."""


class Refused(NotServed):
    """A program answers, and refuses; the text says why, in its words."""


@dataclass(frozen=True)
class WebAnswer:
    """An answer of a program in the cluster."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes


@dataclass(frozen=True)
class Place:
    """A Service in the cluster: `port` is its number or name."""

    namespace: str
    service: str
    port: int | str


class ClusterWeb:
    """Requests to the Services of one cluster. Close it when it is not needed any more."""

    def __init__(self, access: ClusterAccess) -> None:
        self._access = access
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def fetch(
        self,
        place: Place,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> WebAnswer:
        """Return a program's answer to a path with its query, whatever the status.

        Raises NotServed when no program answers.
        """
        base = self._access.server.rstrip("/")
        name = f"{place.service}:{place.port}"
        url = f"{base}/api/v1/namespaces/{place.namespace}/services/{name}/proxy{path}"
        try:
            async with (
                asyncio.timeout(PATIENCE),
                self._open_session().request(
                    method,
                    url,
                    headers=CIMultiDict(headers or {}),
                    data=body or None,
                    allow_redirects=False,
                ) as answer,
            ):
                found = WebAnswer(answer.status, answer.headers, await answer.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            why = "no answer in time" if isinstance(error, TimeoutError) else str(error)
            raise NotServed(why) from error
        if refusal := _read_refusal(found):
            raise NotServed(refusal)
        return found

    async def fetch_json(self, place: Place, path: str) -> Any:
        """Return the JSON that a program answers.

        Raises NotServed when none does, and Refused when it answers anything else.
        """
        found = await self.fetch(place, path)
        try:
            told = json.loads(found.body)
        except ValueError:
            told = None
        if found.status >= 400 or told is None:
            said = told.get("error") if isinstance(told, dict) else None
            raise Refused(str(said or f"it answers with status {found.status}"))
        return told

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._access.context or True),
                headers=self._access.headers,
                # Cookies are those of whoever asks, and pass in both directions as headers.
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def _read_refusal(found: WebAnswer) -> str:
    """Return the API server's own refusal, or "" when the answer is the program's."""
    if found.status < 400 or not found.headers.get("Content-Type", "").startswith("application/"):
        return ""
    try:
        told = json.loads(found.body)
    except ValueError:
        return ""
    is_status = isinstance(told, dict) and told.get("kind") == "Status"
    return str(told.get("message") or "refused") if is_status else ""
