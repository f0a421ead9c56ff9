"""What requests met, in words."""

from __future__ import annotations

from typing import Any

import pytest

from bot.knowledge.bookinfo import traffic_report
from bot.knowledge.objects.durations import format_duration, parse_duration, strip_rate_unit
from bot.ports import TrafficReport
from bot.text import verbatim

WHOLE = TrafficReport(
    asked=40,
    sent=40,
    seconds=2.0,
    codes={"200": 40},
    versions={"v1": 10, "v2": 30},
    ratings={"none": 10, "seen": 30},
    p50=4.4,
    p95=900.0,
    p99=1500.0,
    via=verbatim("bookinfo-gateway-istio"),
)


def test_everything_that_was_met_is_told() -> None:
    """Asked, sent, achieved; codes; versions; ratings; times."""
    assert [str(line) for line in traffic_report.describe_report(WHOLE, 20)] == [
        "40 asked, 40 sent through bookinfo-gateway-istio, 20.0/s (asked for 20/s)",
        "status: 200 × 40",
        "reviews: v1 × 10, v2 × 30",
        "ratings: not on the page × 10, seen × 30",
        "time from the intended start: p50 4 ms, p95 900 ms, p99 1.5 s",
    ]
    assert traffic_report.list_cautions(WHOLE, 20) == ()


CAUTIONS: list[tuple[dict[str, Any], str]] = [
    ({"versions": {"none": 3, "v1": 37}}, "3 of 40 pages came without reviews"),
    ({"ratings": {"unavailable": 7}}, "7 pages say that ratings are unavailable"),
    ({"seconds": 4.0}, "20/s were asked for and 10.0/s achieved"),
    ({"codes": {"0": 2, "200": 38}}, "2 requests got no answer at all"),
]


@pytest.mark.parametrize(("change", "said"), CAUTIONS)
def test_what_a_status_hides_is_said(change: dict[str, Any], said: str) -> None:
    """A page that is 200 and broken, a rate that was not kept, silence between answers."""
    seen = TrafficReport(**(vars(WHOLE) | change))
    assert said in " ".join(map(str, traffic_report.list_cautions(seen, 20)))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("3s", 3), ("500ms", 0.5), ("10m", 600), ("10 min", 600), ("1h", 3600), ("2", 2), (3.0, 3)],
)
def test_times_as_people_type_them(typed: object, meant: float) -> None:
    """With units and without."""
    assert parse_duration(typed) == meant


@pytest.mark.parametrize("typed", ["", "soon", "-3s", "3 days", "s"])
def test_what_is_no_time_is_refused(typed: str) -> None:
    """With words that say what one looks like."""
    with pytest.raises(ValueError, match="such as 3s"):
        parse_duration(typed)


@pytest.mark.parametrize("typed", ["20/s", "20 rps", "20", "20qps", "20/sec"])
def test_rates_as_people_type_them(typed: str) -> None:
    """The number is what counts."""
    assert strip_rate_unit(typed) == "20"


@pytest.mark.parametrize(
    ("passed", "words"),
    [(12.3, "12 s"), (60, "60 s"), (180, "3 min"), (3600, "60 min"), (7200, "2 h")],
)
def test_times_as_people_read_them(passed: float, words: str) -> None:
    """In the largest unit that fits."""
    assert format_duration(passed) == words
