"""HTTP responses of the observability programs, and the parameters of their requests."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

from sandbox.cluster.contract import Request, Response


def build_json_response(value: Any, status: int = 200, **headers: str) -> Response:
    """Return a JSON document as a response; header names are given with `_` for `-`."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(
        status, json.dumps(value).encode(), {"Content-Type": "application/json", **named}
    )


def build_text_response(text: str, status: int = 200) -> Response:
    """Return plain text as a response."""
    return Response(status, text.encode(), {"Content-Type": "text/plain; charset=utf-8"})


def parse_parameters(request: Request) -> dict[str, list[str]]:
    """Return the parameters of the query and of a posted form, as lists by name."""
    found = parse_qs(request.query, keep_blank_values=True)
    kinds = {name.lower(): value for name, value in request.headers.items()}
    if request.method == "POST" and kinds.get("content-type", "").startswith(
        "application/x-www-form-urlencoded"
    ):
        for name, values in parse_qs(
            request.body.decode("utf-8", "replace"), keep_blank_values=True
        ).items():
            found.setdefault(name, []).extend(values)
    return found


def get_first(found: dict[str, list[str]], name: str, default: str = "") -> str:
    """Return a parameter's first value, or the default."""
    return found.get(name, [default])[0]
