"""Adds up what requests met, for bursts and for streams that go on for hours."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable

from bot.ports import Answer, Outcome, Sample, Seen
from bot.traffic.page import Page, read

KEPT = 5000
"""Times that a long stream keeps for its percentiles: the newest."""


class Tally:
    """What the requests of one load met so far. Times go in as seconds and come out as milliseconds.

    `each`: every single request is kept as well.
    """

    def __init__(self, asked: int, *, each: bool = False) -> None:
        self.asked, self.sent, self.answered, self.silent = asked, 0, 0, 0
        self.via = self.trouble = ""
        self._codes, self._versions, self._ratings = Counter[str](), Counter[str](), Counter[str]()
        self._times: deque[float] = deque(maxlen=KEPT)
        self._samples: list[Sample] | None = [] if each else None

    def answer(self, answer: Answer, seconds: float, at: float = 0.0) -> None:
        """A request that was meant to start at `at` got an answer, that long after."""
        self.answered += 1
        self._codes[str(answer.status)] += 1
        self._times.append(seconds)
        outcome = Outcome.FAILED
        if answer.status == 200:
            page = read(answer.text)
            self._versions[page.version] += 1
            self._ratings[page.ratings] += 1
            outcome = outcome_of(page)
        self._keep(Sample(at, seconds * 1000, outcome))

    def silence(self, why: str, seconds: float = 0.0, at: float = 0.0) -> None:
        """A request that was meant to start at `at` got no answer, and that was known so long after."""
        self._codes["0"] += 1
        self.silent += 1
        self.trouble = why
        self._keep(Sample(at, seconds * 1000, Outcome.FAILED))

    def _keep(self, sample: Sample) -> None:
        if self._samples is not None:
            self._samples.append(sample)

    def seen(self, seconds: float) -> Seen:
        """The sum, for requests that were sent over that many seconds; trouble only when nothing answered."""
        times = sorted(self._times)
        return Seen(
            asked=self.asked,
            sent=self.sent,
            seconds=seconds,
            codes=dict(sorted(self._codes.items())),
            versions=dict(sorted(self._versions.items())),
            ratings=dict(sorted(self._ratings.items())),
            p50=percentile(times, 0.50),
            p95=percentile(times, 0.95),
            p99=percentile(times, 0.99),
            via=self.via,
            trouble="" if self.answered else self.trouble,
            samples=tuple(self._samples or ()),
        )


def outcome_of(page: Page) -> Outcome:
    """What a page with status 200 is worth: the page is 200 even when its parts fail."""
    broken = page.version == "none" or page.ratings == "unavailable"
    return Outcome.PARTIAL if broken else Outcome.WHOLE


def percentile(ordered: Iterable[float], share: float) -> float:
    """The smallest time that at least this share of the requests kept to, in milliseconds; 0 when there are none."""
    times = list(ordered)
    return times[max(0, math.ceil(share * len(times)) - 1)] * 1000 if times else 0.0
