"""The traffic of a digest: what failed is counted where it failed, over the time with numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.knowledge.observe import prometheus
from bot.knowledge.observe.prometheus import Series, build_counts_query
from bot.knowledge.workshop.digest_traffic import (
    Measured,
    add_up_ways,
    describe_measured,
    describe_sent,
)
from bot.ports import SentRequests
from sandbox.observability.metrics.query import evaluate_query
from sandbox.observability.metrics.store import Store
from sandbox.observability.sources import Sample
from tests.knowledge.observe.stage import asking

START = 1_700_000_000.0


def series(
    way: str, count: float, code: str = "200", flags: str = "-", reporter: str = "destination"
) -> Series:
    """What one proxy counted of `source>target`."""
    source, _, target = way.partition(">")
    labels = {"source_workload": source, "destination_service_name": target, "reporter": reporter}
    return Series(labels | {"response_code": code, "response_flags": flags}, count)


def tell(measured: Measured) -> list[str]:
    """The lines in English."""
    return list(map(str, describe_measured(measured)))


def test_what_failed_is_told_by_way_and_source() -> None:
    """The page is answered with 200, and still calls behind it failed: they are listed."""
    ways = add_up_ways(
        [
            series("gateway>productpage", 98.7),
            series("gateway>productpage", 1.3, "404"),
            series("productpage-v1>reviews", 60),
            series("productpage-v1>reviews", 60, reporter="source"),
            series("productpage-v1>reviews", 40, "503", "NC", "source"),
            series("reviews-v2>ratings", 3, "0", "DC", "source"),
            series("reviews-v2>ratings", 17, reporter="source"),
            series("reviews-v3>ratings", 0.2, "500", "FI"),
        ]
    )
    assert tell(Measured(1000.0, True, ways)) == [
        "📈 traffic in 17 min: 100 requests for the page (0.1/s), 1 of them failed",
        "◦ failed: productpage-v1 → reviews, 40 of 100 (503 NC × 40)",
        "◦ failed: reviews-v2 → ratings, 3 of 20 (0 DC × 3)",
        "◦ failed: gateway → productpage, 1 of 100 (404 × 1)",
    ]


def test_callers_behind_a_waypoint_are_added() -> None:
    """It reports for those that have no proxy for requests, beside what sidecars had reported."""
    ways = add_up_ways(
        [
            series("productpage-v1>reviews", 10, reporter="source"),
            series("productpage-v1>reviews", 9),
            series("productpage-v1>reviews", 5, reporter="waypoint"),
        ]
    )
    assert ways["productpage-v1", "reviews"].total == 15


def test_the_time_is_the_one_that_there_are_numbers_of() -> None:
    """A rate over an hour is not told where Prometheus is ten minutes old, and that is said."""
    ways = add_up_ways([series("gateway>productpage", 600)])
    assert tell(Measured(600.0, False, ways)) == [
        "📈 traffic in 10 min, of which there are numbers: 600 requests for the page (1/s), "
        "none of them failed"
    ]
    assert tell(Measured(600.0, True, {})) == ["📈 traffic: none that was counted"]


@pytest.mark.parametrize(
    ("sent", "proof", "words"),
    [
        (SentRequests(0.0), True, ""),
        (
            SentRequests(0.0, 20, 1, 10, 2),
            False,
            "◦ by `traffic`: 20 requests, 1 without a page, 10 without reviews, 2 without ratings",
        ),
        (
            SentRequests(0.0, 1),
            True,
            "◦ set apart: 1 request of mine in proofs of steps, all with whole pages",
        ),
    ],
)
def test_the_bots_own_requests_are_set_apart(sent: SentRequests, proof: bool, words: str) -> None:
    """What was asked for, and what proves steps, with what their pages lacked."""
    assert str(describe_sent(sent, proof=proof)) == words


def test_first_requests_of_a_series_count() -> None:
    """An increase leaves out what was there at the first scrape, and that may be all there is."""
    store, host = Store(), "reviews.bookinfo.svc.cluster.local"
    labels = {"destination_service": host, "destination_service_name": "reviews"}
    old, new = labels | {"response_code": "200"}, labels | {"response_code": "503"}
    for scrape in range(60):
        samples = [Sample("istio_requests_total", old, 100.0 + scrape)]
        if scrape >= 50:
            samples.append(Sample("istio_requests_total", new, 20.0))
        store.record_scrape(START + 15 * scrape, samples)
    query = build_counts_query("bookinfo", 300)
    found = evaluate_query(query, store, START + 15 * 59)
    assert isinstance(found, list)
    counts = {each.labels["response_code"]: each.value for each in found}
    assert counts == {"200": pytest.approx(20, abs=1), "503": 20.0}
    assert build_counts_query("other", 300) != query


async def test_the_first_number_is_found_to_a_scrape(tmp_path: Path) -> None:
    """In few questions, however long the time is."""
    found = [[START + 40_000.0 + 15 * n, "1"] for n in range(3)]
    said: dict[str, Any] = {"status": "success", "data": {"result": [{"values": found}]}}
    async with asking({"prometheus:9090/api/v1/query_range": said}, tmp_path) as context:
        first = await prometheus.find_first_moment(context, "up", START, START + 86_400)
    assert first == START + 40_000.0
    nothing = json.loads('{"status": "success", "data": {"result": []}}')
    async with asking({"prometheus:9090/api/v1/query_range": nothing}, tmp_path) as context:
        assert await prometheus.find_first_moment(context, "up", START, START + 86_400) is None
