"""`bot.ports.Web`: HTTP to Services through the API server's proxy."""

from __future__ import annotations

import json

from bot.cluster.api import Api, segment
from bot.errors import Forbidden, Unavailable
from bot.ports import Answer, Ask


class ServiceProxy:
    """Needs the verbs get and create on `services/proxy`."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def ask(self, ask: Ask) -> Answer:
        """One request. What the API server itself answers, instead of the Service, is raised."""
        place = f"{segment(ask.service)}:{ask.port}"
        path = f"/api/v1/namespaces/{segment(ask.namespace)}/services/{place}/proxy{ask.path}"
        status, headers, body = await self._api.raw(
            ask.method, path, headers=ask.headers, body=ask.body, seconds=ask.seconds
        )
        refused = said_by_the_server(body) if status >= 400 else ""
        if refused and status in (401, 403):
            raise self._api.signed(Forbidden(refused, status=status))
        if refused:
            raise Unavailable(refused, status=status)
        return Answer(status, joined(headers), body)


def said_by_the_server(body: bytes) -> str:
    """The message of a Kubernetes Status, or "" when the body is the Service's own."""
    if b'"Status"' not in body:
        return ""
    try:
        said = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(said, dict) or said.get("kind") != "Status" or said.get("apiVersion") != "v1":
        return ""
    return str(said.get("message") or "the API server refused")


def joined(headers: list[tuple[str, str]]) -> dict[str, str]:
    """Header names in lower case; several of one name, as cookies come, on lines of their own."""
    found: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        found[key] = f"{found[key]}\n{value}" if key in found else value
    return found
