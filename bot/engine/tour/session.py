"""A tour that goes on in a channel, as the run that keeps it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.ledger import Run
from bot.messages import Posted

PLANNED, BEGUN = "planned", "begun"
"""Options of the run that keeps a tour."""


@dataclass(frozen=True)
class TourSession:
    """A tour: who began it, its message, its planned minutes (0: the usual plan), and when it
    began (epoch seconds). A message that is posted anew keeps the beginning.
    """

    user: str
    posted: Posted
    planned: int
    begun: float

    def to_options(self) -> dict[str, Any]:
        """Return the options of the run that keeps this tour."""
        return build_options(self.planned, self.begun)


def build_options(planned: int, begun: float) -> dict[str, Any]:
    """Return the options of the run that keeps a tour."""
    return {PLANNED: planned, BEGUN: begun}


def read_session(run: Run, posted: Posted) -> TourSession:
    """Return the tour that a run keeps, in that message."""
    begun = float(run.options.get(BEGUN) or run.created_at.timestamp())
    return TourSession(run.user, posted, int(run.options.get(PLANNED) or 0), begun)
