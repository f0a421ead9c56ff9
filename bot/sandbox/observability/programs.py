"""The observability programs, for `EmbeddedCluster(programs=…)`: all in front of one data plane's telemetry."""

from __future__ import annotations

from typing import Protocol

from bot.sandbox.clock import Clock
from bot.sandbox.cluster.contract import Program
from bot.sandbox.observability.grafana import Grafana
from bot.sandbox.observability.jaeger import Jaeger
from bot.sandbox.observability.kiali.program import Kiali
from bot.sandbox.observability.metrics.program import Prometheus
from bot.sandbox.observability.neighbours import Neighbours
from bot.sandbox.observability.sources import Metrics, Spans


class Telemetry(Metrics, Spans, Protocol):
    """What a data plane tells: metrics and spans."""


def programs(clock: Clock, telemetry: Telemetry) -> tuple[Program, ...]:
    """A fresh set for one cluster, on that cluster's clock."""
    neighbours = Neighbours()
    return (
        Prometheus(clock, telemetry, neighbours),
        Jaeger(clock, telemetry, neighbours),
        Grafana(neighbours),
        Kiali(clock, neighbours),
    )
