"""Proof by requests: what users get, tried again until the proxies have the new rules."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.knowledge.observe.probes import strip_proxy_prefix
from bot.ports import LoadSpec, TrafficReport
from bot.steps import Context

PATIENCE = 15.0
"""Seconds in which rules reach the proxies; usually less than two (Istio 1.23 and 1.30)."""
PAUSE = 0.5
RATE = 50.0
"""Requests per second of all users together: enough to be quick, few enough for one small pod of
each application."""
SURE = 3.0
"""How wide an interval is, in standard deviations: chance alone leaves it once in 370 times."""
NOBODY = ""
OTHERS = ("guest", "visitor")
"""Other users than the one that a rule names; Bookinfo takes any name."""


@dataclass(frozen=True)
class Expectation:
    """Expected result of one user's requests, in words and as a test."""

    user: str
    words: str
    holds: Callable[[TrafficReport], bool]
    count: int = 10


@dataclass(frozen=True)
class Observation:
    """Observed result of requests, and whether it was as expected; `trouble` when nothing
    answered at all.
    """

    holds: bool
    lines: tuple[str, ...]
    trouble: str = ""
    seen: tuple[TrafficReport, ...] = ()

    @property
    def because(self) -> str:
        """The reason why the result is not as expected, and who can help."""
        if self.trouble:
            why = strip_proxy_prefix(self.trouble)
            return f"nothing answers requests for the page: {why}. Whoever runs the cluster: do the pods run?"
        return "what was seen is not what was asked. Give it a minute, then type it again."


def choose_other_user(user: str) -> str:
    """Return another user than that one."""
    return next(other for other in OTHERS if other != user)


async def wait_for_expectations(
    context: Context, *expectations: Expectation, seconds: float = PATIENCE
) -> Observation:
    """Send requests as all these users at the same time, until all is as expected or the time
    is over.

    `seconds` limits the time, as does the workshop's readiness timeout.
    """
    deadline = time.monotonic() + min(seconds, context.workshop.readiness_timeout)
    while True:
        context.progress.say("looking whether it took effect, by requests")
        seen = await asyncio.gather(
            *(
                send_as_user(context, expected, RATE / len(expectations))
                for expected in expectations
            )
        )
        found = tuple(
            describe_observation(expected, what)
            for expected, what in zip(expectations, seen, strict=True)
        )
        trouble = next((what.trouble for what in seen if what.trouble), "")
        holds = not trouble and all(
            e.holds(what) for e, what in zip(expectations, seen, strict=True)
        )
        if holds or time.monotonic() > deadline:
            return Observation(holds, found, trouble, tuple(seen))
        await asyncio.sleep(PAUSE)


async def send_as_user(context: Context, expected: Expectation, rate: float) -> TrafficReport:
    """Send one user's requests, at `rate` a second."""
    load = LoadSpec(count=expected.count, rate=rate, user=expected.user)
    return await context.traffic.send(context.workshop.app_namespace, load)


def describe_observation(expected: Expectation, seen: TrafficReport) -> str:
    """Return `as jason, 10 pages: reviews v2 10; ratings seen 10; half within 21 ms (expected:
    only v2)`.
    """
    who = f"as {expected.user}" if expected.user else "not logged in"
    if seen.trouble:
        return f"{who}: no answer ({strip_proxy_prefix(seen.trouble)})"
    versions = ", ".join(
        f"{'failed' if key == 'none' else key} {n}" for key, n in seen.versions.items()
    )
    ratings = ", ".join(
        f"{'not asked' if key == 'none' else key} {n}" for key, n in seen.ratings.items()
    )
    codes = ", ".join(f"{code}: {count}" for code, count in seen.codes.items() if code != "200")
    parts = [f"reviews {versions}", f"ratings {ratings}"] if seen.versions else []
    parts += [f"status {codes}"] if codes else []
    parts += [f"half within {seen.p50:.0f} ms, the slowest {seen.p99:.0f} ms"]
    return f"{who}, {count_pages(seen)} pages: {'; '.join(parts)} (expected: {expected.words})"


def count_pages(seen: TrafficReport) -> int:
    """Count the product pages that were shown, with reviews or without."""
    return sum(seen.versions.values())


def has_only(counts: Mapping[str, int], *wanted: str) -> bool:
    """Tell whether something was counted, and nothing but these keys."""
    return sum(counts.values()) > 0 and set(key for key, n in counts.items() if n) <= set(wanted)


def compute_wilson_interval(hits: int, of: int, z: float = SURE) -> tuple[float, float]:
    """Return the Wilson interval of a share (with `SURE` 99.7 %), as fractions; (0, 1) of
    nothing.
    """
    if not of:
        return 0.0, 1.0
    share = hits / of
    middle = share + z * z / (2 * of)
    spread = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (middle - spread) / (1 + z * z / of), (middle + spread) / (1 + z * z / of)
