"""What this process sent, by minute and purpose."""

from __future__ import annotations

from bot.ports import SentRequests
from bot.traffic.product_page import Page
from bot.traffic.request_log import KEPT_MINUTES, MINUTE, RequestLog


class Time:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        """The moment."""
        return self.now


def test_proofs_are_counted_apart() -> None:
    """Each request once, with all that its page lacked; other namespaces are others'."""
    log = RequestLog(Time())
    for page in (Page("v2", "seen"), Page("none", "none", False), Page("v3", "unavailable"), None):
        log.note("bookinfo", page, proof=True)
    log.note("bookinfo", Page("v1", "none"), proof=False)
    log.note("other", None, proof=True)
    begun = log.begun
    assert log.sum_since("bookinfo", 0.0, proof=True) == SentRequests(begun, 4, 1, 1, 1, 1)
    assert log.sum_since("bookinfo", 0.0, proof=False) == SentRequests(begun, 1)
    assert log.sum_since("none", 0.0, proof=False) == SentRequests(begun)


def test_a_day_is_kept_and_told_from_any_moment() -> None:
    """To the minute; what is older is forgotten."""
    time = Time()
    log = RequestLog(time)
    for _ in range(3):
        log.note("bookinfo", None, proof=True)
        time.now += 10 * MINUTE
    since = time.now - 15 * MINUTE
    assert log.sum_since("bookinfo", since, proof=True).sent == 1
    assert log.sum_since("bookinfo", since, proof=True).since == since
    time.now += KEPT_MINUTES * MINUTE
    log.note("bookinfo", None, proof=True)
    assert log.sum_since("bookinfo", 0.0, proof=True).sent == 1
