"""Requests for JSON to a Service that observes the mesh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from bot.errors import NotFound, Rejected, Unavailable
from bot.ports import HttpRequest, HttpResponse
from bot.steps import Context
from bot.text import Text

ANSWER_TIMEOUT = 15.0
"""Seconds for one answer; Kiali computes a graph in a few."""
LONGEST_WORDS = 500
"""Characters of a service's own words that are kept."""


async def get(
    context: Context, service: str, port: int, path: str, query: Mapping[str, str] | None = None
) -> HttpResponse:
    """Return the answer of a Service in the mesh's namespace, whatever its status.

    Raises Unavailable when nothing answers, Unreadable when too much does.
    """
    url = f"{path}?{urlencode(query)}" if query else path
    return await context.web.ask(
        HttpRequest(context.workshop.mesh_namespace, service, port, url, seconds=ANSWER_TIMEOUT)
    )


async def get_json(
    context: Context, service: str, port: int, path: str, query: Mapping[str, str] | None = None
) -> Any:
    """Return the parsed JSON of an answer.

    Raises Unavailable (nobody there, 5xx, no JSON), NotFound, Rejected (other 4xx), or Unreadable.
    """
    answer = await get(context, service, port, path, query)
    if answer.status >= 400:
        raise build_error(service, answer)
    try:
        return answer.parse_json()
    except ValueError as problem:
        raise Unavailable(Text("{service} did not answer in JSON", service=service)) from problem


def shorten(words: str) -> str:
    """Return the beginning of a service's own words; they may be as long as its answer."""
    return words if len(words) <= LONGEST_WORDS else words[: LONGEST_WORDS - 1] + "…"


def build_error(service: str, answer: HttpResponse) -> Unavailable | NotFound | Rejected:
    """Return an answer with 4xx or 5xx as an error with the service's own words."""
    try:
        said = answer.parse_json()
    except ValueError:
        said = None
    words = said.get("error") or said.get("errors") if isinstance(said, dict) else ""
    message = Text("{service} answered {status}", service=service, status=answer.status)
    if words:
        message = Text(
            "{service} answered {status}: {words}",
            service=service,
            status=answer.status,
            words=shorten(str(words)),
        )
    kinds = {404: NotFound} if answer.status < 500 else {}
    kind = kinds.get(answer.status, Rejected if answer.status < 500 else Unavailable)
    return kind(message, status=answer.status)
