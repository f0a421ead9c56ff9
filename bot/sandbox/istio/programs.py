"""The mesh's programs, for `EmbeddedCluster(programs=…)`."""

from __future__ import annotations

from bot.sandbox.clock import Clock
from bot.sandbox.cluster.contract import PodProgram
from bot.sandbox.istio.cni import CniNode
from bot.sandbox.istio.istiod import Istiod
from bot.sandbox.istio.ztunnel import Ztunnel


def create_programs(clock: Clock) -> tuple[PodProgram, ...]:
    """Create the programs of one cluster, on that cluster's clock.

    They are istiod, istio-cni's node agent and ztunnel.
    """
    return (Istiod(clock), CniNode(clock), Ztunnel(clock))
