"""Proof by requests: what users get, tried again until the proxies have the new rules."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.knowledge.bookinfo.traffic_report import FAILED_REVIEWS, PAGE_RATINGS, WITHOUT_STATUS
from bot.knowledge.observe.probes import strip_proxy_prefix
from bot.ports import LoadSpec, TrafficReport
from bot.steps import Context
from bot.text import EMPTY, Listed, Text, counted, in_context

PROPAGATION_TIMEOUT = 15.0
"""Seconds in which rules reach the proxies; usually less than two (Istio 1.23 and 1.30)."""
RETRY_DELAY = 0.5
RATE = 50.0
"""Requests per second of all users together: enough to be quick, few enough for one small pod of
each application."""
STANDARD_DEVIATIONS = 3.0
"""Half the width of an interval: chance alone leaves it once in 370 times."""
NOBODY = ""
OTHERS = ("guest", "visitor")
"""Other users than the one that a rule names; Bookinfo takes any name."""
RATINGS = {**PAGE_RATINGS, "none": in_context("ratings", "not asked")}


@dataclass(frozen=True)
class Expectation:
    """Expected result of one user's requests, in words and as a test."""

    user: str
    words: Text
    holds: Callable[[TrafficReport], bool]
    count: int = 10


@dataclass(frozen=True)
class Observation:
    """Observed result of requests, and whether it was as expected; `trouble` when nothing
    answered at all. `unmet` says in short what was not as expected.
    """

    holds: bool
    lines: tuple[Text, ...]
    trouble: Text = EMPTY
    seen: tuple[TrafficReport, ...] = ()
    unmet: Text = EMPTY

    @property
    def because(self) -> Text:
        """The reason why the result is not as expected, and who can help."""
        if self.trouble:
            return Text(
                "no page came: {why}. The cluster's administrator "
                "should check whether the pods run.",
                why=strip_proxy_prefix(self.trouble),
            )
        return self.unmet


def choose_other_user(user: str) -> str:
    """Return another user than that one."""
    return next(other for other in OTHERS if other != user)


def expect_version(user: str, version: str) -> Expectation:
    """Return the expectation that a user gets that version of reviews and no other."""
    return Expectation(
        user,
        Text("only {version}", version=version),
        lambda seen: has_only(seen.versions, version),
    )


async def wait_for_expectations(
    context: Context, *expectations: Expectation, seconds: float = PROPAGATION_TIMEOUT
) -> Observation:
    """Send requests as all these users at the same time, until all is as expected or the time
    is over.

    `seconds` limits the time, as does the workshop's readiness timeout.
    """
    deadline = time.monotonic() + min(seconds, context.workshop.readiness_timeout)
    while True:
        context.progress.say(Text("looking whether it took effect, by requests"))
        reports = await asyncio.gather(
            *(
                send_as_user(context, expected, RATE / len(expectations))
                for expected in expectations
            )
        )
        pairs = list(zip(expectations, reports, strict=True))
        trouble = next((report.trouble for report in reports if report.trouble), EMPTY)
        holds = not trouble and all(expected.holds(report) for expected, report in pairs)
        # All users again, not only those that differ: the proxies get the rules one by one, and
        # who was served as expected by one may not be by another.
        if holds or time.monotonic() > deadline:
            lines = tuple(describe_observation(expected, report) for expected, report in pairs)
            unmet = next(
                (describe_unmet(*each) for each in pairs if not each[0].holds(each[1])), EMPTY
            )
            return Observation(holds, lines, trouble, tuple(reports), unmet)
        await asyncio.sleep(RETRY_DELAY)


async def send_as_user(context: Context, expected: Expectation, rate: float) -> TrafficReport:
    """Send one user's requests, at `rate` a second."""
    load = LoadSpec(count=expected.count, rate=rate, user=expected.user)
    return await context.traffic.send(context.workshop.app_namespace, load)


def describe_observation(expected: Expectation, seen: TrafficReport) -> Text:
    """Return `as jason, 10 pages: reviews v2 10; ratings seen 10; p50 21 ms, p99 30 ms
    (expected: only v2)`.
    """
    if seen.trouble:
        why = strip_proxy_prefix(seen.trouble)
        if not expected.user:
            return Text("not logged in: no page ({why})", why=why)
        return Text("as {user}: no page ({why})", user=expected.user, why=why)
    pages, results = count_pages(seen), Listed(describe_pages(seen), "semicolon")
    if not expected.user:
        return counted(
            "not logged in, {n} page: {results} (expected: {expected})",
            "not logged in, {n} pages: {results} (expected: {expected})",
            n=pages,
            results=results,
            expected=expected.words,
        )
    return counted(
        "as {user}, {n} page: {results} (expected: {expected})",
        "as {user}, {n} pages: {results} (expected: {expected})",
        n=pages,
        user=expected.user,
        results=results,
        expected=expected.words,
    )


def describe_unmet(expected: Expectation, seen: TrafficReport) -> Text:
    """Return what one user got instead of what was asked for."""
    results = Listed(describe_pages(seen), "semicolon")
    if not expected.user:
        return Text(
            "who is not logged in got {results} (expected: {expected}).",
            results=results,
            expected=expected.words,
        )
    return Text(
        "{user} got {results} (expected: {expected}).",
        user=expected.user,
        results=results,
        expected=expected.words,
    )


def describe_pages(seen: TrafficReport) -> list[Text]:
    """Return the versions, ratings, failures and times of pages."""
    found = []
    if seen.versions:
        found += [
            Text("reviews {counts}", counts=list_counts(seen.versions, FAILED_REVIEWS)),
            Text("ratings {counts}", counts=list_counts(seen.ratings, RATINGS)),
        ]
    if failed := {code: count for code, count in seen.codes.items() if code != "200"}:
        codes = (
            Text("{code}: {number}", code=WITHOUT_STATUS.get(code, code), number=count)
            for code, count in failed.items()
        )
        found.append(Text("status {codes}", codes=Listed(codes, "comma")))
    return [*found, Text("p50 {p50:.0f} ms, p99 {p99:.0f} ms", p50=seen.p50, p99=seen.p99)]


def list_counts(counts: Mapping[str, int], words: Mapping[str, Text]) -> Listed:
    """Return counts as `v1 3, failed 2`, with `words` for the keys that have some."""
    return Listed(
        (
            Text("{key} {number}", key=words.get(key, key), number=number)
            for key, number in counts.items()
        ),
        "comma",
    )


def count_pages(seen: TrafficReport) -> int:
    """Count the product pages that were shown, with reviews or without."""
    return sum(seen.versions.values())


def has_only(counts: Mapping[str, int], *wanted: str) -> bool:
    """Tell whether something was counted, and nothing but these keys."""
    return sum(counts.values()) > 0 and set(key for key, n in counts.items() if n) <= set(wanted)


def compute_wilson_interval(
    hits: int, of: int, z: float = STANDARD_DEVIATIONS
) -> tuple[float, float]:
    """Return the Wilson interval of a share (99.7 % unless told otherwise), as fractions within
    0 and 1; (0, 1) of nothing.
    """
    if not of:
        return 0.0, 1.0
    share = hits / of
    middle = share + z * z / (2 * of)
    spread = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    low, high = ((middle + side) / (1 + z * z / of) for side in (-spread, spread))
    return max(0.0, low), min(1.0, high)
