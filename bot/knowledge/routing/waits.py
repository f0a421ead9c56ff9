"""Which time limit ends a wait for ratings, and what a page shows then.

Bookinfo has limits of its own (1.20): productpage waits 3 s for reviews and asks once more,
reviews v2 waits 10 s for ratings and v3 2.5 s. A VirtualService's `timeout` counts in the caller's
proxy, and beside it whichever is shorter ends the request. An injected delay passes before the
proxy begins to count, so that a limit of the same rule does not end it (Envoy: its fault filter
stands before its router).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.kinds import Object
from bot.knowledge.routing.manifests import VERSIONS, find_reviews_version
from bot.knowledge.routing.route_settings import read_settings
from bot.knowledge.snapshot import Snapshot
from bot.text import EMPTY, Text

PAGE_PATIENCE, PAGE_TRIES = 3.0, 2
"""Seconds that productpage waits for reviews, and how often it asks for one page."""
REVIEWS_PATIENCE = {"v2": 10.0, "v3": 2.5}
"""Seconds that reviews waits for ratings, by version; v1 never asks."""


@dataclass(frozen=True)
class Outcome:
    """What a page of one version shows after `seconds` at least; `ended_by` is whose limit ended
    a wait: `proxy`, `productpage`, `reviews`, or "" for none.
    """

    seconds: float = 0.0
    reviews: bool = True
    ratings: bool = True
    ended_by: str = ""


@dataclass(frozen=True)
class ProxyLimits:
    """Limits for requests to reviews in productpage's proxy: seconds in all (0 for none), and tries
    beyond the first with the seconds of each (0 for any).
    """

    seconds: float = 0.0
    retries: int = 0
    per_try: float = 0.0

    def cuts_tries(self, takes: float) -> bool:
        """Tell whether no try may take that long."""
        return 0 < self.per_try <= takes

    def find_end(self, takes: float) -> float:
        """Return after how many seconds the proxy gives up on what takes that long; infinity for
        never.
        """
        tries = (1 + self.retries) * self.per_try if self.cuts_tries(takes) else math.inf
        return min(tries, self.seconds if 0 < self.seconds <= takes else math.inf)


NO_LIMITS = ProxyLimits()


def predict_outcome(version: str, delay: float, limits: ProxyLimits = NO_LIMITS) -> Outcome:
    """Return what a page of a version of reviews shows when ratings take `delay` seconds."""
    patience = REVIEWS_PATIENCE.get(version)
    if patience is None:
        return Outcome()
    takes = min(delay, patience)
    end = min(limits.find_end(takes), PAGE_PATIENCE)
    if limits.cuts_tries(takes):
        # Sent again, it is as slow again.
        takes = math.inf
    if end <= takes or end < PAGE_PATIENCE:
        ended_by = "productpage" if end == PAGE_PATIENCE else "proxy"
        return Outcome(PAGE_TRIES * end, reviews=False, ratings=False, ended_by=ended_by)
    return Outcome(takes, ratings=delay < patience, ended_by="" if delay < patience else "reviews")


@dataclass(frozen=True)
class Delay:
    """A delay of ratings for a user in seconds, the limits for reviews in the proxy, and the
    different outcomes by the versions of reviews that the user may get.
    """

    seconds: float
    limits: ProxyLimits
    outcomes: tuple[Outcome, ...]

    @property
    def notes(self) -> tuple[Text, ...]:
        """Who gives up first, and after how long: a lesson for each limit that is met."""
        met = {outcome.ended_by for outcome in self.outcomes}
        ends = (end for end in ("proxy", "productpage", "reviews") if end in met)
        return tuple(explain_end(end, self.seconds, self.limits) for end in ends)

    def describe(self, user: str) -> Text:
        """Return the effect on a user whose pages lose something; EMPTY when they lose nothing."""
        return describe_outcome(user, self.seconds, self.outcomes)


def predict_delay(
    now: Snapshot, user: str, delay: float, limits: ProxyLimits | None = None
) -> Delay:
    """Return what a delay of ratings does to a user's pages, by the rules in force or by other
    `limits`; 0 is none.
    """
    chosen = find_limits(now) if limits is None else limits
    version = find_reviews_version(now, user)
    versions = (version,) if version in VERSIONS else VERSIONS
    found = (predict_outcome(each, delay, chosen) for each in versions) if delay else ()
    return Delay(delay, chosen, tuple(dict.fromkeys(found)))


def find_limits(now: Snapshot) -> ProxyLimits:
    """Return the limits for requests to reviews that the rules in force have."""
    for rules in (now.routes, now.virtual_services):
        if found := read_settings(rules["reviews"]) if "reviews" in rules else {}:
            return read_limits(found)
    return NO_LIMITS


def read_limits(settings: Object) -> ProxyLimits:
    """Return the limits that a rule's settings mean."""
    told = settings.get("timeout") or (settings.get("timeouts") or {}).get("request")
    retries = settings.get("retries") or {}
    return ProxyLimits(
        parse_seconds(str(told or "")),
        int(retries.get("attempts") or 0),
        parse_seconds(str(retries.get("perTryTimeout") or "")),
    )


