"""The programs that run in the embedded cluster's pods, for `EmbeddedCluster(programs=…)`."""

from __future__ import annotations

from sandbox.clock import Clock
from sandbox.cluster.contract import PodProgram
from sandbox.dataplane.program import DataPlane
from sandbox.istio import programs as istio
from sandbox.observability import programs as observability


def create_programs(clock: Clock, plane: DataPlane | None = None) -> tuple[PodProgram, ...]:
    """Create the programs of one cluster: control plane, data plane and observability.

    The data plane is a new one unless it is given.
    """
    plane = plane or DataPlane(clock.for_requests())
    return (
        *istio.create_programs(clock, plane.format_counters),
        *create_programs_without_istiod(clock, plane),
    )


def create_programs_without_istiod(clock: Clock, plane: DataPlane) -> tuple[PodProgram, ...]:
    """Create all programs but the control plane, for a cluster that has a real one."""
    # The data plane last: it runs in whatever has a sidecar, also in an addon that has one.
    return (
        *observability.create_programs(clock.for_requests(), plane.telemetry),
        *plane.list_programs(),
    )
