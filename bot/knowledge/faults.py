"""Faults: read from words, as Istio takes them, and how they are seen from outside."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.errors import ClusterError, UserError
from bot.kinds import Object
from bot.knowledge.proof import NOBODY, Expectation, interval, pages, somebody_else
from bot.knowledge.routing import PORT, Path
from bot.ports import Ask, Seen
from bot.steps import Context

SHORTEST, LONGEST = 0.1, 2.4
"""Seconds that a delay may be: reviews v3 gives up on ratings after 2.5, productpage on reviews after 3 (1.20)."""
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
        """As a VirtualService takes it."""
        share = {"percentage": {"value": float(self.percent)}}
        if self.delay:
            return {"delay": share | {"fixedDelay": f"{self.delay:g}s"}}
        return {"abort": share | {"httpStatus": self.status}}

    @property
    def seen_as(self) -> str:
        """What the user meets."""
        often = "" if self.percent == 100 else f" in {self.percent} % of requests"
        return f"waits {self.delay:g} s for ratings{often}" if self.delay else f"loses ratings{often}"


def read(words: Sequence[str]) -> Fault:
    """`abort 500`, `delay 2s`, `50%`, in any order; ValueError that says what is wrong."""
    rest = [word.lower() for word in words]
    percent = [word for word in rest if word.endswith("%")]
    rest = [word for word in rest if not word.endswith("%")]
    share = number(percent[0].rstrip("%"), 1, 100, "a share is 1% to 100%") if percent else 100.0
    if len(percent) > 1 or len(rest) > 2:
        raise ValueError("that is more than one fault")
    kind, value = (*rest, "", "")[:2]
    if kind in ("", "abort"):
        return Fault(
            status=int(number(value or "500", 400, 599, "an abort has a status of 400 to 599")), percent=int(share)
        )
    if kind == "delay":
        seconds = number(value.removesuffix("s") or "2", SHORTEST, LONGEST, f"a delay is {SHORTEST:g}s to {LONGEST:g}s")
        return Fault(delay=seconds, percent=int(share))
    raise ValueError(f"“{kind}” is no fault: it is abort or delay")


def number(text: str, low: float, high: float, words: str) -> float:
    """A number within limits."""
    if not re.fullmatch(r"\d+(\.\d+)?", text) or not low <= float(text) <= high:
        raise ValueError(words)
    return float(text)


def refuse_what_cannot_be(fault: Fault, path: Path) -> None:
    """Gateway API has no delay and no percentage; a waypoint takes an abort with 500 for all requests."""
    if path is Path.WAYPOINT and fault != Fault():
        raise UserError("A waypoint takes only an abort with 500, of all requests.", "Type `fault USER` alone.")


WORKSHOPS_OWN = {"jason", "biznagafest"}
"""The workshop's text prints the first, its file has the second: with both, nothing would be seen."""


def notes(path: Path, user: str) -> tuple[str, ...]:
    """What should be known about how the fault was made."""
    found = ["The fault happens in the caller's proxy: ratings itself never sees those requests (response flag FI)."]
    if path is Path.WAYPOINT:
        found = ["Gateway API has no fault: a backend of weight 0 answers 500, at the waypoint of ratings."]
    if user in WORKSHOPS_OWN:
        found.append(
            f"The workshop's text says jason here and its file biznagafest; this fault and its proof are for {user}."
        )
    return tuple(found)


def expectations(user: str, fault: Fault) -> tuple[Expectation, Expectation]:
    """What the user who is named meets, and that another one does not. Pages of reviews v1 never ask ratings."""
    other = somebody_else(user)
    if fault.delay:
        slow, count = 1000 * fault.delay * 0.9, requests_for(fault.percent)
        hurt = Expectation(user, f"some take {slow:.0f} ms or more", lambda s: unhurt(s) and s.p99 >= slow, count)
        return hurt, Expectation(other, f"quicker than {slow:.0f} ms", lambda s: unhurt(s) and 0 < s.p95 < slow)
    spared = Expectation(other, "ratings never lost", lambda seen: unhurt(seen) and not lost(seen))
    if fault.percent == 100:
        return Expectation(user, "ratings always lost", lambda s: lost(s) > 0 and not s.ratings.get("seen")), spared
    words = f"ratings lost in {fault.percent} % of requests"
    return Expectation(user, words, lambda seen: fits(fault.percent, seen), requests_for(fault.percent)), spared


def requests_for(percent: int) -> int:
    """So many requests that a share is missed by chance less than once in a hundred times; at most 200."""
    return MOST if percent <= 2 else max(LEAST if percent == 100 else SOME, math.ceil(-math.log(0.01) * 100 / percent))


def lost(seen: Seen) -> int:
    """Pages that said that ratings are unavailable."""
    return seen.ratings.get("unavailable", 0)


def unhurt(seen: Seen) -> bool:
    """Pages came, and reviews were on all of them."""
    return pages(seen) > 0 and not seen.versions.get("none")


def fits(percent: int, seen: Seen) -> bool:
    """Whether the share that was asked lies in the interval of what was seen where ratings were asked."""
    asked = lost(seen) + seen.ratings.get("seen", 0)
    low, high = interval(lost(seen), asked)
    return asked > 0 and low <= percent / 100 <= high


def nobody_is_hurt(user: str = "") -> tuple[Expectation, ...]:
    """Without a fault, nobody loses ratings; not the one either whom it named."""
    users = (NOBODY, *([user] if user else []), somebody_else(user))
    return tuple(
        Expectation(each, "ratings never lost", lambda seen: unhurt(seen) and not lost(seen), SOME) for each in users
    )


@dataclass(frozen=True)
class Kept:
    """Whether somebody else was seen to get ratings themselves."""

    holds: bool
    words: str


async def others_keep_ratings(context: Context) -> Kept:
    """Asks productpage for the ratings as nobody: others may be on reviews v1, whose pages never show any."""
    ask = Ask(context.workshop.app_namespace, "productpage", PORT, "/api/v1/products/0/ratings")
    try:
        answer = await context.web.ask(ask)
    except ClusterError as problem:
        return Kept(False, f"ratings themselves, not logged in: no answer ({problem})")
    return Kept(answer.status == 200, f"ratings themselves, not logged in: status {answer.status}")
