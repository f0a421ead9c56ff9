"""Everything that runs in the embedded cluster's pods, for `EmbeddedCluster(programs=…)`."""

from __future__ import annotations

from bot.sandbox.clock import Clock
from bot.sandbox.cluster.contract import Program
from bot.sandbox.dataplane.programs import DataPlane
from bot.sandbox.istio import programs as istio


def programs(clock: Clock, plane: DataPlane | None = None) -> tuple[Program, ...]:
    """A fresh set for one cluster: the mesh's control plane, and the data plane (a new one, unless it is given)."""
    plane = plane or DataPlane(clock)
    return (*istio.programs(clock), *plane.programs())
