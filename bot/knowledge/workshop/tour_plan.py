"""The plan of a tour: which of its pages fit into the time that there is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.knowledge.objects.durations import parse_duration
from bot.knowledge.workshop.tour_pages import TourPage
from bot.text import Text

FULL = 24 * 60
"""Planned minutes of a tour with every page, also the optional ones."""
LEAST, MOST = 15, 8 * 60
"""Minutes that a plan may have."""
ESSENTIAL = 1
"""The rank of pages that are never left out: without them no rule can be shown."""


@dataclass(frozen=True)
class TourPlan:
    """The pages of a tour, in their order, and those that were left out.

    `given` are the minutes that there are, 0 where nobody said, `minutes` those of the pages.
    """

    pages: tuple[TourPage, ...]
    left_out: tuple[TourPage, ...] = ()
    given: int = 0

    @property
    def minutes(self) -> int:
        """The minutes that the pages take."""
        return sum(page.minutes for page in self.pages)

    @property
    def is_too_long(self) -> bool:
        """Tell whether even what cannot be left out takes more time than there is."""
        return 0 < self.given < self.minutes

    def get_minutes_from(self, page: TourPage) -> int:
        """Return the minutes of a page and all after it."""
        return sum(each.minutes for each in self.pages[self.pages.index(page) :])


def plan_tour(pages: Sequence[TourPage], given: int = 0, shown: str = "") -> TourPlan:
    """Return the plan for that many minutes, or the usual one for 0.

    A page that is `shown` stays in, whatever the time: somebody went there.
    """
    chosen = choose_steps(pages, given) if given else {p.step for p in pages if not p.optional}
    kept = tuple(page for page in pages if page.step in chosen or page.step == shown)
    left_out = tuple(page for page in pages if page not in kept)
    return TourPlan(kept, left_out, given)


def choose_steps(pages: Sequence[TourPage], given: int) -> set[str]:
    """Return the steps whose pages fit, those of the lowest rank first, then in their order."""
    chosen, used = set[str](), 0
    for page in sorted(pages, key=lambda page: (page.optional, page.rank)):
        group = [page, *(other for other in pages if other.tied == page.step)]
        minutes = sum(each.minutes for each in group)
        is_open = not page.tied and (not page.needs or page.needs in chosen)
        essential = page.rank == ESSENTIAL and not page.optional
        if is_open and (essential or used + minutes <= given):
            chosen.update(each.step for each in group)
            used += minutes
    return chosen


def parse_plan(typed: object) -> str:
    """Return what follows `workshop` in its usual form: `60m` of `1h`, `full`, or another word.

    A number alone is minutes. Raises ValueError with the words that say what may be typed.
    """
    word = str(typed).strip().lower()
    if word in ("", "here", "off", "full"):
        return word
    try:
        minutes = round(parse_duration(f"{word}m" if re.fullmatch(r"\d+", word) else word) / 60)
    except ValueError:
        raise ValueError(Text("should be here, off, full, or a time such as 60m")) from None
    if not LEAST <= minutes <= MOST:
        raise ValueError(Text("should be a time from 15m to 8h"))
    return f"{minutes}m"


def get_planned_minutes(word: str) -> int:
    """Return the minutes of a word as `parse_plan` returns it, 0 when it names no time."""
    if word == "full":
        return FULL
    return int(word[:-1]) if word.endswith("m") else 0
