"""The mesh's programs, for `EmbeddedCluster(programs=…)`."""

from __future__ import annotations

from bot.sandbox.clock import Clock
from bot.sandbox.cluster.contract import Program
from bot.sandbox.istio.cni import CniNode
from bot.sandbox.istio.istiod import Istiod
from bot.sandbox.istio.ztunnel import Ztunnel


def programs(clock: Clock) -> tuple[Program, ...]:
    """A fresh set for one cluster: istiod, istio-cni's node agent and ztunnel, all on that cluster's clock."""
    return (Istiod(clock), CniNode(clock), Ztunnel(clock))
