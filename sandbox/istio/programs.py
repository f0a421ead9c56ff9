"""The mesh's programs, for `EmbeddedCluster(programs=…)`."""

from __future__ import annotations

from sandbox.clock import Clock
from sandbox.cluster.contract import PodProgram
from sandbox.istio.cni.program import CniNode
from sandbox.istio.istiod.program import Istiod
from sandbox.istio.ztunnel.program import Counting, Ztunnel


def create_programs(clock: Clock, count: Counting | None = None) -> tuple[PodProgram, ...]:
    """Create the programs of one cluster, on that cluster's clock; `count` is what ztunnels show
    of what they have counted.

    They are istiod, istio-cni's node agent and ztunnel.
    """
    return (Istiod(clock), CniNode(clock), Ztunnel(clock, count))
