"""What one Kiali knows: the cluster at a moment, and the caches of Kiali 2."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import yaml

from sandbox.clock import Clock
from sandbox.cluster.contract import ApiError, Object
from sandbox.observability.answers import (
    get_first,
)
from sandbox.observability.kiali import config, lists, status
from sandbox.observability.kiali.answer_context import AnswerContext
from sandbox.observability.kiali.graph import KialiError, build_graph
from sandbox.observability.kiali.health import RequestRates
from sandbox.observability.kiali.objects import load_objects
from sandbox.observability.kiali.rates import QueryEngine, query_request_rates
from sandbox.observability.kiali.settings import KialiSettings
from sandbox.observability.kiali.validations import check_all_objects
from sandbox.observability.metrics.program import RunningPrometheus
from sandbox.observability.metrics.syntax import QueryError
from sandbox.observability.process_registry import Unreachable
from sandbox.releases import find_kiali_traits

log = logging.getLogger(__name__)

HEALTH_REFRESH_SECONDS = 180.0
HEALTH_RANGE_SECONDS = 300
"""How often Kiali 2 computes health, and over which range (its defaults)."""
GRAPH_SECONDS = 60.0
"""How long Kiali 2 answers with the same graph when not told otherwise."""


class KialiState:
    """One Kiali's caches, and how they are refreshed."""

    def __init__(
        self, clock: Clock, around: status.KialiEnvironment, settings: KialiSettings
    ) -> None:
        self.around, self.settings = around, settings
        self.traits = find_kiali_traits(around.version)
        self._clock = clock
        self._health: dict[tuple[str, str, str], RequestRates] = {}
        self._checks: config.Checks = {}
        self._graphs: dict[tuple[tuple[str, str], ...], tuple[float, Object]] = {}

    def create_refreshes(self) -> Iterator[tuple[Coroutine[Any, Any, None], str]]:
        """Yield what keeps the caches fresh, each with its name; nothing where there are none."""
        if self.traits.cached:
            yield self._repeat_forever(self._refresh_health, HEALTH_REFRESH_SECONDS), "health"
            seconds = self.settings.validation_seconds
            yield self._repeat_forever(self._refresh_checks, seconds), "validations"

    async def _repeat_forever(self, work: Callable[[], Awaitable[None]], seconds: float) -> None:
        while True:
            try:
                await work()
            except (ApiError, QueryError, yaml.YAMLError) as error:
                log.debug("kiali leaves its cache as it is: %s", error)
            await self._clock.sleep(seconds)

    async def _refresh_health(self) -> None:
        moment = await self.build_context()
        if moment.engine is None:
            return
        found = {}
        for namespace in moment.view.namespaces:
            for side in lists.SIDES:
                sides = lists.choose_directions(self.traits, side)
                for name, requests in query_request_rates(
                    moment.engine, namespace, sides, HEALTH_RANGE_SECONDS
                ).items():
                    found[namespace, side, name] = requests
        self._health = found

    async def _refresh_checks(self) -> None:
        moment = await self.build_context()
        self._checks = check_all_objects(moment.view, self.traits, self.settings.ignored_checks)

    async def build_context(self) -> AnswerContext:
        """Read the cluster as it is now, and find the Prometheus to ask."""
        engine: QueryEngine | None = None
        with contextlib.suppress(Unreachable):
            found = await self.around.processes.find_process(
                self.around.client, self.settings.prometheus
            )
            engine = found if isinstance(found, RunningPrometheus) else None
        view = await load_objects(self.around.client, self.settings.namespace)
        return AnswerContext(view, self.traits, self.settings, engine, self._health)

    def get_findings(self, moment: AnswerContext) -> config.Checks:
        """Return the validations: cached ones where this Kiali caches them."""
        if self.traits.cached:
            return self._checks
        return check_all_objects(moment.view, self.traits, self.settings.ignored_checks)

    def get_graph(self, moment: AnswerContext, asked: dict[str, list[str]]) -> Object:
        """Return a graph, from the cache while it is as fresh as asked."""
        now = self._clock.now()
        if not self.traits.cached:
            return build_graph(moment, asked, self._clock)
        refresh = get_first(asked, "refreshInterval")
        if refresh and not refresh.isdigit():
            raise KialiError(400, f"Invalid refreshInterval [{refresh}]")
        kept = int(refresh) / 1000 if refresh else GRAPH_SECONDS
        if not kept:
            return build_graph(moment, asked, self._clock)
        key = tuple(
            sorted((name, values[0]) for name, values in asked.items() if name != "refreshInterval")
        )
        at, answer = self._graphs.get(key, (0.0, {}))
        if not answer or now.timestamp() - at >= kept:
            answer = build_graph(moment, asked, self._clock)
            self._graphs[key] = (now.timestamp(), answer)
        return answer
