"""Status conditions as the Gateway API writes them, changed only where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.cluster.contract import Object


def build_condition(kind: str, reason: str, message: str, *, holds: bool = True) -> Object:
    """Build a condition without its times."""
    return {
        "type": kind,
        "status": "True" if holds else "False",
        "reason": reason,
        "message": message,
    }


def merge_conditions(old: Any, new: Sequence[Object], generation: int, stamp: str) -> list[Object]:
    """Return the new conditions with their times.

    Each keeps the time of its last transition while its status stays the same.
    """
    before = {c["type"]: c for c in old or []}
    result = []
    for one in new:
        # A new time with each look would be a change, whose watch event leads to the next look.
        same = before.get(one["type"], {}).get("status") == one["status"]
        moment = before[one["type"]]["lastTransitionTime"] if same else stamp
        result.append({**one, "lastTransitionTime": moment, "observedGeneration": generation})
    return result


def find_condition(conditions: Any, kind: str) -> Object:
    """Return the condition of that type, or an empty object."""
    return next((c for c in conditions or [] if c["type"] == kind), {})
