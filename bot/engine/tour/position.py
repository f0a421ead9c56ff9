"""The position in a tour where a run was begun, kept in the run's request key."""

from __future__ import annotations

from dataclasses import dataclass

KEY = "tour"
"""What the request key of a run begins with that was begun in a tour."""


@dataclass(frozen=True)
class TourPosition:
    """Position in a tour where a run was begun.

    `ts` is that of the tour's message, `step` that of the page.
    """

    ts: str
    step: str

    def build_request_key(self, key: str) -> str:
        """Return the request key of a run that is begun here."""
        return f"{KEY}:{self.ts}:{self.step}:{key}"


def parse_request_key(key: str) -> TourPosition | None:
    """Return the position in a request key, None when there is none."""
    kind, ts, step, rest = (*key.split(":", 3), "", "", "")[:4]
    return TourPosition(ts, step) if kind == KEY and rest else None
