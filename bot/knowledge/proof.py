"""Proof by requests: what users are seen to get, tried again until the proxies have the new rules."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.ports import Load, Seen
from bot.steps import Context

PATIENCE = 15.0
"""Seconds in which rules reach the proxies; usually less than two (Istio 1.23 and 1.30)."""
PAUSE = 1.0
NOBODY = ""
SOMEBODY = "guest"
"""Another user than the one that a rule names; Bookinfo takes any name."""


@dataclass(frozen=True)
class Expectation:
    """What is to be seen of one user's requests, in words and as a test."""

    user: str
    words: str
    holds: Callable[[Seen], bool]
    count: int = 10


@dataclass(frozen=True)
class Observed:
    """What was seen, and whether it was as expected; `trouble` when nothing answered at all."""

    holds: bool
    lines: tuple[str, ...]
    trouble: str = ""


async def observe(context: Context, *expectations: Expectation, seconds: float = PATIENCE) -> Observed:
    """Sends requests as each user until all is as expected, or until the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        context.progress.say("looking whether it took effect")
        seen = [await see(context, expected) for expected in expectations]
        found = tuple(line(expected, what) for expected, what in zip(expectations, seen, strict=True))
        trouble = next((what.trouble for what in seen if what.trouble), "")
        holds = not trouble and all(e.holds(what) for e, what in zip(expectations, seen, strict=True))
        if holds or time.monotonic() > deadline:
            return Observed(holds, found, trouble)
        await asyncio.sleep(PAUSE)


async def see(context: Context, expected: Expectation) -> Seen:
    """One user's requests."""
    load = Load(count=expected.count, rate=20.0, user=expected.user)
    return await context.traffic.send(context.workshop.app_namespace, load)


def line(expected: Expectation, seen: Seen) -> str:
    """`jason: v2 10 of 10, ratings seen 10 of 10 (expected: …)`."""
    who = expected.user or "nobody (not logged in)"
    if seen.trouble:
        return f"{who}: no answer ({seen.trouble})"
    pages = sum(seen.versions.values())
    versions = ", ".join(f"{version} {count}" for version, count in seen.versions.items())
    ratings = ", ".join(f"{what} {count}" for what, count in seen.ratings.items())
    return f"{who}: of {pages} pages reviews {versions}; ratings {ratings} — expected: {expected.words}"


def only(counts: Mapping[str, int], *wanted: str) -> bool:
    """True when something was counted, and nothing but these."""
    return sum(counts.values()) > 0 and set(key for key, n in counts.items() if n) <= set(wanted)


def interval(hits: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """The Wilson interval (95 %) of a share, as fractions; (0, 1) of nothing."""
    if not of:
        return 0.0, 1.0
    share = hits / of
    middle = share + z * z / (2 * of)
    spread = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (middle - spread) / (1 + z * z / of), (middle + spread) / (1 + z * z / of)
