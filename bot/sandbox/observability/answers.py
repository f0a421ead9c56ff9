"""HTTP answers of the observability programs, and what they read from requests."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

from bot.sandbox.cluster.contract import Request, Response


def json_answer(value: Any, status: int = 200, **headers: str) -> Response:
    """A JSON document; header names with `_` for `-`."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(status, json.dumps(value).encode(), {"Content-Type": "application/json", **named})


def text_answer(text: str, status: int = 200) -> Response:
    """Plain text."""
    return Response(status, text.encode(), {"Content-Type": "text/plain; charset=utf-8"})


def parameters(request: Request) -> dict[str, list[str]]:
    """The query's parameters, and those of a posted form."""
    found = parse_qs(request.query, keep_blank_values=True)
    kinds = {name.lower(): value for name, value in request.headers.items()}
    if request.method == "POST" and kinds.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        for name, values in parse_qs(request.body.decode("utf-8", "replace"), keep_blank_values=True).items():
            found.setdefault(name, []).extend(values)
    return found


def first(found: dict[str, list[str]], name: str, default: str = "") -> str:
    """A parameter's first value."""
    return found.get(name, [default])[0]