def find_delay(now: Snapshot) -> tuple[str, float]:
    """Return the user whose requests to ratings are delayed, and the seconds; ("", 0) for none."""
    for rule in (now.virtual_services.get("ratings") or {"spec": {}})["spec"].get("http") or []:
        users = [
            m.get("headers", {}).get("end-user", {}).get("exact") for m in rule.get("match") or []
        ]
        told = ((rule.get("fault") or {}).get("delay") or {}).get("fixedDelay")
        if told and users and users[0]:
            return str(users[0]), parse_seconds(str(told))
    return "", 0.0


def parse_seconds(told: str) -> float:
    """Return a duration of Istio's or of the Gateway API's in seconds: `1m30s`, `500ms`."""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "ns": 1e-9}
    return sum(float(n) * units[u] for n, u in re.findall(r"([\d.]+)(h|ms|us|ns|m|s)", told))


def explain_end(ended_by: str, delay: float, limits: ProxyLimits) -> Text:
    """Return why a wait ends when it does, a lesson in a sentence or two."""
    if ended_by == "proxy":
        end = limits.find_end(delay)
        own, total = PAGE_TRIES * PAGE_PATIENCE, PAGE_TRIES * end
        if limits.per_try and end == (1 + limits.retries) * limits.per_try:
            return Text(
                "Each try for reviews may take {per_try:g} s, and the sidecar of productpage makes "
                "{tries}; productpage asks once more itself: reviews are asked {asked} times for "
                "one page, which comes without them after {total:g} s. Trying again helps with "
                "what fails by chance, and burdens what is slow.",
                per_try=limits.per_try,
                tries=1 + limits.retries,
                asked=PAGE_TRIES * (1 + limits.retries),
                total=total,
            )
        return Text(
            "The sidecar of productpage gives up on reviews after {limit:g} s (504, response flag "
            "UT), and productpage asks once more: after {total:g} s the page comes without "
            "reviews. Without that limit it would wait as long as reviews take, at most {own:g} s.",
            limit=end,
            total=total,
            own=own,
        )
    if ended_by == "productpage" and limits.cuts_tries(delay):
        return Text(
            "Each try for reviews may take {per_try:g} s, and is cut; before the sidecar of "
            "productpage has tried {tries} times, productpage itself gives up after {own:g} s and "
            "asks once more: after {total:g} s the page comes without reviews.",
            per_try=limits.per_try,
            tries=1 + limits.retries,
            own=PAGE_PATIENCE,
            total=PAGE_TRIES * PAGE_PATIENCE,
        )
    if ended_by == "productpage":
        return Text(
            "Reviews v2 would wait {patience:g} s for ratings, so {delay:g} s should do no harm. "
            "But productpage gives up on reviews after {own:g} s and asks once more: after "
            "{total:g} s the page comes without reviews. That limit is in its code: a bug that "
            "only a delay shows.",
            patience=REVIEWS_PATIENCE["v2"],
            delay=delay,
            own=PAGE_PATIENCE,
            total=PAGE_TRIES * PAGE_PATIENCE,
        )
    return Text(
        "Reviews v3 gives up on ratings after {patience:g} s, sooner than productpage on reviews: "
        "the page comes without ratings.",
        patience=REVIEWS_PATIENCE["v3"],
    )


def describe_outcome(user: str, delay: float, outcomes: Sequence[Outcome]) -> Text:
    """Return the effect of a delay on a user whose pages lose something; EMPTY when none does."""
    total = max((outcome.seconds for outcome in outcomes if not outcome.reviews), default=0.0)
    if total and len(outcomes) > 1:
        return Text(
            "{user} waits up to {total:g} s and may get no reviews, because ratings take "
            "{delay:g} s; nobody else does.",
            user=user,
            total=total,
            delay=delay,
        )
    if total:
        return Text(
            "{user} waits {total:g} s and gets no reviews, because ratings take {delay:g} s; "
            "nobody else does.",
            user=user,
            total=total,
            delay=delay,
        )
    if any(not outcome.ratings for outcome in outcomes):
        return Text(
            "{user} waits {seconds:g} s and loses ratings; nobody else does.",
            user=user,
            seconds=max(outcome.seconds for outcome in outcomes),
        )
    return EMPTY
