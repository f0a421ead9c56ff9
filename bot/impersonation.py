"""Clients of the cluster that act as someone else (Kubernetes impersonation).

Requests, watches, traffic and istioctl alike run as the user whom the settings name for
a role.
"""

from __future__ import annotations

from functools import partial

from bot.cluster import KubernetesCluster
from bot.engine import ClusterClients
from bot.istio import Istioctl
from bot.ports import Identity
from bot.schedule import Streams
from bot.traffic.visitor import find_entry_point


class ImpersonatedClients:
    """Clients by identity, made when first needed and kept until `close`."""

    def __init__(self, cluster: KubernetesCluster, mesh: Istioctl, traffic: Streams) -> None:
        self._cluster, self._mesh, self._traffic = cluster, mesh, traffic
        self._clients: dict[Identity, ClusterClients] = {}
        self._clusters: list[KubernetesCluster] = []

    def get_clients(self, identity: Identity) -> ClusterClients:
        """Return the clients that act as that identity in the cluster."""
        if identity not in self._clients:
            cluster = self._cluster.acting_as(identity)
            self._clusters.append(cluster)
            traffic = self._traffic.send_through(cluster.web, partial(find_entry_point, cluster))
            self._clients[identity] = ClusterClients(
                cluster, self._mesh.acting_as(identity), cluster.web, traffic
            )
        return self._clients[identity]

    async def close(self) -> None:
        """Close every client that was made."""
        for cluster in self._clusters:
            await cluster.close()
