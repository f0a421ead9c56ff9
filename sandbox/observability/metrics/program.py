"""Prometheus as the addon runs it: scrapes every 15 s, forgets when its pod ends, and answers its
HTTP API."""

from __future__ import annotations

import asyncio
import contextlib
import math
from decimal import Decimal
from typing import Any

from sandbox.clock import Clock
from sandbox.cluster.contract import Client, Object, Request, Response
from sandbox.observability.answers import (
    build_json_response,
    build_text_response,
    get_first,
    parse_parameters,
)
from sandbox.observability.metrics.query import Result, evaluate_query
from sandbox.observability.metrics.store import Store
from sandbox.observability.metrics.syntax import QueryError, parse_duration
from sandbox.observability.process_registry import ProcessRegistry
from sandbox.observability.sources import Metrics

SCRAPE_SECONDS = 15.0
"""`scrape_interval` of Istio's sample."""
PORT = 9090
_RELOADER_PORT = 8080
_MOST_POINTS = 11_000  # Prometheus' own limit for one series of a range query


class Prometheus:
    """The program of pods labelled `app.kubernetes.io/name=prometheus`."""

    def __init__(self, clock: Clock, metrics: Metrics, processes: ProcessRegistry) -> None:
        self._clock, self._metrics, self._processes = clock, metrics, processes

    def runs_in(self, pod: Object) -> bool:
        """Tell whether a pod is Prometheus' server."""
        labels = pod["metadata"].get("labels") or {}
        return bool(labels.get("app.kubernetes.io/name") == "prometheus")

    async def start(self, pod: Object, client: Client) -> RunningPrometheus:
        """Start to scrape, with an empty store."""
        running = RunningPrometheus(pod, self._clock, self._metrics, self._processes)
        self._processes.add(running)
        return running


class RunningPrometheus:
    """One Prometheus with its own store."""

    def __init__(
        self, pod: Object, clock: Clock, metrics: Metrics, processes: ProcessRegistry
    ) -> None:
        self.pod, self.store = pod, Store()
        self._clock, self._metrics, self._processes = clock, metrics, processes
        self._scraping = asyncio.create_task(self._scrape_forever())

    @property
    def version(self) -> str:
        """The version in its image's tag, without the `v`."""
        images = (each.get("image", "") for each in self.pod["spec"]["containers"])
        server = next((image for image in images if "/prometheus:" in image), "")
        return server.rpartition(":")[2].removeprefix("v")

    def query(self, text: str) -> Result:
        """Return the result of a PromQL query now, for other programs.

        Raises QueryError.
        """
        return evaluate_query(text, self.store, self._get_epoch_seconds())

    async def handle(self, port: int, request: Request) -> Response | None:
        """Answer the HTTP API on 9090 and the configuration reloader's readiness on 8080; None on
        other ports.
        """
        if port == _RELOADER_PORT:
            return build_text_response("OK" if request.path == "/healthz" else "404 page not found")
        if port != PORT:
            return None
        fixed = {
            "/-/ready": "Prometheus Server is Ready.\n",
            "/-/healthy": "Prometheus Server is Healthy.\n",
            "/": "The sandbox's Prometheus has no pages; its API is below /api/v1.\n",
        }
        if request.path in fixed:
            return build_text_response(fixed[request.path])
        try:
            return self._answer_api(request)
        except QueryError as error:
            return build_json_response(
                {"status": "error", "errorType": "bad_data", "error": str(error)}, 400
            )

    async def stop(self) -> None:
        """Stop; what was scraped is gone."""
        self._processes.remove(self)
        self._scraping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._scraping

    async def _scrape_forever(self) -> None:
        while True:
            self.store.record_scrape(self._get_epoch_seconds(), self._metrics.samples())
            await self._clock.sleep(SCRAPE_SECONDS)

    def _get_epoch_seconds(self) -> float:
        return self._clock.now().timestamp()

    def _answer_api(self, request: Request) -> Response:
        asked = parse_parameters(request)
        if request.path == "/api/v1/query":
            at = _parse_time(get_first(asked, "time"), self._get_epoch_seconds())
            return _build_success_response(
                _build_query_data(evaluate_query(get_first(asked, "query"), self.store, at), at)
            )
        if request.path == "/api/v1/query_range":
            return _build_success_response(self._evaluate_range(asked))
        if request.path == "/api/v1/targets":
            return _build_success_response(
                {"activeTargets": self._list_targets(), "droppedTargets": []}
            )
        if request.path == "/api/v1/status/buildinfo":
            return _build_success_response({"version": self.version})
        return build_text_response("404 page not found\n", 404)

    def _evaluate_range(self, asked: dict[str, list[str]]) -> Any:
        start, end = (_parse_time(get_first(asked, name), math.nan) for name in ("start", "end"))
        step = _parse_step(get_first(asked, "step"))
        if math.isnan(start) or math.isnan(end) or end < start or step <= 0:
            raise QueryError(
                "invalid parameter: start, end and step are needed, and the end not before the "
                "start"
            )
        if (end - start) / step > _MOST_POINTS:
            raise QueryError(f"exceeded maximum resolution of {_MOST_POINTS} points per timeseries")
        rows: dict[frozenset[tuple[str, str]], list[list[Any]]] = {}
        for index in range(int((end - start) / step) + 1):
            at = start + index * step
            found = evaluate_query(get_first(asked, "query"), self.store, at)
            pairs = (
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

    def _list_targets(self) -> list[Object]:
        return [
            {
                "health": "up",
                "scrapePool": "kubernetes-pods",
                "labels": {"namespace": namespace, "pod": pod},
            }
            for namespace, pod in sorted(set(self._metrics.list_targets()))
        ]


def format_number(value: float) -> str:
    """Return a number as Prometheus writes it: `3`, `0.25`, `NaN`, `+Inf`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _parse_time(text: str, default: float) -> float:
    try:
        return float(text) if text else default
    except ValueError as error:
        raise QueryError(
            f'invalid parameter "time": cannot parse "{text}" to a valid timestamp'
        ) from error


def _parse_step(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return parse_duration(text)


def _build_success_response(data: Any) -> Response:
    return build_json_response({"status": "success", "data": data})


def _build_query_data(result: Result, at: float) -> Any:
    if isinstance(result, float):
        return {"resultType": "scalar", "result": [at, format_number(result)]}
    rows = [
        {"metric": dict(each.labels), "value": [at, format_number(each.value)]} for each in result
    ]
    return {"resultType": "vector", "result": rows}
