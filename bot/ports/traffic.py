"""Protocol of the traffic that the bot sends to the application, and what it meets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from bot.text import EMPTY, Text


@dataclass(frozen=True)
class LoadSpec:
    """Requests for the application's page: number, requests per second, and user.

    The user "" is nobody. `proof`: they are sent to prove a step, and nobody asked for traffic.
    """

    count: int = 1
    rate: float = 5.0
    user: str = ""
    proof: bool = True


class Outcome(StrEnum):
    """Result of one request for the page: the page whole, with a part missing, or no page."""

    WHOLE = "whole"
    PARTIAL = "partial"
    FAILED = "failed"


class Sample(NamedTuple):
    """One request of a load.

    It was meant to start `at` seconds after the first, and ended `ms` milliseconds
    after that.
    """

    at: float
    ms: float
    outcome: Outcome


NO_ANSWER, UNREAD = "0", "unread"
"""What counts as a status where there is none, or where the answer is more than is read."""


@dataclass(frozen=True)
class TrafficReport:
    """Result of a number of requests.

    Times are milliseconds from the moment each was intended, so a late start counts.
    `versions` counts pages by the version of reviews that served them, `none` where
    reviews failed; `ratings` counts pages with `seen`, `unavailable` and `none`
    (version 1 shows none); `without_details` counts pages that lack details; `codes`
    counts HTTP statuses, NO_ANSWER and UNREAD. `samples`
    holds each request of a load that ended, in the order of their ends; a stream keeps
    none.
    """

    asked: int
    sent: int
    seconds: float
    codes: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)
    ratings: Mapping[str, int] = field(default_factory=dict)
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    via: Text = EMPTY
    trouble: Text = EMPTY
    samples: tuple[Sample, ...] = ()
    without_details: int = 0

    @property
    def is_whole(self) -> bool:
        """True when every request got its page with all its parts."""
        failed = any(code != "200" and count for code, count in self.codes.items())
        missing = self.versions.get("none", 0) or self.ratings.get("unavailable", 0)
        return not (failed or missing or self.without_details or self.trouble)

    @property
    def rate(self) -> float:
        """The requests per second that were achieved."""
        return self.sent / self.seconds if self.seconds else 0.0


class Burst(NamedTuple):
    """A load of several requests that somebody asked for, which ended `at` (epoch seconds)."""

    at: float
    load: LoadSpec
    seen: TrafficReport


@dataclass(frozen=True)
class SentRequests:
    """Requests that this process sent since a moment (epoch seconds), and how many of them got no
    page, or one with a part missing."""

    since: float
    sent: int = 0
    failed: int = 0
    without_reviews: int = 0
    without_ratings: int = 0
    without_details: int = 0


@dataclass(frozen=True)
class Stream:
    """Traffic that goes on until stopped; `since` and `until` in epoch seconds, `every` in
    seconds."""

    namespace: str
    every: float
    user: str
    since: float
    until: float
    seen: TrafficReport


class Traffic(Protocol):
    """Sends requests to the application, through its gateway or, before there is one, to
    productpage itself."""

    async def send(self, namespace: str, load: LoadSpec) -> TrafficReport:
        """Send that load and wait for its end.

        `trouble` says why nothing could be sent; never raises for that.
        """
        ...

    async def start(
        self, namespace: str, *, every: float, user: str = "", seconds: float = 3600.0
    ) -> Stream:
        """Start a stream of requests in the background.

        It goes on, also after a restart of the bot, until stopped or `seconds` are over;
        one stream per namespace and user. Raises `bot.errors.LedgerError` when it could not
        be kept, and then does not start.
        """
        ...

    async def stop(self, namespace: str) -> list[Stream]:
        """Stop all streams of a namespace and return them with their results."""
        ...

    async def streams(self) -> list[Stream]:
        """Return the streams that go on now, whichever process carries them."""
        ...

    def sent(self, namespace: str, since: float, *, proof: bool) -> SentRequests:
        """Return what the requests of this process met since then (epoch seconds).

        With `proof` those that prove steps, otherwise those that somebody asked for, streams
        too; `since` is later where the process is younger.
        """
        ...

    def last_burst(self, namespace: str) -> Burst | None:
        """Return the newest burst for a namespace, None when this process sent none.

        Loads that prove a step do not count.
        """
        ...

    def last(self, namespace: str) -> tuple[float, TrafficReport] | None:
        """Return when (epoch seconds) the newest load for a namespace ended, and its result.

        None when none was sent since the bot started. Streams do not count.
        """
        ...
