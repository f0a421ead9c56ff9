"""What istiod's one work queue holds, and how failed work comes back."""

from __future__ import annotations

from typing import NamedTuple

from sandbox.cluster.machinery.work_queue import Backoff

PROGRAM_BACKOFF = Backoff(1.0, 30.0)
"""The pauses of istiod and istio-cni: slower than kube-controller-manager's."""


class WorkKey(NamedTuple):
    """One item of work: its kind and the object it is about."""

    work: str
    namespace: str = ""
    name: str = ""
