"""Adds up the results of requests, for bursts and for streams that go on for hours."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Iterable

from bot.ports import NO_ANSWER, HttpResponse, Outcome, Sample, TrafficReport
from bot.text import EMPTY, Text
from bot.traffic.product_page import Page, parse_page

KEPT_TIMES = 5000
"""Times that a long stream keeps for its percentiles: the newest."""


class Tally:
    """Results of the requests of one load so far. Times go in as seconds and come out as
    milliseconds.

    `each`: every single request is kept as well. `note` is told of each as it ends, with the page
    or None.
    """

    def __init__(
        self,
        asked: int,
        *,
        each: bool = False,
        note: Callable[[Page | None], None] = lambda page: None,
    ) -> None:
        self.asked, self.sent, self.answered, self.silent = asked, 0, 0, 0
        self.via = self.trouble = EMPTY
        self._note = note
        self._without_details = 0
        self._codes, self._versions, self._ratings = Counter[str](), Counter[str](), Counter[str]()
        # A stream goes on for a day; with all its times it would grow without end.
        self._times: deque[float] = deque(maxlen=KEPT_TIMES)
        self._samples: list[Sample] | None = [] if each else None

    def add_answer(self, answer: HttpResponse, seconds: float, at: float = 0.0) -> None:
        """Count an answer, `seconds` after its request was meant to start; `at` is that start,
        in seconds after the first request's.
        """
        self.answered += 1
        self._codes[str(answer.status)] += 1
        self._times.append(seconds)
        outcome, page = Outcome.FAILED, None
        if answer.status == 200:
            page = parse_page(answer.text)
            self._versions[page.version] += 1
            self._ratings[page.ratings] += 1
            self._without_details += not page.has_details
            outcome = classify_page(page)
        self._note(page)
        self._keep_sample(Sample(at, seconds * 1000, outcome))

    def add_silence(
        self, why: Text, seconds: float = 0.0, at: float = 0.0, *, code: str = NO_ANSWER
    ) -> None:
        """Count a request without an answer, or with one that was not read (`code` UNREAD), and the
        reason; `seconds` is the time from its intended start `at` until that was known.
        """
        self._codes[code] += 1
        self.silent += 1
        self.trouble = why
        self._note(None)
        self._keep_sample(Sample(at, seconds * 1000, Outcome.FAILED))

    def _keep_sample(self, sample: Sample) -> None:
        if self._samples is not None:
            self._samples.append(sample)

    def build_report(self, seconds: float) -> TrafficReport:
        """Return the sum for requests that were sent over that many seconds; `trouble` is set
        only when nothing answered.
        """
        times = sorted(self._times)
        return TrafficReport(
            asked=self.asked,
            sent=self.sent,
            seconds=seconds,
            codes=dict(sorted(self._codes.items())),
            versions=dict(sorted(self._versions.items())),
            ratings=dict(sorted(self._ratings.items())),
            p50=compute_percentile(times, 0.50),
            p95=compute_percentile(times, 0.95),
            p99=compute_percentile(times, 0.99),
            via=self.via,
            trouble=EMPTY if self.answered else self.trouble,
            samples=tuple(self._samples or ()),
            without_details=self._without_details,
        )


def classify_page(page: Page) -> Outcome:
    """Return the outcome of a page with status 200: the page is 200 even when its parts
    fail.
    """
    broken = page.version == "none" or page.ratings == "unavailable" or not page.has_details
    return Outcome.PARTIAL if broken else Outcome.WHOLE


def compute_percentile(ordered: Iterable[float], share: float) -> float:
    """Return the smallest time that at least this share of the requests kept to, in
    milliseconds; 0 when there are none.
    """
    times = list(ordered)
    return times[max(0, math.ceil(share * len(times)) - 1)] * 1000 if times else 0.0
