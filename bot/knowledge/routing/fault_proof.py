"""How requests show a fault: one user meets it, and others do not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bot.errors import ClusterError, Unreadable
from bot.knowledge.routing.faults import Fault
from bot.knowledge.routing.manifests import PORT
from bot.knowledge.routing.request_proof import (
    NOBODY,
    Expectation,
    choose_other_user,
    compute_wilson_interval,
    count_pages,
)
from bot.knowledge.routing.waits import Outcome
from bot.ports import HttpRequest, TrafficReport
from bot.steps import Context
from bot.text import Text

GATEWAY_PORT = 80
"""Port of a gateway's Service (the release's sample)."""
LEAST, SOME, MOST = 10, 20, 200
"""Requests that are sent to see a fault: of all requests, of some of them, and at most."""


def build_expectations(
    user: str, fault: Fault, outcomes: Sequence[Outcome] = ()
) -> tuple[Expectation, Expectation]:
    """Return what the named user meets, and that another one does not; `outcomes` are those that a
    delay has by the versions that the user may get.

    Pages of reviews v1 never ask ratings.
    """
    other = choose_other_user(user)
    if any(outcome.ended_by for outcome in outcomes):
        return build_loss_expectations(user, other, fault, outcomes)
    if fault.delay:
        return build_delay_expectations(user, other, fault)
    unaffected = expect_ratings(other)
    if fault.percent == 100:
        return Expectation(
            user,
            Text("ratings always lost"),
            lambda seen: count_lost_ratings(seen) > 0 and not seen.ratings.get("seen"),
        ), unaffected
    return Expectation(
        user,
        Text("ratings lost in {percent} % of requests", percent=fault.percent),
        lambda seen: has_expected_share(fault.percent, seen),
        count_needed_requests(fault.percent),
    ), unaffected


def build_delay_expectations(
    user: str, other: str, fault: Fault
) -> tuple[Expectation, Expectation]:
    """Return that some pages of the user are slow, and those of another one are not."""
    slow = 1000 * fault.delay * 0.9
    affected = Expectation(
        user,
        Text("some take {slow:.0f} ms or more", slow=slow),
        lambda seen: has_reviews_everywhere(seen) and seen.p99 >= slow,
        count_needed_requests(fault.percent),
    )
    return affected, Expectation(
        other,
        Text("quicker than {slow:.0f} ms", slow=slow),
        lambda seen: has_reviews_everywhere(seen) and 0 < seen.p95 < slow,
    )


def build_loss_expectations(
    user: str, other: str, fault: Fault, outcomes: Sequence[Outcome]
) -> tuple[Expectation, Expectation]:
    """Return that the user's pages lose what somebody's patience ends, after that time, and that
    those of another one do not.
    """
    worst = max(outcomes, key=lambda outcome: outcome.seconds)
    slow, always = 900 * worst.seconds, fault.percent == 100 and len(outcomes) == 1

    def holds(seen: TrafficReport) -> bool:
        lost = count_lost_pages(seen, ratings=worst.reviews)
        enough = lost == sum(seen.codes.values()) if always else lost > 0
        return enough and seen.p99 >= slow and (worst.reviews is has_reviews_everywhere(seen))

    words = (
        Text("ratings lost after {seconds:g} s", seconds=worst.seconds)
        if worst.reviews
        else Text("reviews lost after {seconds:g} s", seconds=worst.seconds)
    )
    return Expectation(user, words, holds, count_needed_requests(fault.percent)), Expectation(
        other,
        Text("quicker than {slow:.0f} ms", slow=slow),
        lambda seen: has_reviews_everywhere(seen) and 0 < seen.p95 < slow,
    )


def count_lost_pages(seen: TrafficReport, *, ratings: bool) -> int:
    """Count the pages without reviews, or with `ratings` those without ratings."""
    return seen.ratings.get("unavailable", 0) if ratings else seen.versions.get("none", 0)


def expect_ratings(user: str, count: int = LEAST) -> Expectation:
    """Return the expectation that no page of a user loses its ratings."""
    return Expectation(
        user,
        Text("ratings never lost"),
        lambda seen: has_reviews_everywhere(seen) and not count_lost_ratings(seen),
        count,
    )


def count_needed_requests(percent: int) -> int:
    """Return how many requests miss a share by chance less than once in a hundred times; at
    most 200.
    """
    if percent <= 2:
        return MOST
    least = LEAST if percent == 100 else SOME
    return max(least, math.ceil(-math.log(0.01) * 100 / percent))


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
    return tuple(expect_ratings(each, SOME) for each in users)


@dataclass(frozen=True)
class RatingsCheck:
    """Result of asking for the ratings as another user."""

    holds: bool
    words: Text


async def check_ratings_reachable(context: Context, via: str) -> RatingsCheck:
    """Ask for the ratings, not logged in: others may be on reviews v1, whose pages never show any.

    `via` is the Service that the pages were asked through: a gateway is in the mesh, while the
    API server is not, and under STRICT mutual TLS its question is reset. No answer is therefore
    no evidence against the fault.
    """
    service, port = (via, GATEWAY_PORT) if via not in ("", "productpage") else ("productpage", PORT)
    request = HttpRequest(
        context.workshop.app_namespace, service, port, "/api/v1/products/0/ratings"
    )
    try:
        answer = await context.web.ask(request)
    except Unreadable as problem:
        return RatingsCheck(
            True,
            Text(
                "ratings themselves, not logged in: {why}, which shows nothing", why=problem.message
            ),
        )
    except ClusterError as problem:
        return RatingsCheck(
            True,
            Text(
                "ratings themselves, not logged in: no answer ({why}), which shows nothing",
                why=problem.message,
            ),
        )
    return RatingsCheck(
        answer.status == 200,
        Text("ratings themselves, not logged in: status {status}", status=answer.status),
    )
