"""Follow a cluster through its API, read-only, and render it in the page's sidebar on
every change.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from sandbox.cluster.contract import ApiError, Client, Object, Ref
from sandbox.cluster.machinery.informer import Informer
from sandbox.cluster.machinery.meta import CRDS, NAMESPACES, PODS
from sandbox.cluster.machinery.served_types import ServedTypes
from sandbox.panel.html import render_cluster
from sandbox.tasks import Tasks
from sandbox.workspace import Sidebar

FRAGMENT = "cluster"
PAUSE = 0.25
"""Wall seconds between two showings: a roll-out changes dozens of objects at once."""

SHARE = 9.0
"""At least this many times as long as a showing takes, nothing is shown."""

HEARTBEAT = 2.0
"""Wall seconds between two looks at whether the API answers; watches that are open would not tell.
"""

CORE = {"namespaces": NAMESPACES, "pods": PODS}
CUSTOM = {
    "rules": Ref("networking.istio.io", "destinationrules"),
    "istio_gateways": Ref("networking.istio.io", "gateways"),
    "virtual_services": Ref("networking.istio.io", "virtualservices"),
    "gateways": Ref("gateway.networking.k8s.io", "gateways"),
    "http_routes": Ref("gateway.networking.k8s.io", "httproutes"),
}
"""Types that are there only once their CRDs are."""


class ClusterPanel:
    """Shows the cluster behind `client` on `side` under the title `name`; `heartbeat` in wall
    seconds.
    """

    def __init__(
        self,
        client: Client,
        side: Sidebar,
        *,
        name: str,
        heartbeat: float = HEARTBEAT,
    ) -> None:
        self._client, self._side, self._name = client, side, name
        self._heartbeat = heartbeat
        self._tasks, self._served = Tasks(), ServedTypes()
        self._dirty = asyncio.Event()
        self._informers = {key: Informer(client, ref) for key, ref in {**CORE, **CUSTOM}.items()}
        for informer in self._informers.values():
            informer.add_listener(self._mark_dirty)
        self._definitions = Informer(client, CRDS)
        self._definitions.add_listener(self._on_definition_change)
        self._trouble = ""
        self._listeners: list[Callable[[], None]] = []

    @property
    def pods(self) -> list[tuple[str, str]]:
        """(namespace, name) of all pods."""
        return sorted(self._informers["pods"].objects)

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Call this listener whenever the panel is shown anew."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Start to follow the cluster."""
        self._tasks.spawn(self._definitions.run(), "panel: types")
        for key, informer in self._informers.items():
            served = self._served if key in CUSTOM else None
            self._tasks.spawn(informer.run(served), f"panel: {informer.ref.plural}")
        self._tasks.spawn(self._show_changes(), "panel: showing")
        self._tasks.spawn(self._check_api_health(), "panel: health of the API")
        self._dirty.set()

    async def stop(self) -> None:
        """Stop following the cluster."""
        await self._tasks.close()

    def _mark_dirty(self, before: Object | None, after: Object | None) -> None:
        self._dirty.set()

    def _on_definition_change(self, before: Object | None, after: Object | None) -> None:
        self._served.apply_crd_change(before, after)
        if after is None and before is not None:
            ref = Ref(before["spec"]["group"], before["spec"]["names"]["plural"])
            for informer in self._informers.values():
                if informer.ref == ref:
                    informer.clear()
        self._dirty.set()

    async def _show_changes(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            begun = time.monotonic()
            self._side.put_fragment(
                FRAGMENT, render_cluster(self._name, self._list_objects(), self._trouble)
            )
            for listener in self._listeners:
                listener()
            # Where there are thousands of pods, drawing them takes its time: others on this loop
            # get most of it.
            await asyncio.sleep(max(PAUSE, SHARE * (time.monotonic() - begun)))

    def _list_objects(self) -> Mapping[str, list[Object]]:
        return {
            key: [informer.objects[place] for place in sorted(informer.objects)]
            for key, informer in self._informers.items()
        }

    async def _check_api_health(self) -> None:
        while True:
            try:
                await self._client.get(CORE["namespaces"], "kube-system")
                trouble = ""
            except ApiError as refusal:
                trouble = f"The API server answers {refusal.code}: {refusal.message}"
            if trouble != self._trouble:
                self._trouble = trouble
                self._dirty.set()
            await asyncio.sleep(self._heartbeat)
