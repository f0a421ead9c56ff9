"""The observability programs, for `EmbeddedCluster(programs=…)`, all reading one data
plane's telemetry.
"""

from __future__ import annotations

from typing import Protocol

from bot.sandbox.clock import Clock
from bot.sandbox.cluster.contract import PodProgram
from bot.sandbox.observability.grafana import Grafana
from bot.sandbox.observability.jaeger import Jaeger
from bot.sandbox.observability.kiali.program import Kiali
from bot.sandbox.observability.metrics.program import Prometheus
from bot.sandbox.observability.neighbours import ProcessRegistry
from bot.sandbox.observability.sources import Metrics, Spans


class Telemetry(Metrics, Spans, Protocol):
    """Telemetry of a data plane: metrics and spans."""


def create_programs(clock: Clock, telemetry: Telemetry) -> tuple[PodProgram, ...]:
    """Create the observability programs of one cluster, on that cluster's clock."""
    neighbours = ProcessRegistry()
    return (
        Prometheus(clock, telemetry, neighbours),
        Jaeger(clock, telemetry, neighbours),
        Grafana(neighbours),
        Kiali(clock, neighbours),
    )
