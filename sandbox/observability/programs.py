"""The observability programs, for `EmbeddedCluster(programs=…)`, all reading one data
plane's telemetry.
"""

from __future__ import annotations

from typing import Protocol

from sandbox.clock import Clock
from sandbox.cluster.contract import PodProgram
from sandbox.observability.grafana.program import Grafana
from sandbox.observability.jaeger.program import Jaeger
from sandbox.observability.kiali.program import Kiali
from sandbox.observability.metrics.program import Prometheus
from sandbox.observability.process_registry import ProcessRegistry
from sandbox.observability.sources import Metrics, Spans


class Telemetry(Metrics, Spans, Protocol):
    """Telemetry of a data plane: metrics and spans."""


def create_programs(clock: Clock, telemetry: Telemetry) -> tuple[PodProgram, ...]:
    """Create the observability programs of one cluster, on that cluster's clock."""
    processes = ProcessRegistry()
    return (
        Prometheus(clock, telemetry, processes),
        Jaeger(clock, telemetry, processes),
        Grafana(processes),
        Kiali(clock, processes),
    )
