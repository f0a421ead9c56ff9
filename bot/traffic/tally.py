"""Adds up what requests met, for bursts and for streams that go on for hours."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable

from bot.ports import Answer, Seen
from bot.traffic.page import read

KEPT = 5000
"""Times that a long stream keeps for its percentiles: the newest."""


class Tally:
    """What the requests of one load met so far. Times go in as seconds and come out as milliseconds."""

    def __init__(self, asked: int) -> None:
        self.asked, self.sent, self.answered, self.silent = asked, 0, 0, 0
        self.via = self.trouble = ""
        self._codes, self._versions, self._ratings = Counter[str](), Counter[str](), Counter[str]()
        self._times: deque[float] = deque(maxlen=KEPT)

    def answer(self, answer: Answer, seconds: float) -> None:
        """A request got an answer, that long after it was meant to start."""
        self.answered += 1
        self._codes[str(answer.status)] += 1
        self._times.append(seconds)
        if answer.status == 200:
            page = read(answer.text)
            self._versions[page.version] += 1
            self._ratings[page.ratings] += 1

    def silence(self, why: str) -> None:
        """A request got no answer."""
        self._codes["0"] += 1
        self.silent += 1
        self.trouble = why

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
        )


def percentile(ordered: Iterable[float], share: float) -> float:
    """The smallest time that at least this share of the requests kept to, in milliseconds; 0 when there are none."""
    times = list(ordered)
    return times[max(0, math.ceil(share * len(times)) - 1)] * 1000 if times else 0.0
