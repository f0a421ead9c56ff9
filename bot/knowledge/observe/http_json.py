"""Requests for JSON to a Service that observes the mesh."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from bot.errors import NotFound, Rejected, Unavailable
from bot.ports import HttpRequest, HttpResponse
from bot.steps import Context
from bot.text import Text

PATIENCE = 15.0
"""Seconds for one answer; Kiali computes a graph in a few."""


async def get(
    context: Context, service: str, port: int, path: str, query: Mapping[str, str] | None = None
) -> HttpResponse:
    """Return the answer of a Service in the mesh's namespace, whatever its status.

    Raises Unavailable when nothing answers.
    """
    words = f"?{urlencode(query)}" if query else ""
    return await context.web.ask(
        HttpRequest(
            context.workshop.mesh_namespace, service, port, f"{path}{words}", seconds=PATIENCE
        )
    )


async def get_json(
    context: Context, service: str, port: int, path: str, query: Mapping[str, str] | None = None
) -> Any:
    """Return the parsed JSON of an answer.

    Raises Unavailable (nobody there, 5xx, no JSON), NotFound, or Rejected (other 4xx).
    """
    answer = await get(context, service, port, path, query)
    if answer.status >= 400:
        raise build_error(service, answer)
    try:
        return json.loads(answer.body)
    except ValueError as problem:
        raise Unavailable(Text("{service} did not answer in JSON", service=service)) from problem


def build_error(service: str, answer: HttpResponse) -> Unavailable | NotFound | Rejected:
    """Return an answer with 4xx or 5xx as an error with the service's own words."""
    try:
        said = json.loads(answer.body)
    except ValueError:
        said = None
    words = said.get("error") or said.get("errors") if isinstance(said, dict) else ""
    message = Text(
        "{service} answered {status}{what}",
        service=service,
        status=answer.status,
        what=(f": {words}" if words else ""),
    )
    kinds = {404: NotFound} if answer.status < 500 else {}
    kind = kinds.get(answer.status, Rejected if answer.status < 500 else Unavailable)
    return kind(message, status=answer.status)
