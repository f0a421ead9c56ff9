"""The Kubernetes API as `bot.ports.Cluster`. The only package that imports the
`kubernetes` client.
"""

from __future__ import annotations

from bot.cluster.adapter import KubernetesCluster
from bot.cluster.api import Api
from bot.cluster.connection import connect
from bot.cluster.failures import RetryPolicy
from bot.cluster.kubeconfig import find_kubeconfig

__all__ = ["Api", "KubernetesCluster", "RetryPolicy", "connect", "find_kubeconfig"]
