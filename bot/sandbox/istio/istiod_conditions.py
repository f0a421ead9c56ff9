"""Status conditions in the form of the Gateway API, changed only where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.sandbox.cluster.contract import Object


def condition(kind: str, reason: str, message: str, *, holds: bool = True) -> Object:
    """A condition without its times."""
    return {"type": kind, "status": "True" if holds else "False", "reason": reason, "message": message}


def merged(old: Any, new: Sequence[Object], generation: int, stamp: str) -> list[Object]:
    """The new conditions; each keeps the time of its last transition while its status stays the same."""
    before = {c["type"]: c for c in old or []}
    result = []
    for one in new:
        same = before.get(one["type"], {}).get("status") == one["status"]
        moment = before[one["type"]]["lastTransitionTime"] if same else stamp
        result.append({**one, "lastTransitionTime": moment, "observedGeneration": generation})
    return result


def said(conditions: Any, kind: str) -> Object:
    """The condition of that type, or an empty object."""
    return next((c for c in conditions or [] if c["type"] == kind), {})
