"""Who leads among the istiods of a cluster: some work is done by one of them only, and handed over slowly.

A leader's claim stands in ConfigMap `istio-leader`. It is not renewed here, so that a quiet cluster stays quiet; that
a leader has ended is known from its process instead, and a follower takes over one lease duration after that.
"""

from __future__ import annotations

import asyncio
import json

from bot.sandbox.clock import Clock
from bot.sandbox.cluster.contract import Client, Object, Ref
from bot.sandbox.istio.istiod_mesh import Identity

LEASE_SECONDS = 30
"""How long a claim lasts after its last renewal (Istio's leader election, both releases)."""
CONFIGMAPS = Ref("", "configmaps")
LEASES = Ref("coordination.k8s.io", "leases")
_ANNOTATION = "control-plane.alpha.kubernetes.io/leader"


class Claims:
    """What all istiods of one cluster know of each other's lives."""

    def __init__(self, clock: Clock, lease_seconds: float = LEASE_SECONDS) -> None:
        self._clock = clock
        self._lease = lease_seconds
        self._ended: dict[str, asyncio.Event] = {}

    def alive(self, pod: str) -> None:
        """An istiod has started."""
        self._ended[pod] = asyncio.Event()

    def ended(self, pod: str) -> None:
        """An istiod is gone; its claim runs out from now on."""
        self._ended.setdefault(pod, asyncio.Event()).set()

    async def lead(self, client: Client, me: Identity) -> None:
        """Returns once this istiod leads."""
        while True:
            holder = await _holder(client, me)
            if holder in ("", me.pod):
                await self._take(client, me)
                return
            if holder in self._ended:
                await self._ended[holder].wait()
            await self._clock.sleep(self._lease)
            if await _holder(client, me) == holder:
                await self._take(client, me)
                return

    async def _take(self, client: Client, me: Identity) -> None:
        for name in me.facts.election_maps:
            await claim_map(client, me, name, self._clock.stamp())


async def _holder(client: Client, me: Identity) -> str:
    found = await client.get(CONFIGMAPS, "istio-leader", me.namespace)
    claim = ((found or {}).get("metadata", {}).get("annotations") or {}).get(_ANNOTATION)
    return str(json.loads(claim)["holderIdentity"]) if claim else ""


async def claim_map(client: Client, me: Identity, name: str, stamp: str) -> None:
    """Writes this istiod's claim into a ConfigMap, where it is not there already."""
    found = await client.get(CONFIGMAPS, name, me.namespace)
    old = json.loads(((found or {}).get("metadata", {}).get("annotations") or {}).get(_ANNOTATION, "{}"))
    if old.get("holderIdentity") == me.pod:
        return
    claim = {
        "holderIdentity": me.pod,
        "holderKey": me.revision,
        "leaseDurationSeconds": LEASE_SECONDS,
        "acquireTime": stamp,
        "renewTime": stamp,
        "leaderTransitions": old.get("leaderTransitions", -1) + 1,
    }
    annotations = {_ANNOTATION: json.dumps(claim, separators=(",", ":"))}
    if found is None:
        meta = {"name": name, "namespace": me.namespace, "annotations": annotations}
        await client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
    else:
        meta = {**found["metadata"], "annotations": {**found["metadata"].get("annotations", {}), **annotations}}
        await client.update({**found, "metadata": meta})


async def claim_lease(client: Client, me: Identity, name: str, stamp: str) -> None:
    """Writes this istiod's claim into a Lease, where it is not there already."""
    found = await client.get(LEASES, name, me.namespace)
    old: Object = (found or {}).get("spec", {})
    if old.get("holderIdentity") == me.pod:
        return
    moment = stamp.replace("Z", ".000000Z")
    spec = {
        "holderIdentity": me.pod,
        "leaseDurationSeconds": LEASE_SECONDS,
        "acquireTime": moment,
        "renewTime": moment,
        "leaseTransitions": old.get("leaseTransitions", -1) + 1,
    }
    if found is None:
        meta = {"name": name, "namespace": me.namespace}
        await client.create({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec})
    else:
        await client.update({**found, "spec": {**old, **spec}})
