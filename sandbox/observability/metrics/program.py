"""Prometheus as the addon runs it: scrapes every 15 s, forgets when its pod ends, and answers its
HTTP API."""

from __future__ import annotations

import asyncio
import contextlib

from sandbox.clock import Clock
from sandbox.cluster.contract import Client, Object, Request, Response
from sandbox.cluster.machinery.meta import CONFIG_MAPS
from sandbox.observability.answers import build_text_response
from sandbox.observability.metrics.prometheus_api import (
    SCRAPE_SECONDS,
    PrometheusState,
    answer_api,
)
from sandbox.observability.metrics.query import Result, evaluate_query
from sandbox.observability.metrics.store import Store
from sandbox.observability.process_registry import ProcessRegistry
from sandbox.observability.sources import Metrics, Sample
from sandbox.yaml_text import read_yaml

PORT = 9090
_RELOADER_PORT = 8080


class Prometheus:
    """The program of pods labelled `app.kubernetes.io/name=prometheus`."""

    def __init__(self, clock: Clock, metrics: Metrics, processes: ProcessRegistry) -> None:
        self._clock, self._metrics, self._processes = clock, metrics, processes
        self._scraped = clock.now()

    def runs_in(self, pod: Object) -> bool:
        """Tell whether a pod is Prometheus' server."""
        labels = pod["metadata"].get("labels") or {}
        return bool(labels.get("app.kubernetes.io/name") == "prometheus")

    async def start(self, pod: Object, client: Client) -> RunningPrometheus:
        """Start to scrape, with an empty store."""
        scrapes = await _scrapes_pods(client, pod["metadata"]["namespace"])
        metrics = self._metrics if scrapes else _NoMetrics()
        running = RunningPrometheus(pod, self._clock, metrics, self._processes)
        self._processes.add(running)
        return running


class _NoMetrics:
    """Nothing to scrape: a configuration without a job for pods."""

    def samples(self) -> tuple[Sample, ...]:
        """Return no samples."""
        return ()

    def list_targets(self) -> tuple[tuple[str, str], ...]:
        """Return no pods."""
        return ()


async def _scrapes_pods(client: Client, namespace: str) -> bool:
    """Tell whether the configuration has a job for pods that ask to be scraped; of all else in it
    nothing is read."""
    held = await client.get(CONFIG_MAPS, "prometheus", namespace)
    text = ((held or {}).get("data") or {}).get("prometheus.yml")
    if text is None:
        return True
    config = read_yaml(str(text))
    jobs = config.get("scrape_configs") or () if isinstance(config, dict) else ()
    return any(_is_for_pods(job) for job in jobs if isinstance(job, dict))


def _is_for_pods(job: Object) -> bool:
    roles = {each.get("role") for each in job.get("kubernetes_sd_configs") or ()}
    asked = {
        str(name)
        for rule in job.get("relabel_configs") or ()
        if rule.get("action") == "keep"
        for name in rule.get("source_labels") or ()
    }
    label = "__meta_kubernetes_pod_annotation_prometheus_io_scrape"
    return "pod" in roles and (not asked or label in asked)


class RunningPrometheus:
    """One Prometheus with its own store."""

    def __init__(
        self, pod: Object, clock: Clock, metrics: Metrics, processes: ProcessRegistry
    ) -> None:
        self.pod, self.store = pod, Store()
        self._clock, self._metrics, self._processes = clock, metrics, processes
        self._scraped = clock.now()
        self._scraping = asyncio.create_task(self._scrape_forever())

    @property
    def version(self) -> str:
        """The version in its image's tag, without the `v`."""
        images = (each.get("image", "") for each in self.pod["spec"]["containers"])
        server = next((image for image in images if "/prometheus:" in image), "")
        return server.rpartition(":")[2].removeprefix("v")

    def query(self, text: str, at: float | None = None) -> Result:
        """Return the result of a PromQL query at a moment (epoch seconds, None for now), for other
        programs.

        Raises QueryError.
        """
        return evaluate_query(text, self.store, self._get_epoch_seconds() if at is None else at)

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
        now = self._get_epoch_seconds()
        state = PrometheusState(self.store, self.version, self._list_targets(), now)
        return answer_api(state, request)

    async def stop(self) -> None:
        """Stop; what was scraped is gone."""
        self._processes.remove(self)
        self._scraping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._scraping

    async def _scrape_forever(self) -> None:
        while True:
            self._scraped = self._clock.now()
            self.store.record_scrape(self._get_epoch_seconds(), self._metrics.samples())
            await self._clock.sleep(SCRAPE_SECONDS)

    def _get_epoch_seconds(self) -> float:
        return self._clock.now().timestamp()

    def _list_targets(self) -> list[Object]:
        return [
            {
                "health": "up",
                "scrapePool": "kubernetes-pods",
                "labels": {"namespace": namespace, "pod": pod},
                "lastScrape": self._scraped.isoformat().replace("+00:00", "Z"),
            }
            for namespace, pod in sorted(set(self._metrics.list_targets()))
        ]
