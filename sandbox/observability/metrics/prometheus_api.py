"""Prometheus' HTTP API: queries, what series and labels there are, and what it says of itself."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.cluster.contract import Object, Request, Response
from sandbox.observability.answers import (
    build_json_response,
    build_text_response,
    get_first,
    parse_parameters,
)
from sandbox.observability.metrics.aggregations import format_number
from sandbox.observability.metrics.lexing import ExecutionError, parse_duration
from sandbox.observability.metrics.query import evaluate_any, evaluate_tree
from sandbox.observability.metrics.query_tree import Node, Selector
from sandbox.observability.metrics.store import Series, Store
from sandbox.observability.metrics.syntax import QueryError, parse_query
from sandbox.observability.metrics.vectors import RangeVector

SCRAPE_SECONDS = 15.0
"""`scrape_interval` of Istio's sample."""
RETENTION = "15d"
_MOST_POINTS = 11_000  # Prometheus' own limit for one series of a range query
_CONFIG = "global:\n  scrape_interval: 15s\n  scrape_timeout: 10s\n  evaluation_interval: 1m\n"
_VALUES = re.compile(r"/api/v1/label/([^/]+)/values")
Parameters = dict[str, list[str]]


@dataclass(frozen=True)
class PrometheusState:
    """What the answers are made of: the samples, the server's version, its targets and the time."""

    store: Store
    version: str
    targets: list[Object]
    now: float


def answer_api(state: PrometheusState, request: Request) -> Response:
    """Return the answer; errors are JSON, with Prometheus' status and type."""
    asked = parse_parameters(request)
    values = _VALUES.fullmatch(request.path)
    try:
        if values:
            return _succeed(_list_label_values(state, values[1], asked))
        answer = _ANSWERS.get(request.path)
        if answer is None:
            return build_text_response("404 page not found\n", 404)
        return _succeed(answer(state, asked))
    except ExecutionError as error:
        return _fail(422, "execution", str(error))
    except QueryError as error:
        return _fail(400, "bad_data", str(error))


def _succeed(data: Any) -> Response:
    return build_json_response({"status": "success", "data": data})


def _fail(status: int, kind: str, words: str) -> Response:
    return build_json_response({"status": "error", "errorType": kind, "error": words}, status)


def _name_parameter(error: QueryError, name: str = "query") -> QueryError:
    return (
        error
        if isinstance(error, ExecutionError)
        else QueryError(f'invalid parameter "{name}": {error}')
    )


def _parse(asked: Parameters, name: str = "query") -> Node:
    try:
        return parse_query(get_first(asked, name))
    except QueryError as error:
        raise _name_parameter(error, name) from error


def _answer_query(state: PrometheusState, asked: Parameters) -> Any:
    at = _parse_time(asked, "time", state.now)
    _parse(asked)
    found = evaluate_any(get_first(asked, "query"), state.store, at)
    if isinstance(found, float):
        return {"resultType": "scalar", "result": [at, format_number(found)]}
    if isinstance(found, str):
        return {"resultType": "string", "result": [at, found]}
    if isinstance(found, RangeVector):
        rows = [
            {
                "metric": dict(each.labels),
                "values": [[p.at, format_number(p.value)] for p in each.points],
            }
            for each in found.series
        ]
        return {"resultType": "matrix", "result": rows}
    vector = [
        {"metric": dict(each.labels), "value": [at, format_number(each.value)]} for each in found
    ]
    return {"resultType": "vector", "result": vector}


def _answer_query_range(state: PrometheusState, asked: Parameters) -> Any:
    start, end, step = _parse_range(asked)
    node = _parse(asked)
    rows: dict[frozenset[tuple[str, str]], list[list[Any]]] = {}
    for index in range(int((end - start) / step) + 1):
        at = start + index * step
        try:
            found = evaluate_tree(node, state.store, at, (start, end))
        except QueryError as error:
            raise _name_parameter(error) from error
        pairs: Iterable[tuple[Mapping[str, str], float]] = (
            [({}, found)]
            if isinstance(found, float)
            else [(each.labels, each.value) for each in found]
        )
        for labels, value in pairs:
            rows.setdefault(frozenset(labels.items()), []).append([at, format_number(value)])
    return {
        "resultType": "matrix",
        "result": [{"metric": dict(k), "values": v} for k, v in rows.items()],
    }


