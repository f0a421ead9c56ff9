"""The mesh's programs, for `EmbeddedCluster(programs=…)`."""

from __future__ import annotations

from sandbox.clock import Clock
from sandbox.cluster.contract import PodProgram
from sandbox.istio.cni.program import CniNode
from sandbox.istio.istiod.program import Istiod
from sandbox.istio.ztunnel.program import Ztunnel


def create_programs(clock: Clock) -> tuple[PodProgram, ...]:
    """Create the programs of one cluster, on that cluster's clock.

    They are istiod, istio-cni's node agent and ztunnel.
    """
    return (Istiod(clock), CniNode(clock), Ztunnel(clock))
