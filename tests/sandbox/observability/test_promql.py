"""PromQL as Prometheus documents it: keywords in any case, matching, functions, time, and what is
refused."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

import sandbox.observability
from sandbox.observability.metrics.query import evaluate_any, evaluate_query
from sandbox.observability.metrics.signatures import AGGREGATIONS, FUNCTIONS
from sandbox.observability.metrics.store import Store
from sandbox.observability.metrics.syntax import QueryError, parse_query
from sandbox.observability.sources import Sample

NOW = 1_000_060.0
SCRAPES = 41
"""Ten minutes of them, every 15 s."""


@pytest.fixture(scope="module")
def store() -> Store:
    """Counters of two services by code, what runs them, and a gauge: the seconds of the minute."""
    made = Store()
    for number in range(SCRAPES):
        at = NOW - 15.0 * (SCRAPES - 1 - number)
        seconds = 100 + 15.0 * number
        samples = [
            Sample("req", {"svc": svc, "code": code}, rate * seconds)
            for svc in ("a", "b")
            for code, rate in (("200", 3.0), ("500", 1.0))
        ]
        samples += [Sample("info", {"svc": svc, "ver": f"v-{svc}"}, 1.0) for svc in ("a", "b")]
        made.record_scrape(at, [*samples, Sample("temp", {}, at % 60)])
    return made


def ask(store: Store, query: str) -> Mapping[str, float] | float:
    """A query's result: a number, or numbers by their labels."""
    found = evaluate_query(query, store, NOW)
    if isinstance(found, float):
        return found
    return {
        ",".join(f"{k}={v}" for k, v in sorted(each.labels.items())): each.value for each in found
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SUM BY (svc) (req)", {"svc=a": 2800, "svc=b": 2800}),
        ("Sum(req) Without (svc, code,)", {"": 5600}),
        ('count(req) BY (code) AND ON(code) req{code="500"}', {"code=500": 2}),
        ("sum(req) > BOOL 1", {"": 1}),
        (
            "sum by (svc) (req) * ON (svc) GROUP_LEFT (ver) info",
            {"svc=a,ver=v-a": 2800, "svc=b,ver=v-b": 2800},
        ),
        (
            'info * ON (svc) GROUP_RIGHT (ver) req{code="500"}',
            {"code=500,svc=a,ver=v-a": 700, "code=500,svc=b,ver=v-b": 700},
        ),
        ('req{code="500"} > on (svc) info', {"svc=a": 700, "svc=b": 700}),
        ('sum(req OFFSET 5m) - sum(req{svc=~"a|b"})', {"": -2400}),
        ("sum(req offset -1m)", {"": 5600}),
        ("sum(req @ 1000000)", {"": 5120}),
        ("sum(req @ start()) - sum(req @ end())", {"": 0}),
        ("max_over_time(sum(rate(req[1m]))[5m:30s])", {"": 8}),
        ("avg_over_time(temp[2m])", {"": 32.5}),
        ("quantile_over_time(0.5, temp[1m])", {"": 32.5}),
        ("changes(temp[1m])", {"": 3}),
        ("resets(temp[1m])", {"": 1}),
        ("idelta(temp[1m])", {"": 15}),
        ("topk(1, sum by (code) (req))", {"code=200": 4200}),
        ("bottomk(1, sum by (code) (req))", {"code=500": 1400}),
        ("quantile(0.5, req)", {"": 1400}),
        ('count_values("v", info)', {"v=1": 2}),
        ("group(req)", {"": 1}),
        ("stddev(req)", {"": 700}),
        (
            'label_replace(group by (ver) (info), "x", "${1}!", "ver", "v-(.*)")',
            {"ver=v-a,x=a!": 1, "ver=v-b,x=b!": 1},
        ),
        (
            'label_join(info{svc="a"}, "j", "-", "svc", "ver") * 1',
            {"j=a-v-a,svc=a,ver=v-a": 1},
        ),
        ('absent(nope{a="b",c=~"d"})', {"a=b": 1}),
        ("absent_over_time(nope[1m])", {"": 1}),
        ("scalar(sum(req)) + 1", 5601.0),
        ("scalar(req)", math.nan),
        ("clamp(sum(req), 0, 10)", {"": 10}),
        ("clamp_min(sum(req) * -1, 5)", {"": 5}),
        ("abs(-sum(req))", {"": 5600}),
        ("ceil(vector(1.2)) + floor(vector(1.8))", {"": 3}),
        ("ln(vector(0))", {"": -math.inf}),
        ("sqrt(vector(-1))", {"": math.nan}),
        ("day_of_week(vector(0)) + hour(vector(3600))", {"": 5}),
        ("days_in_month(vector(2678400))", {"": 28}),
        ("timestamp(temp)", {"": NOW}),
        ("time() - 1e6", 60.0),
        ("0x1F + .5e1 + 1_000 + 1m30s", 1126.0),
        ("- 2 ^ 2 * 3", -12.0),
        ("-Inf", -math.inf),
        ("5 % 0", math.nan),
        ("sum(req) # all of them\n / 2", {"": 2800}),
        ('sum({"req", svc="a"})', {"": 2800}),
        ('sum({__name__=~"re.", svc!~"b"})', {"": 2800}),
        ("on", {}),
        ("sum(rate(req[1m])) / sum(rate(nope[1m])) OR vector(7)", {"": 7}),
        ("sum(increase(req[1m])) unless vector(1)", {}),
        ("deriv(temp[45s]) * 0 + delta(temp[1m]) * 0", {"": 0}),
        ("predict_linear(req{svc='a',code='200'}[1m], 60)", {"code=200,svc=a": 2280}),
    ],
)
def test_query(store: Store, query: str, expected: Mapping[str, float] | float) -> None:
    """Each form gives what Prometheus would."""
    assert ask(store, query) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "no expression found in input"),
        ("rate(req)", "1:6: parse error: expected type range vector in call to function"),
        ("sum(1)", "expected type instant vector in aggregation expression, got scalar"),
        ("topk(req)", "expected 2, got 1"),
        ("RATE(req[5m])", 'unknown function with name "RATE"'),
        ("double_exponential_smoothing(req[1m], 0.1, 0.1)", "unknown function"),
        ("req +\n  foo bar", "2:7: parse error: unexpected"),
        ("req[5m] offset 1m [1m]", "ranges only allowed for vector selectors"),
        ("sum(req) offset 5m", "offset modifier must be preceded by"),
        ("req and 1", 'set operator "and" not allowed in binary scalar expression'),
        ("req and on(svc) group_left info", "no grouping allowed"),
        ("1 + bool 2", "bool modifier can only be used on comparison operators"),
        ("{}", "at least one non-empty matcher"),
        ('req{__name__="x"}', "metric name must not be set twice"),
        ("req[5q]", "parse error: unexpected"),
        ("req[30m1h]", "not a valid duration string"),
        ("req[0s]", "duration must be greater than 0"),
        ('"abc', "unterminated quoted string"),
        (r'"\q"', "unknown escape sequence"),
        ("req @ foo", "expected timestamp"),
        ("req + on (svc) info", "many-to-one matching must be explicit"),
        ("info * on () req", "many-to-many matching not allowed"),
        ('label_replace(req, "1a", "x", "y", "z")', "invalid destination label name"),
        ('label_replace(req, "svc", "x", "svc", ".*")', "metrics with the same labelset"),
    ],
)
def test_what_is_refused(store: Store, query: str, said: str) -> None:
    """With Prometheus' reason, and where it stands."""
    with pytest.raises(QueryError, match=re.escape(said)):
        evaluate_query(query, store, NOW)


