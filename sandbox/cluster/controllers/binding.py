"""Binding a pod to its node as the API server's `binding` subresource does: in the store, owned by
no field manager."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.clock import Clock
from sandbox.cluster.contract import Object
from sandbox.cluster.machinery.meta import PODS, Key, is_deleting, uid_of
from sandbox.cluster.store import Store

Bind = Callable[[Key, str, str], Object | None]
"""Binds the pod of that place and uid to a node; None when it is gone, going, or bound already."""


def make_binder(store: Store, clock: Clock) -> Bind:
    """Return a function that binds pods to nodes in this store."""

    def bind(key: Key, uid: str, node: str) -> Object | None:
        # Nothing waits between the look and the write, so that a pod is bound once only.
        record = store.get(PODS, key.namespace, key.name)
        pod = record.obj if record else None
        if pod is None or uid_of(pod) != uid or is_deleting(pod) or pod["spec"].get("nodeName"):
            return None
        status = pod.get("status") or {}
        scheduled = {
            "type": "PodScheduled",
            "status": "True",
            "observedGeneration": pod["metadata"].get("generation", 1),
            "lastProbeTime": None,
            "lastTransitionTime": clock.format_timestamp(),
        }
        others = [each for each in status.get("conditions") or [] if each["type"] != "PodScheduled"]
        bound = {
            **pod,
            "spec": {**pod["spec"], "nodeName": node},
            "status": {**status, "conditions": [*others, scheduled]},
        }
        return store.put(PODS, bound).obj

    return bind
