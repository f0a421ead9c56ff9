"""The Kubernetes API, in the words of `bot.steps.Cluster`. The only package that knows the `kubernetes` client."""

from __future__ import annotations

from bot.cluster.adapter import KubernetesCluster
from bot.cluster.api import Api
from bot.cluster.connection import connect
from bot.cluster.failures import Patience

__all__ = ["Api", "KubernetesCluster", "Patience", "connect"]
