"""Simulated time, and the time of what is measured of requests."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.clock import Clock
from sandbox.observability.metrics.query import evaluate_query
from sandbox.observability.metrics.store import Store
from sandbox.observability.sources import Sample


async def test_requests_are_measured_by_the_walls_clock() -> None:
    """Whoever sends requests and asks for rates has the wall's seconds; only waits are shorter."""
    clock = Clock(1000)
    measured = clock.for_requests()
    begun = time.monotonic()
    await measured.sleep(15)
    assert time.monotonic() - begun < 5
    assert abs((measured.now() - datetime.now(UTC)).total_seconds()) < 1
    assert (clock.now() - measured.now()).total_seconds() > 10
    made = clock.now() - timedelta(seconds=500)
    assert measured.measure_age(made) == pytest.approx(0.5, abs=0.4)
    assert clock.measure_age(made) == pytest.approx(500, abs=400)


def test_a_rate_of_the_last_minute_stays_for_a_minute() -> None:
    """However fast the cluster's clock runs: ten requests a second are ten, also moments later."""
    clock, store = Clock(100).for_requests(), Store()
    start = clock.now().timestamp()
    for scrape in range(11):
        store.record_scrape(start + scrape / 10, [Sample("requests_total", {}, 1.0 * scrape)])
    for later in (1.0, 30.0):
        found = evaluate_query("increase(requests_total[60s])", store, start + later)
        assert isinstance(found, list)
        assert [each.value for each in found] == pytest.approx([10.0], rel=0.2)
