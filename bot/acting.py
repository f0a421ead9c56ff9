"""Acts in the cluster as whom the settings name for a role: requests, watches, traffic and istioctl alike."""

from __future__ import annotations

from functools import partial

from bot.cluster import KubernetesCluster
from bot.engine import Hands
from bot.istio import Istioctl
from bot.ports import Identity
from bot.schedule import Streams
from bot.traffic.visitor import door


class Actors:
    """Hands by identity, made when first needed and kept."""

    def __init__(self, cluster: KubernetesCluster, mesh: Istioctl, traffic: Streams) -> None:
        self._cluster, self._mesh, self._traffic = cluster, mesh, traffic
        self._known: dict[Identity, Hands] = {}
        self._clusters: list[KubernetesCluster] = []

    def hands(self, identity: Identity) -> Hands:
        """What acts as that user in the cluster."""
        if identity not in self._known:
            cluster = self._cluster.acting_as(identity)
            self._clusters.append(cluster)
            traffic = self._traffic.through(cluster.web, partial(door, cluster))
            self._known[identity] = Hands(cluster, self._mesh.acting_as(identity), cluster.web, traffic)
        return self._known[identity]

    async def close(self) -> None:
        """Ends what was made."""
        for cluster in self._clusters:
            await cluster.close()
