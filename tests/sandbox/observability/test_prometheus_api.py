"""The HTTP API of the embedded Prometheus: results, errors with their status, and what there is."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from sandbox.cluster.contract import Request
from sandbox.observability.metrics.prometheus_api import PrometheusState, answer_api
from sandbox.observability.metrics.store import Store
from sandbox.observability.sources import Sample

NOW = 1_000_060.0


@pytest.fixture
def state() -> PrometheusState:
    """A minute of scrapes of one counter."""
    store = Store()
    for at in (NOW - 60, NOW - 45, NOW - 30, NOW - 15, NOW):
        store.record_scrape(at, [Sample("req_total", {"svc": "a"}, at - NOW + 100)])
    return PrometheusState(store, "3.10.0", [], NOW)


def ask(state: PrometheusState, path: str, *pairs: tuple[str, str]) -> tuple[int, Any]:
    """Status and body of an answer."""
    answer = answer_api(state, Request("GET", f"/api/v1/{path}", urlencode(pairs)))
    return answer.status, json.loads(answer.body)


@pytest.mark.parametrize(
    ("query", "kind", "result"),
    [
        (
            "req_total",
            "vector",
            [{"metric": {"__name__": "req_total", "svc": "a"}, "value": [NOW, "100"]}],
        ),
        ("1 / 4", "scalar", [NOW, "0.25"]),
        ('"text"', "string", [NOW, "text"]),
        (
            "req_total[20s]",
            "matrix",
            [
                {
                    "metric": {"__name__": "req_total", "svc": "a"},
                    "values": [[NOW - 15, "85"], [NOW, "100"]],
                }
            ],
        ),
    ],
)
def test_instant_queries(state: PrometheusState, query: str, kind: str, result: Any) -> None:
    """Each type of result has its form."""
    assert ask(state, "query", ("query", query)) == (
        200,
        {"status": "success", "data": {"resultType": kind, "result": result}},
    )


def test_a_range_query(state: PrometheusState) -> None:
    """One value for each step; times may be written out."""
    asked = (("query", "sum(req_total)"), ("start", "1970-01-12T13:47:10Z"), ("end", str(NOW)))
    status, body = ask(state, "query_range", *asked, ("step", "15s"))
    assert status == 200
    values = body["data"]["result"][0]["values"]
    assert values == [[NOW - 30, "70"], [NOW - 15, "85"], [NOW, "100"]]


@pytest.mark.parametrize(
    ("path", "asked", "status", "kind", "said"),
    [
        (
            "query",
            {"query": "sum("},
            400,
            "bad_data",
            'invalid parameter "query": 1:5: parse error',
        ),
        ("query", {"query": "native(req)"}, 400, "bad_data", "unknown function with name"),
        (
            "query",
            {"query": "1", "time": "then"},
            400,
            "bad_data",
            'parameter "time": cannot parse',
        ),
        (
            "query",
            {"query": 'label_replace(req_total, "1", "", "", "")'},
            422,
            "execution",
            "invalid destination label name",
        ),
        ("query_range", {"query": "1"}, 400, "bad_data", 'invalid parameter "start"'),
        (
            "query_range",
            {"query": "a[1m]", "start": "1", "end": "2", "step": "1"},
            400,
            "bad_data",
            "must be Scalar or instant Vector",
        ),
        (
            "query_range",
            {"query": "a", "start": "1", "end": "2", "step": "0"},
            400,
            "bad_data",
            "zero or negative query resolution step",
        ),
        ("series", {}, 400, "bad_data", "no match[] parameter provided"),
        ("series", {"match[]": "sum(a)"}, 400, "bad_data", "only selectors are allowed"),
    ],
)
def test_errors(
    state: PrometheusState, path: str, asked: dict[str, str], status: int, kind: str, said: str
) -> None:
    """What cannot be read is bad data; what fails on the samples is told apart from it."""
    answered, body = ask(state, path, *asked.items())
    assert (answered, body["status"], body["errorType"]) == (status, "error", kind)
    assert said in body["error"]


def test_what_there_is(state: PrometheusState) -> None:
    """Series, labels and their values, for completion in other people's programs."""
    assert ask(state, "series", ("match[]", '{svc=~".+"}'))[1]["data"] == [
        {"__name__": "req_total", "svc": "a"}
    ]
    assert ask(state, "labels")[1]["data"] == ["__name__", "svc"]
    assert ask(state, "label/svc/values")[1]["data"] == ["a"]
    assert ask(state, "label/svc/values", ("end", "1"))[1]["data"] == []
    assert ask(state, "metadata")[1]["data"]["req_total"][0]["type"] == "counter"
    assert "scrape_interval: 15s" in ask(state, "status/config")[1]["data"]["yaml"]
