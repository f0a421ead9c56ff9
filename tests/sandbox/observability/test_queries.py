"""PromQL as far as a mesh is asked: selectors, rates as Prometheus extrapolates them, aggregations,
arithmetic."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.observability.metrics import rates
from sandbox.observability.metrics.aggregations import format_number
from sandbox.observability.metrics.query import evaluate_query
from sandbox.observability.metrics.store import Point, Store
from sandbox.observability.metrics.syntax import QueryError, parse_duration, parse_query
from sandbox.observability.sources import Sample

NOW = 1_000_060.0
CODES = {"200": 3.0, "500": 1.0}
BUCKETS = {"10": 6.0, "100": 9.0, "1000": 10.0, "+Inf": 10.0}


@pytest.fixture
def store() -> Store:
    """A minute of scrapes: requests of two services by code, and one histogram."""
    made = Store()
    for at in (NOW - 60, NOW - 45, NOW - 30, NOW - 15, NOW):
        seconds = at - NOW + 100
        made.record_scrape(at, [*_requests(seconds), *_buckets(seconds)])
    return made


def _requests(seconds: float) -> list[Sample]:
    labels = [
        ({"service": s, "code": c}, r) for s in ("ratings", "reviews") for c, r in CODES.items()
    ]
    return [Sample("requests_total", found, rate * seconds) for found, rate in labels]


def _buckets(seconds: float) -> list[Sample]:
    return [
        Sample("duration_bucket", {"service": "reviews", "le": le}, n * seconds)
        for le, n in BUCKETS.items()
    ]


def ask(store: Store, query: str) -> Mapping[str, float] | float:
    """A query's result: a number, or numbers by their labels' values."""
    found = evaluate_query(query, store, NOW)
    if isinstance(found, float):
        return found
    return {
        ",".join(v for k, v in sorted(each.labels.items()) if k != "__name__"): each.value
        for each in found
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('requests_total{service="ratings",code="500"}', {"500,ratings": 100}),
        ('{__name__="requests_total",service!="ratings",code=~"5.."}', {"500,reviews": 100}),
        ('sum(requests_total{code!~"2..|3.."})', {"": 200}),
        ("sum by (code) (rate(requests_total[1m]))", {"200": 6, "500": 2}),
        ("sum(rate(requests_total[60s])) by (service)", {"ratings": 4, "reviews": 4}),
        ("sum without (code) (increase(requests_total[1m]))", {"ratings": 240, "reviews": 240}),
        ("max(irate(requests_total[5m]))", {"": 3}),
        ("count(requests_total) + avg(vector(2)) * 3", {"": 10}),
        ('sum(rate(requests_total{code=~"5.."}[1m])) / sum(rate(requests_total[1m]))', {"": 0.25}),
        ("sum by (code) (rate(requests_total[1m])) > 3", {"200": 6}),
        ("sum by (code) (rate(requests_total[1m])) >= bool 3", {"200": 1, "500": 0}),
        ("histogram_quantile(0.5, sum by (le) (rate(duration_bucket[1m])))", {"": 10 * 5 / 6}),
        ("histogram_quantile(0.95, rate(duration_bucket[1m]))", {"reviews": 550}),
        ("round(vector(2.34567), 0.01)", {"": 2.35}),
        ('requests_total{code="500"} and requests_total{service="ratings"}', {"500,ratings": 100}),
        ('sum(requests_total{code="404"}) or vector(0)', {"": 0}),
        (
            'requests_total{code="500"} unless on (service) requests_total{service="ratings"}',
            {"500,reviews": 100},
        ),
        (
            'requests_total{code="500"} / ignoring (code) requests_total{code="200"}',
            {"ratings": 1 / 3, "reviews": 1 / 3},
        ),
        ("-2 ^ 2", -4.0),
        ("2 ^ 3 ^ 2 - 1", 511.0),
        ("absent(nothing)", {"": 1}),
        ("nothing", {}),
        ("min(requests_total) / 0", {"": math.inf}),
    ],
)
def test_query(store: Store, query: str, expected: Mapping[str, float] | float) -> None:
    """Each form gives what Prometheus would."""
    assert ask(store, query) == pytest.approx(expected)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "sum(",
        "rate(requests_total)",
        "requests_total[1m]",
        "requests_total{code=200}",
        'requests_total{code=~"["}',
        "nonesuch(requests_total)",
        "1 > 2",
        "sum(requests_total, 1)",
        "requests_total £",
        "rate(requests_total[1x])",
        "requests_total * on (code) group_left requests_total",
    ],
)
def test_bad_query(store: Store, query: str) -> None:
    """What can't be read or computed is refused with a reason."""
    with pytest.raises(QueryError, match=r"\w"):
        evaluate_query(query, store, NOW)


