"""`bot.ports.Web`: HTTP to Services through the API server's proxy."""

from __future__ import annotations

from bot.cluster.api import Api, quote_segment
from bot.cluster.bounded_answers import AnswerLimits
from bot.cluster.failures import build_status_error, read_status_message
from bot.errors import Unavailable
from bot.ports import HttpRequest, HttpResponse
from bot.text import EMPTY


class ServiceProxy:
    """Needs the verbs get and create on `services/proxy`; for a pod, get on `pods/proxy`."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def ask(self, ask: HttpRequest) -> HttpResponse:
        """Send one request to a Service or a pod and return its answer.

        Raises Forbidden or Unavailable when the API server itself answers with an error
        instead of the Service, Unreadable when the answer goes beyond the request's limits.
        """
        place = f"{quote_segment(ask.service)}:{ask.port}"
        namespace = f"/api/v1/namespaces/{quote_segment(ask.namespace)}"
        path = f"{namespace}/{ask.resource}/{place}/proxy{ask.path}"
        status, headers, body = await self._api.send_raw(
            ask.method,
            path,
            headers=ask.headers,
            body=ask.body,
            limits=AnswerLimits(ask.service, ask.most, ask.seconds),
        )
        # The Service's own errors are answers too; only a Status comes from the API server.
        refused = read_status_message(body) if status >= 400 else EMPTY
        if refused and status in (401, 403):
            raise self._api.add_identity(build_status_error(status, body))
        if refused:
            raise Unavailable(refused, status=status)
        return HttpResponse(status, join_headers(headers), body)


def join_headers(headers: list[tuple[str, str]]) -> dict[str, str]:
    """Return the headers by lower-case name; several values of one name, as cookies come,
    are joined by line breaks.
    """
    found: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        found[key] = f"{found[key]}\n{value}" if key in found else value
    return found
