"""Acts in the cluster as whom the settings name for a role: requests, watches, traffic and istioctl alike."""

from __future__ import annotations

import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from bot.cluster import KubernetesCluster
from bot.cluster.kubeconfigs import acting_as
from bot.engine import Hands
from bot.istio import Istioctl
from bot.ports import Identity
from bot.traffic import Generator
from bot.traffic.visitor import door


class Actors:
    """Hands by identity, made when first needed and kept. `base` is the bot's own cluster and user, as a kubeconfig
    has them; {} when nobody is impersonated."""

    def __init__(self, cluster: KubernetesCluster, mesh: Istioctl, traffic: Generator, base: dict[str, Any]) -> None:
        self._cluster, self._mesh, self._traffic, self._base = cluster, mesh, traffic, base
        self._known: dict[Identity, Hands] = {}
        self._clusters: list[KubernetesCluster] = []
        self._folder = tempfile.TemporaryDirectory(prefix="meshbot-", ignore_cleanup_errors=True) if base else None

    def hands(self, identity: Identity) -> Hands:
        """What acts as that user in the cluster."""
        if identity not in self._known:
            cluster = self._cluster.acting_as(identity)
            self._clusters.append(cluster)
            mesh = self._mesh.through(self._kubeconfig(identity))
            traffic = self._traffic.through(cluster.web, partial(door, cluster))
            self._known[identity] = Hands(cluster, mesh, cluster.web, traffic)
        return self._known[identity]

    def _kubeconfig(self, identity: Identity) -> Path:
        """For istioctl, readable by nobody else."""
        assert self._folder is not None  # there is a base wherever there are identities
        file = Path(self._folder.name) / f"{len(self._known)}.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(acting_as(identity, self._base)), encoding="utf-8")
        return file

    async def close(self) -> None:
        """Ends what was made, and removes the files."""
        for cluster in self._clusters:
            await cluster.close()
        if self._folder is not None:
            self._folder.cleanup()
