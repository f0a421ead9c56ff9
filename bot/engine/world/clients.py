"""Clients of the cluster: as whom it is asked for a caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.engine.access.policy import AccessPolicy
from bot.ports import Cluster, Identity, Mesh, Traffic, Web
from bot.steps import Caller


@dataclass(frozen=True)
class ClusterClients:
    """Clients of the cluster that all act under one identity there."""

    cluster: Cluster
    mesh: Mesh
    web: Web
    traffic: Traffic


@dataclass(frozen=True)
class ClientSelector:
    """Selects the clients for a caller.

    `own` are the clients of the bot's own account; `impersonate` gives those that act as someone
    else in the cluster.
    """

    own: ClusterClients
    policy: AccessPolicy
    impersonate: Callable[[Identity], ClusterClients]

    def get_clients(self, caller: Caller) -> ClusterClients:
        """Return the clients that ask the cluster for this caller.

        They act as the bot itself, unless the settings say otherwise.
        """
        identity = self.policy.get_identity(caller)
        return self.impersonate(identity) if identity else self.own
