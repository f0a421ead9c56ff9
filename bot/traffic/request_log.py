"""What the requests of this process have met, minute by minute: those that somebody asked for,
and the bot's own, which prove steps, apart.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from bot.ports import SentRequests
from bot.traffic.product_page import Page

MINUTE = 60
SENT = "sent"
KEPT_MINUTES = 24 * 60
"""Minutes that are kept: a digest tells of a day at most."""


class RequestLog:
    """Counts requests by namespace, purpose and minute, from `begun` on (epoch seconds)."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self.begun = now()
        self._minutes: dict[int, Counter[tuple[str, bool, str]]] = {}

    def note(self, namespace: str, page: Page | None, *, proof: bool) -> None:
        """Count one request that has ended; `page` is None when no page came."""
        minute = int(self._now() // MINUTE)
        if minute not in self._minutes:
            self._minutes[minute] = Counter()
            for old in [each for each in self._minutes if each <= minute - KEPT_MINUTES]:
                del self._minutes[old]
        counts = self._minutes[minute]
        counts[namespace, proof, SENT] += 1
        for what in list_missing(page):
            counts[namespace, proof, what] += 1

    def sum_since(self, namespace: str, since: float, *, proof: bool) -> SentRequests:
        """Return the counts since a moment (epoch seconds), to the minute."""
        total: Counter[str] = Counter()
        for minute, counts in self._minutes.items():
            if (minute + 1) * MINUTE > since:
                for (place, purpose, what), count in counts.items():
                    if (place, purpose) == (namespace, proof):
                        total[what] += count
        return SentRequests(
            since=max(since, self.begun),
            sent=total[SENT],
            failed=total["page"],
            without_reviews=total["reviews"],
            without_ratings=total["ratings"],
            without_details=total["details"],
        )


def list_missing(page: Page | None) -> list[str]:
    """Return what a request did not get: the page itself, or parts of it."""
    if page is None:
        return ["page"]
    found = ["reviews"] if page.version == "none" else []
    found += ["ratings"] if page.ratings == "unavailable" else []
    return found + ([] if page.has_details else ["details"])