def test_a_range_is_a_result_of_its_own(store: Store) -> None:
    """Its samples stand after the beginning up to the end."""
    found = evaluate_any("temp[30s]", store, NOW)
    assert [point.value for point in found.series[0].points] == [25, 40]  # type: ignore[union-attr]  # a range


FORMS = (
    'sum(irate(istio_requests_total{reporter=~"$qrep",destination_service=~"$service"}[5m]))',
    'round(sum(irate(istio_requests_total{reporter="source"}[$__rate_interval])) by (code), 0.001)',
    "(histogram_quantile(0.50, sum(irate(a_milliseconds_bucket{x!='y'}[1m])) by (le)) / 1000) or "
    "histogram_quantile(0.50, sum(irate(a_seconds_bucket{x='y'}[1m])) by (le))",
    'label_join((sum(rate(a{r="s"}[5m])) by (w, n)), "destination", ".", "w", "", "n")',
    "sum(pilot_xds_pushes{type='lds'}) by (type) or vector(0)",
    "max(pilot_total_xds_rejects) - max(pilot_total_xds_rejects offset 1d)",
    'sum by (tag) (istio_build{component="pilot"}) * on() group_left() (up == bool 1)',
    'sum(rate(istio_requests_total{reporter="source",source_workload_namespace!="b"} [60s])) by '
    "(source_cluster,destination_service) > 0",
    'histogram_quantile(0.95, sum(rate(a_bucket{reporter="source"}[60s])) by (le,b)) > 0',
    "count({__name__=~'istio_.+',app=\"x\"}) by (__name__)",
)
"""Queries in the ways in which Istio's dashboards and Kiali ask; variables are Grafana's."""


def fill_in(query: str) -> str:
    """A query after Grafana has put its variables in."""
    return re.sub(r"\$\{?\w+(?::\w+)?\}?", "x", re.sub(r"\[\$[^\]]*\]", "[1m]", query))


@pytest.mark.parametrize("query", FORMS)
def test_forms_of_dashboards_are_understood(query: str) -> None:
    """Each form, whatever the metrics are called."""
    parse_query(fill_in(query))


def list_queries(value: object) -> Iterator[str]:
    """The queries of a dashboard's panels."""
    if isinstance(value, dict):
        found = value.get("expr")
        yield from [found] if isinstance(found, str) else []
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from list_queries(each)


def test_the_dashboards_of_a_release_are_understood() -> None:
    """Every query of the Grafana sample of the release in ISTIO_HOME."""
    sample = Path(os.environ.get("ISTIO_HOME") or ".") / "samples/addons/grafana.yaml"
    if not os.environ.get("ISTIO_HOME") or not sample.exists():
        pytest.skip("needs ISTIO_HOME, an Istio release")
    maps = yaml.load_all(sample.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    texts = [t for m in maps if m for k, t in (m.get("data") or {}).items() if k.endswith(".json")]
    queries = {query for text in texts for query in list_queries(json.loads(text)) if query}
    assert queries
    for query in queries:
        parse_query(fill_in(query))


def test_the_list_is_that_of_the_code() -> None:
    """What is documented is what is understood, no more and no less."""
    text = (Path(sandbox.observability.__file__).parent / "PROMQL.md").read_text(encoding="utf-8")
    rows = [
        line for line in text.splitlines() if line.startswith(("| Aggreg", "| Func", "| Other"))
    ]
    named = {name for row in rows for name in re.findall(r"`([a-z_0-9]+)`", row)}
    assert named - {"by", "without"} == {*FUNCTIONS, *AGGREGATIONS}
