"""Everything that runs in the embedded cluster's pods, for `EmbeddedCluster(programs=…)`."""

from __future__ import annotations

from bot.sandbox.clock import Clock
from bot.sandbox.cluster.contract import Program
from bot.sandbox.dataplane.programs import DataPlane
from bot.sandbox.istio import programs as istio
from bot.sandbox.observability import programs as observability


def programs(clock: Clock, plane: DataPlane | None = None) -> tuple[Program, ...]:
    """A fresh set for one cluster: the mesh's control plane, the data plane (a new one, unless it is given), and what
    looks at its telemetry."""
    plane = plane or DataPlane(clock)
    return (*istio.programs(clock), *behind_pods(clock, plane))


def behind_pods(clock: Clock, plane: DataPlane) -> tuple[Program, ...]:
    """All of them but the control plane: what a cluster with a real one lacks."""
    return (*plane.programs(), *observability.programs(clock, plane.telemetry))
