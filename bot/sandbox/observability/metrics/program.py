"""Prometheus as the addon runs it: scrapes every 15 s, forgets when its pod ends, and answers its HTTP API."""

from __future__ import annotations

import asyncio
import contextlib
import math
from decimal import Decimal
from typing import Any

from bot.sandbox.clock import Clock
from bot.sandbox.cluster.contract import Client, Object, Request, Response
from bot.sandbox.observability.answers import first, json_answer, parameters, text_answer
from bot.sandbox.observability.metrics.query import Result, evaluate
from bot.sandbox.observability.metrics.store import Store
from bot.sandbox.observability.metrics.syntax import QueryError, seconds_of
from bot.sandbox.observability.neighbours import Neighbours
from bot.sandbox.observability.sources import Metrics

SCRAPE_SECONDS = 15.0
"""`scrape_interval` of Istio's sample."""
PORT = 9090
_RELOADER_PORT = 8080
_MOST_POINTS = 11_000  # Prometheus' own limit for one series of a range query


class Prometheus:
    """The program of pods labelled `app.kubernetes.io/name=prometheus`."""

    def __init__(self, clock: Clock, metrics: Metrics, neighbours: Neighbours) -> None:
        self._clock, self._metrics, self._neighbours = clock, metrics, neighbours

    def runs_in(self, pod: Object) -> bool:
        """Whether a pod is Prometheus' server."""
        labels = pod["metadata"].get("labels") or {}
        return bool(labels.get("app.kubernetes.io/name") == "prometheus")

    async def start(self, pod: Object, client: Client) -> RunningPrometheus:
        """Begins to scrape, with an empty store."""
        running = RunningPrometheus(pod, self._clock, self._metrics, self._neighbours)
        self._neighbours.add(running)
        return running


class RunningPrometheus:
    """One Prometheus with its own memory."""

    def __init__(self, pod: Object, clock: Clock, metrics: Metrics, neighbours: Neighbours) -> None:
        self.pod, self.store = pod, Store()
        self._clock, self._metrics, self._neighbours = clock, metrics, neighbours
        self._scraping = asyncio.create_task(self._scrape())

    @property
    def version(self) -> str:
        """The version in its image's tag, without the `v`."""
        images = (each.get("image", "") for each in self.pod["spec"]["containers"])
        server = next((image for image in images if "/prometheus:" in image), "")
        return server.rpartition(":")[2].removeprefix("v")

    def query(self, text: str) -> Result:
        """A query now, for programs that are asked something themselves."""
        return evaluate(text, self.store, self._now())

    async def handle(self, port: int, request: Request) -> Response | None:
        """The HTTP API on 9090; the configuration reloader's readiness on 8080."""
        if port == _RELOADER_PORT:
            return text_answer("OK" if request.path == "/healthz" else "404 page not found")
        if port != PORT:
            return None
        fixed = {"/-/ready": "Prometheus Server is Ready.\n", "/-/healthy": "Prometheus Server is Healthy.\n"}
        if request.path in fixed:
            return text_answer(fixed[request.path])
        try:
            return self._api(request)
        except QueryError as error:
            return json_answer({"status": "error", "errorType": "bad_data", "error": str(error)}, 400)

    async def stop(self) -> None:
        """Ends; what was scraped is gone."""
        self._neighbours.remove(self)
        self._scraping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._scraping

    async def _scrape(self) -> None:
        while True:
            self.store.scrape(self._now(), self._metrics.samples())
            await self._clock.sleep(SCRAPE_SECONDS)

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _api(self, request: Request) -> Response:
        asked = parameters(request)
        if request.path == "/api/v1/query":
            at = _moment(first(asked, "time"), self._now())
            return _success(_shown(evaluate(first(asked, "query"), self.store, at), at))
        if request.path == "/api/v1/query_range":
            return _success(self._range(asked))
        if request.path == "/api/v1/targets":
            return _success({"activeTargets": self._targets(), "droppedTargets": []})
        if request.path == "/api/v1/status/buildinfo":
            return _success({"version": self.version})
        return text_answer("404 page not found\n", 404)

    def _range(self, asked: dict[str, list[str]]) -> Any:
        start, end = (_moment(first(asked, name), math.nan) for name in ("start", "end"))
        step = _step(first(asked, "step"))
        if math.isnan(start) or math.isnan(end) or end < start or step <= 0:
            raise QueryError("invalid parameter: start, end and step are needed, and the end not before the start")
        if (end - start) / step > _MOST_POINTS:
            raise QueryError(f"exceeded maximum resolution of {_MOST_POINTS} points per timeseries")
        rows: dict[frozenset[tuple[str, str]], list[list[Any]]] = {}
        for index in range(int((end - start) / step) + 1):
            at = start + index * step
            found = evaluate(first(asked, "query"), self.store, at)
            pairs = [({}, found)] if isinstance(found, float) else [(each.labels, each.value) for each in found]
            for labels, value in pairs:
                rows.setdefault(frozenset(labels.items()), []).append([at, written(value)])
        return {"resultType": "matrix", "result": [{"metric": dict(k), "values": v} for k, v in rows.items()]}

    def _targets(self) -> list[Object]:
        pods = sorted({(s.labels.get("namespace", ""), s.labels.get("pod", "")) for s in self._metrics.samples()})
        return [
            {"health": "up", "scrapePool": "kubernetes-pods", "labels": {"namespace": namespace, "pod": pod}}
            for namespace, pod in pods
        ]


def written(value: float) -> str:
    """A number as Prometheus writes it: `3`, `0.25`, `NaN`, `+Inf`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _moment(text: str, default: float) -> float:
    try:
        return float(text) if text else default
    except ValueError as error:
        raise QueryError(f'invalid parameter "time": cannot parse "{text}" to a valid timestamp') from error


def _step(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return seconds_of(text)


def _success(data: Any) -> Response:
    return json_answer({"status": "success", "data": data})


def _shown(result: Result, at: float) -> Any:
    if isinstance(result, float):
        return {"resultType": "scalar", "result": [at, written(result)]}
    rows = [{"metric": dict(each.labels), "value": [at, written(each.value)]} for each in result]
    return {"resultType": "vector", "result": rows}
