"""The JSONPath of CRD printer columns: fields, `[*]`, `[0]`, and `[?(@.field=="value")]`."""

from __future__ import annotations

import json
import re
from typing import Any

_PART = re.compile(
    r"""\.(?P<field>(?:[\w\-/]|\\\.)+)
    |\[(?P<star>\*)\]
    |\[(?P<index>-?\d+)\]
    |\[['"](?P<quoted>[^'"]+)['"]\]
    |\[\?\(\s*@(?P<path>[^=!)\s]+)\s*(?P<operator>==|!=)\s*['"](?P<value>[^'"]*)['"]\s*\)\]""",
    re.VERBOSE,
)


def find_values(obj: Any, path: str) -> list[Any]:
    """Return all values at a path; none for a path that is not understood."""
    values = [obj]
    at = 0
    while at < len(path):
        part = _PART.match(path, at)
        if part is None:
            return []
        values = [found for value in values for found in _apply_part(value, part)]
        at = part.end()
    return values


def _apply_part(value: Any, part: re.Match[str]) -> list[Any]:
    name = part["field"] or part["quoted"]
    if name:
        name = name.replace("\\.", ".")
        return [value[name]] if isinstance(value, dict) and value.get(name) is not None else []
    if not isinstance(value, list):
        return list(value.values()) if part["star"] and isinstance(value, dict) else []
    if part["index"]:
        index = int(part["index"])
        return [value[index]] if -len(value) <= index < len(value) else []
    if part["star"]:
        return value
    return [item for item in value if _matches_filter(item, part)]


def _matches_filter(item: Any, part: re.Match[str]) -> bool:
    found = find_values(item, part["path"])
    return (bool(found) and str(found[0]) == part["value"]) == (part["operator"] == "==")


def format_values(values: list[Any]) -> str:
    """Format the values that a path found, as kubectl prints them."""
    return ",".join(
        value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        for value in values
    )