def test_nothing_over_nothing(store: Store) -> None:
    """0/0 is NaN, which a reader must guard against."""
    found = evaluate_query("vector(0) / vector(0)", store, NOW)
    assert isinstance(found, list)
    assert math.isnan(found[0].value)


def test_one_scrape_makes_no_rate() -> None:
    """A rate needs two scrapes within its range."""
    store = Store()
    store.record_scrape(NOW - 10, [Sample("requests_total", {}, 5)])
    assert evaluate_query("rate(requests_total[1m])", store, NOW) == []
    assert evaluate_query("requests_total", store, NOW) != []


def test_a_series_that_vanished_has_no_value(store: Store) -> None:
    """What the next scrape no longer shows is gone at once, while its rate lasts as long as the
    range."""
    store.record_scrape(NOW + 15, [])
    assert evaluate_query("requests_total", store, NOW + 20) == []
    assert len(evaluate_query("rate(requests_total[1m])", store, NOW + 20)) == 4  # type: ignore[arg-type]  # a vector


def test_a_value_grows_old(store: Store) -> None:
    """Without scrapes the last value counts for five minutes."""
    assert evaluate_query("count(requests_total)", store, NOW + 299) != []
    assert evaluate_query("count(requests_total)", store, NOW + 301) == []


def test_a_counter_that_begins_anew() -> None:
    """A restarted counter's growth is what it reached before, plus what it has now."""
    points = [
        Point(NOW - 60, 100),
        Point(NOW - 45, 130),
        Point(NOW - 30, 10),
        Point(NOW - 15, 40),
        Point(NOW, 70),
    ]
    assert rates.compute_increase(points, NOW - 60, NOW) == pytest.approx(100)


@given(st.lists(st.floats(0.1, 1e6), min_size=2, max_size=20), st.floats(0, 40))
def test_growth_is_never_negative(steps: list[float], late: float) -> None:
    """However a counter moves, a rate is not negative, and not more than the growth stretched to
    the range."""
    values = [sum(steps[: i + 1]) for i in range(len(steps))]
    points = [Point(15.0 * i, value) for i, value in enumerate(values)]
    end = points[-1].at + late
    growth = rates.compute_increase(points, -15.0, end)
    assert growth is not None
    assert 0 <= growth <= (values[-1] - values[0]) * (end + 15) / points[-1].at * (1 + 1e-9)


@pytest.mark.parametrize(
    ("buckets", "expected"),
    [
        ([], math.nan),
        ([(1, 5)], math.nan),
        ([(1, 0), (math.inf, 0)], math.nan),
        ([(1, 1), (math.inf, 4)], 1),
    ],
)
def test_quantile_at_the_edges(buckets: list[tuple[float, float]], expected: float) -> None:
    """Without counts there is no quantile; beyond the last bound it is that bound."""
    assert rates.compute_quantile(0.9, buckets) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("1m30s", 90), ("250ms", 0.25), ("1h", 3600)]
)
def test_durations(text: str, seconds: float) -> None:
    """Durations add up."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.0, "3"),
        (0.1, "0.1"),
        (1e-7, "0.0000001"),
        (math.nan, "NaN"),
        (-math.inf, "-Inf"),
        (120.0, "120"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    """Numbers are written in full, as Prometheus writes them."""
    assert format_number(value) == text


def test_quoted_values() -> None:
    """Both quotes, backquotes and escapes are understood."""
    assert parse_query(r"""a{x="1\"2", y='3', z=`4\`}""") == parse_query(
        'a{x="1\\"2",y="3",z="4\\\\"}'
    )
