"""The deployment of Gateways: the objects of each are applied, and kept as they are wanted."""

from __future__ import annotations

from typing import Any

from sandbox.cluster.contract import Client, Object
from sandbox.istio.istiod.gateway_labels import CONTROLLER_VERSION
from sandbox.istio.istiod.gateway_objects import GatewayRenderer
from sandbox.istio.istiod.gateway_watches import GatewayWatches
from sandbox.istio.istiod.mesh_configuration import MeshConfiguration


class GatewayDeployer:
    """Applies the objects that Gateways are deployed as; `client` writes as their controller."""

    def __init__(self, client: Client, watches: GatewayWatches) -> None:
        self._client, self._watches = client, watches
        self._applied: dict[tuple[str, str, str], Object] = {}

    async def deploy(self, gateway: Object, controller: str, mesh: MeshConfiguration) -> None:
        """Apply whatever of a Gateway's objects is not as it is wanted."""
        # The mark on the Gateway comes first: it says which version is in charge of what follows.
        await self._annotate_controller_version(gateway, mesh.identity.facts.controller_version)
        for wanted in GatewayRenderer(gateway, controller, mesh).build_objects():
            await self._apply_if_changed(wanted)

    async def _annotate_controller_version(self, gateway: Object, version: str) -> None:
        meta = gateway["metadata"]
        if not version or (meta.get("annotations") or {}).get(CONTROLLER_VERSION) == version:
            return
        own = {k: meta[k] for k in ("name", "namespace")} | {
            "annotations": {CONTROLLER_VERSION: version}
        }
        await self._client.apply(
            {"apiVersion": gateway["apiVersion"], "kind": "Gateway", "metadata": own}
        )

    async def _apply_if_changed(self, wanted: Object) -> None:
        """Apply an object that is new, is wanted differently now, or was changed by others."""
        meta = wanted["metadata"]
        informer = {"Service": self._watches.services, "Deployment": self._watches.deployments}.get(
            wanted["kind"], self._watches.accounts
        )
        live = informer.get((meta["namespace"], meta["name"]))
        # The queue comes back to a Gateway with each change behind its Service, and an apply that
        # changes nothing is a request all the same.
        place = (wanted["kind"], meta["namespace"], meta["name"])
        if (
            live is not None
            and self._applied.get(place) == wanted
            and _has_wanted_fields(live, wanted)
        ):
            return
        await self._client.apply(wanted)
        self._applied[place] = wanted


def _has_wanted_fields(live: Any, wanted: Any) -> bool:
    """Tell whether an object holds all that is wanted of it.

    Fields that only the live object has, such as the API server's defaults, are ignored.
    """
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(
            k in live and _has_wanted_fields(live[k], v) for k, v in wanted.items()
        )
    if isinstance(wanted, list):
        same = isinstance(live, list) and len(live) == len(wanted)
        return same and all(_has_wanted_fields(a, b) for a, b in zip(live, wanted, strict=True))
    return bool(live == wanted)
