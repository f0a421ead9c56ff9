"""JSON that comes from outside."""

from __future__ import annotations

import json
from typing import Any


def parse_json(text: bytes | str) -> Any:
    """Parse JSON; raise ValueError for whatever cannot be parsed, however it fails."""
    try:
        return json.loads(text)
    except RecursionError as error:
        # Some thousand brackets are enough; the parser's own error is not one of values.
        raise ValueError("nested too deeply") from error
