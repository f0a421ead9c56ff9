"""Faults: parsed from words, within the limits of Istio and of Bookinfo, and how requests
show them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.errors import ClusterError, UserError
from bot.kinds import Object
from bot.knowledge.routing.manifests import PORT, DataPath
from bot.knowledge.routing.request_proof import (
    NOBODY,
    Expectation,
    choose_other_user,
    compute_wilson_interval,
    count_pages,
)
from bot.ports import HttpRequest, TrafficReport
from bot.steps import Context

SHORTEST, LONGEST = 0.1, 2.4
"""Seconds that a delay may be: reviews v3 gives up on ratings after 2.5, productpage on reviews
after 3 (1.20)."""
LEAST, SOME, MOST = 10, 20, 200
"""Requests that a look takes."""


@dataclass(frozen=True)
class Fault:
    """An abort with an HTTP status, or a delay in seconds, for a percentage of requests."""

    status: int = 500
    delay: float = 0.0
    percent: int = 100

    @property
    def spec(self) -> Object:
        """The fault as it stands in a VirtualService."""
        share = {"percentage": {"value": float(self.percent)}}
        if self.delay:
            return {"delay": share | {"fixedDelay": f"{self.delay:g}s"}}
        return {"abort": share | {"httpStatus": self.status}}

    @property
    def seen_as(self) -> str:
        """The effect on the user, in words."""
        often = "" if self.percent == 100 else f" in {self.percent} % of requests"
        return (
            f"waits {self.delay:g} s for ratings{often}" if self.delay else f"loses ratings{often}"
        )


def read_fault(words: Sequence[str]) -> Fault:
    """Parse `abort 500`, `delay 2s` and `50%`, in any order. Raises ValueError that says what
    is wrong.
    """
    rest = [word.lower() for word in words]
    percent = [word for word in rest if word.endswith("%")]
    rest = [word for word in rest if not word.endswith("%")]
    share = (
        parse_number(percent[0].rstrip("%"), 1, 100, "a share is 1% to 100%") if percent else 100.0
    )
    if len(percent) > 1 or len(rest) > 2:
        raise ValueError("that is more than one fault")
    kind, value = (*rest, "", "")[:2]
    if kind in ("", "abort"):
        return Fault(
            status=int(
                parse_number(value or "500", 400, 599, "an abort has a status of 400 to 599")
            ),
            percent=int(share),
        )
    if kind == "delay":
        seconds = parse_number(
            value.removesuffix("s") or "2",
            SHORTEST,
            LONGEST,
            f"a delay is {SHORTEST:g}s to {LONGEST:g}s",
        )
        return Fault(delay=seconds, percent=int(share))
    raise ValueError(f"“{kind}” is no fault: it is abort or delay")


def parse_number(text: str, low: float, high: float, words: str) -> float:
    """Parse a number within limits. Raises ValueError with `words`."""
    if not re.fullmatch(r"\d+(\.\d+)?", text) or not low <= float(text) <= high:
        raise ValueError(words)
    return float(text)


def refuse_unsupported_fault(fault: Fault, path: DataPath) -> None:
    """Raise UserError for a fault that a waypoint cannot take.

    Gateway API has no delay and no percentage; a waypoint takes an abort with 500 for all
    requests.
    """
    if path is DataPath.WAYPOINT and fault != Fault():
        raise UserError(
            "A waypoint takes only an abort with 500, of all requests.", "Type `fault USER` alone."
        )


WORKSHOPS_OWN = {"jason", "biznagafest"}
"""The workshop's text prints the first, its file has the second: with both, nothing would be seen.
"""


def explain_fault(path: DataPath, user: str) -> tuple[str, ...]:
    """Return notes on how the fault is made."""
    found = [
        "The fault happens in the caller's proxy: ratings itself never sees those requests (response flag FI)."
    ]
    if path is DataPath.WAYPOINT:
        found = [
            "Gateway API has no fault: a backend of weight 0 answers 500, at the waypoint of ratings."
        ]
    if user in WORKSHOPS_OWN:
        found.append(
            f"The workshop's text says jason here and its file biznagafest; this fault and its proof are for {user}."
        )
    return tuple(found)


def build_expectations(user: str, fault: Fault) -> tuple[Expectation, Expectation]:
    """Return what the named user meets, and that another one does not.

    Pages of reviews v1 never ask ratings.
    """
    other = choose_other_user(user)
    if fault.delay:
        slow, count = 1000 * fault.delay * 0.9, count_needed_requests(fault.percent)
        hurt = Expectation(
            user,
            f"some take {slow:.0f} ms or more",
            lambda s: has_reviews_everywhere(s) and s.p99 >= slow,
            count,
        )
        return hurt, Expectation(
            other,
            f"quicker than {slow:.0f} ms",
            lambda s: has_reviews_everywhere(s) and 0 < s.p95 < slow,
        )
    spared = Expectation(
        other,
        "ratings never lost",
        lambda seen: has_reviews_everywhere(seen) and not count_lost_ratings(seen),
    )
    if fault.percent == 100:
        return Expectation(
            user,
            "ratings always lost",
            lambda s: count_lost_ratings(s) > 0 and not s.ratings.get("seen"),
        ), spared
    words = f"ratings lost in {fault.percent} % of requests"
    return Expectation(
        user,
        words,
        lambda seen: has_expected_share(fault.percent, seen),
        count_needed_requests(fault.percent),
    ), spared


def count_needed_requests(percent: int) -> int:
    """Return how many requests miss a share by chance less than once in a hundred times; at
    most 200.
    """
    return (
        MOST
        if percent <= 2
        else max(LEAST if percent == 100 else SOME, math.ceil(-math.log(0.01) * 100 / percent))
    )


def count_lost_ratings(seen: TrafficReport) -> int:
    """Count the pages that said that ratings are unavailable."""
    return seen.ratings.get("unavailable", 0)


def has_reviews_everywhere(seen: TrafficReport) -> bool:
    """Tell whether pages came and all of them showed reviews."""
    return count_pages(seen) > 0 and not seen.versions.get("none")


def has_expected_share(percent: int, seen: TrafficReport) -> bool:
    """Tell whether the wanted percentage lies in the confidence interval of the pages that
    lost ratings.
    """
    asked = count_lost_ratings(seen) + seen.ratings.get("seen", 0)
    low, high = compute_wilson_interval(count_lost_ratings(seen), asked)
    return asked > 0 and low <= percent / 100 <= high


def expect_no_fault(user: str = "") -> tuple[Expectation, ...]:
    """Return the expectations that nobody loses ratings, also not the user whom the fault
    named.
    """
    users = (NOBODY, *([user] if user else []), choose_other_user(user))
    return tuple(
        Expectation(
            each,
            "ratings never lost",
            lambda seen: has_reviews_everywhere(seen) and not count_lost_ratings(seen),
            SOME,
        )
        for each in users
    )


@dataclass(frozen=True)
class RatingsCheck:
    """Result of asking for the ratings as another user."""

    holds: bool
    words: str


async def check_ratings_reachable(context: Context) -> RatingsCheck:
    """Ask productpage for the ratings, not logged in: others may be on reviews v1, whose pages
    never show any.
    """
    ask = HttpRequest(
        context.workshop.app_namespace, "productpage", PORT, "/api/v1/products/0/ratings"
    )
    try:
        answer = await context.web.ask(ask)
    except ClusterError as problem:
        return RatingsCheck(False, f"ratings themselves, not logged in: no answer ({problem})")
    return RatingsCheck(
        answer.status == 200, f"ratings themselves, not logged in: status {answer.status}"
    )
