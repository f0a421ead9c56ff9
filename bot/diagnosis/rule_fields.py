"""Fields of a VirtualService's rules as Istio reads them: open matches, and faults that strike."""

from __future__ import annotations

from collections.abc import Sequence

from bot.kinds import Object

ONE_PATH = ("details", "reviews", "ratings")
"""The Services that are asked for one path alone, which begins with their name (Bookinfo 1.20)."""


def keep_striking(fault: Object) -> Object:
    """Return the parts of a fault that strike: one without a percentage, or with 0, never does."""
    told = {"delay": fault.get("delay") or {}, "abort": fault.get("abort") or {}}
    return {
        name: part
        for name, part in told.items()
        if (part.get("percentage") or {}).get("value") or part.get("percent")
    }


def is_open_match(match: Object, services: Sequence[str]) -> bool:
    """Tell whether a match takes every request: it is empty, or only the path's prefix `/`, or
    only the one path that these Services of Bookinfo are asked for.
    """
    conditions = {k: v for k, v in match.items() if k != "name" and v}
    if not conditions:
        return True
    prefix = str((conditions.get("uri") or {}).get("prefix") or "")
    return list(conditions) == ["uri"] and (
        prefix == "/"
        or bool(prefix)
        and all(s in ONE_PATH and f"/{s}/".startswith(prefix) for s in services)
    )
