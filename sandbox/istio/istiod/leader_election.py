"""Leader election among the istiods of a cluster.

One istiod does some of the work alone. Its claim is in ConfigMap `istio-leader`. The
claim is not renewed here, to keep the number of writes to an idle cluster low. The
end of a leader is known from its process instead; a follower takes over one lease
duration later.
"""

from __future__ import annotations

import asyncio
import json

from sandbox.clock import Clock
from sandbox.cluster.contract import Client, Object, Ref
from sandbox.istio.istiod.mesh_configuration import IstiodIdentity

LEASE_SECONDS = 30
"""How long a claim lasts after its last renewal (Istio's leader election, both releases)."""
CONFIGMAPS = Ref("", "configmaps")
LEASES = Ref("coordination.k8s.io", "leases")
_ANNOTATION = "control-plane.alpha.kubernetes.io/leader"


class LeaderElection:
    """The leader election that all istiods of one cluster share, with the istiods' lifetimes."""

    def __init__(self, clock: Clock, lease_seconds: float = LEASE_SECONDS) -> None:
        self._clock = clock
        self._lease = lease_seconds
        self._ended: dict[str, asyncio.Event] = {}

    def mark_started(self, pod: str) -> None:
        """Record that an istiod has started."""
        self._ended[pod] = asyncio.Event()

    def mark_ended(self, pod: str) -> None:
        """Record that an istiod is gone; its claim starts to expire."""
        self._ended.setdefault(pod, asyncio.Event()).set()

    async def wait_for_leadership(self, client: Client, me: IstiodIdentity) -> None:
        """Wait until this istiod leads."""
        while True:
            holder = await _get_leader(client, me)
            if holder in ("", me.pod):
                await self._claim_leadership(client, me)
                return
            # The end of a holder that never started here can't be waited for: its claim has to
            # expire.
            if holder in self._ended:
                await self._ended[holder].wait()
            await self._clock.sleep(self._lease)
            # Of several followers the first to look takes over; the others wait for its end next.
            if await _get_leader(client, me) == holder:
                await self._claim_leadership(client, me)
                return

    async def _claim_leadership(self, client: Client, me: IstiodIdentity) -> None:
        for name in me.facts.election_maps:
            await claim_config_map(client, me, name, self._clock.format_timestamp())


async def _get_leader(client: Client, me: IstiodIdentity) -> str:
    found = await client.get(CONFIGMAPS, "istio-leader", me.namespace)
    claim = ((found or {}).get("metadata", {}).get("annotations") or {}).get(_ANNOTATION)
    return str(json.loads(claim)["holderIdentity"]) if claim else ""


async def claim_config_map(client: Client, me: IstiodIdentity, name: str, stamp: str) -> None:
    """Write this istiod's claim into a ConfigMap, unless it is there already."""
    found = await client.get(CONFIGMAPS, name, me.namespace)
    old = json.loads(
        ((found or {}).get("metadata", {}).get("annotations") or {}).get(_ANNOTATION, "{}")
    )
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
        meta = {
            **found["metadata"],
            "annotations": {**found["metadata"].get("annotations", {}), **annotations},
        }
        await client.update({**found, "metadata": meta})


async def claim_lease(client: Client, me: IstiodIdentity, name: str, stamp: str) -> None:
    """Write this istiod's claim into a Lease, unless it is there already."""
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
        await client.create(
            {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": meta,
                "spec": spec,
            }
        )
    else:
        await client.update({**found, "spec": {**old, **spec}})