def _parse_range(asked: Parameters) -> tuple[float, float, float]:
    """Return the first and last moment, and the seconds between two."""
    start, end = (_parse_time(asked, name, math.nan) for name in ("start", "end"))
    for name, moment in (("start", start), ("end", end)):
        if math.isnan(moment):
            raise QueryError(f'invalid parameter "{name}": cannot parse "" to a valid timestamp')
    if end < start:
        raise QueryError('invalid parameter "end": end timestamp must not be before start time')
    step = _parse_step(get_first(asked, "step"))
    if step <= 0:
        raise QueryError(
            'invalid parameter "step": zero or negative query resolution step widths are not '
            "accepted. Try a positive integer"
        )
    if (end - start) / step > _MOST_POINTS:
        raise QueryError(
            f"exceeded maximum resolution of {_MOST_POINTS:,} points per timeseries. Try "
            "decreasing the query resolution (?step=XX)"
        )
    return start, end, step


def _parse_time(asked: Parameters, name: str, default: float) -> float:
    text = get_first(asked, name)
    if not text:
        return default
    try:
        return float(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise QueryError(
            f'invalid parameter "{name}": cannot parse "{text}" to a valid timestamp'
        ) from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _parse_step(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return parse_duration(text)
    except QueryError as error:
        raise QueryError(
            f'invalid parameter "step": cannot parse "{text}" to a valid duration'
        ) from error


def _select(state: PrometheusState, asked: Parameters, *, needed: bool = False) -> list[Series]:
    """Return the series that any `match[]` asks for and that have a sample in that time."""
    wanted = asked.get("match[]", [])
    if needed and not wanted:
        raise QueryError("no match[] parameter provided")
    start = _parse_time(asked, "start", -math.inf)
    end = _parse_time(asked, "end", math.inf)
    found: dict[int, Series] = {}
    for text in wanted or ['{__name__!=""}']:
        node = _parse({"match[]": [text]}, "match[]")
        if not isinstance(node, Selector) or node.seconds:
            raise QueryError('invalid parameter "match[]": only selectors are allowed')
        found |= {id(series): series for series in state.store.select_series(node.matchers)}
    return [each for each in found.values() if each.list_points_between(start, end)]


def _answer_series(state: PrometheusState, asked: Parameters) -> Any:
    return [dict(series.labels) for series in _select(state, asked, needed=True)]


def _answer_labels(state: PrometheusState, asked: Parameters) -> Any:
    return sorted({name for series in _select(state, asked) for name in series.labels})


def _list_label_values(state: PrometheusState, name: str, asked: Parameters) -> Any:
    if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name):
        raise QueryError(f'invalid label name: "{name}"')
    return sorted({s.labels[name] for s in _select(state, asked) if s.labels.get(name)})


def _answer_metadata(state: PrometheusState, asked: Parameters) -> Any:
    """Return types by what metrics are called: the sandbox's scrapes carry none."""
    wanted = get_first(asked, "metric")
    names = [name for name in state.store.list_metric_names() if wanted in ("", name)]
    return {name: [{"type": _guess_type(name), "help": "", "unit": ""}] for name in names}


def _guess_type(name: str) -> str:
    if name.endswith(("_bucket", "_sum", "_count")):
        return "histogram"
    return "counter" if name.endswith("_total") else "gauge"


_ANSWERS: Mapping[str, Callable[[PrometheusState, Parameters], Any]] = {
    "/api/v1/query": _answer_query,
    "/api/v1/query_range": _answer_query_range,
    "/api/v1/series": _answer_series,
    "/api/v1/labels": _answer_labels,
    "/api/v1/metadata": _answer_metadata,
    "/api/v1/query_exemplars": lambda _state, _asked: [],
    "/api/v1/rules": lambda _state, _asked: {"groups": []},
    "/api/v1/alerts": lambda _state, _asked: {"alerts": []},
    "/api/v1/targets": lambda state, _asked: {"activeTargets": state.targets, "droppedTargets": []},
    "/api/v1/status/buildinfo": lambda state, _asked: {"version": state.version},
    "/api/v1/status/config": lambda _state, _asked: {"yaml": _CONFIG},
    "/api/v1/status/flags": lambda _state, _asked: {"storage.tsdb.retention.time": RETENTION},
    "/api/v1/status/runtimeinfo": lambda _state, _asked: {"storageRetention": RETENTION},
}
"""The paths that are played."""
