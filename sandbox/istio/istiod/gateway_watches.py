"""What istiod's controllers of the Gateway API watch, and the work that each change leads to."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from typing import Any

from sandbox.cluster.contract import Client, Object, Ref
from sandbox.cluster.machinery.informer import Informer, Listener
from sandbox.cluster.machinery.meta import (
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    SERVICE_ACCOUNTS,
    SERVICES,
    key_of,
    labels_of,
    owners_of,
)
from sandbox.cluster.machinery.served_types import ServedTypes
from sandbox.cluster.machinery.work_queue import WorkQueue
from sandbox.istio.istiod.gateway_classes import CLASSES, GROUP
from sandbox.istio.istiod.route_watches import RouteWatches
from sandbox.istio.istiod.work import WorkKey

GATEWAYS = Ref(GROUP, "gateways")
ROUTES = {kind: Ref(GROUP, f"{kind.lower()}s") for kind in ("HTTPRoute", "GRPCRoute", "TLSRoute")}
GRANTS = Ref(GROUP, "referencegrants")
_SERVICE_LABEL = "kubernetes.io/service-name"


class GatewayWatches:
    """The objects that Gateways, HTTPRoutes and waypoints depend on, as last seen.

    `owners` has the Gateway of each Service (namespace, name) that was deployed for one;
    `ambient` tells whether Services have waypoints.
    """

    def __init__(self, client: Client, queue: WorkQueue[WorkKey], *, ambient: bool) -> None:
        self._client, self._queue, self._ambient = client, queue, ambient
        self.owners: dict[tuple[str, str], WorkKey] = {}
        self._served: set[str] = set()
        self.classes = self._make_informer(CLASSES, self._handle_class_change)
        self.gateways = self._make_informer(GATEWAYS, self._handle_gateway_change)
        self.routes = RouteWatches(client, self._handle_route_change)
        self.grants = self._make_informer(GRANTS, self._enqueue_routes)
        self.services = self._make_informer(SERVICES, self._handle_service_change)
        self.deployments = self._make_informer(DEPLOYMENTS, self._enqueue_owner)
        self.accounts = self._make_informer(SERVICE_ACCOUNTS, self._enqueue_owner)
        self.slices = self._make_informer(ENDPOINT_SLICES, self._handle_endpoint_slice_change)

    def _make_informer(self, ref: Ref, listener: Listener) -> Informer:
        informer = Informer(self._client, ref)
        informer.add_listener(listener)
        return informer

    def create_watch_coroutines(
        self, served: ServedTypes
    ) -> Iterator[tuple[Coroutine[Any, Any, None], str]]:
        """Yield the coroutines that keep the informers up to date, each with its name.

        Types of the Gateway API are watched while `served` knows them.
        """
        for informer in (self.services, self.deployments, self.accounts, self.slices):
            yield informer.run(), informer.ref.plural
        for informer in (self.classes, self.gateways, *self.routes, self.grants):
            yield informer.run(served), informer.ref.plural

    def enqueue_all(self) -> None:
        """Enqueue every Gateway, HTTPRoute and Service."""
        self._queue.add(*(WorkKey("gateway", *key) for key in self.gateways.objects))
        self._queue.add(*self.routes.list_keys())
        self._queue.add(*(WorkKey("service", *key) for key in self.services.objects))

    def enqueue_namespace_services(self, name: str) -> None:
        """Enqueue the namespace's Services: its labels decide which waypoint they use."""
        if self._ambient:
            self._queue.add(
                *(
                    WorkKey("service", *key_of(service))
                    for service in self.services.list_by_index("namespace", name)
                )
            )

    def has_served(self, service: str, namespace: str) -> bool:
        """Tell whether anything is ready behind a Service, or was since this istiod started.

        istiod does not look again when the last endpoint goes: a Gateway whose pods are gone stays
        Programmed (measured on both releases).
        """
        live = self.services.get((namespace, service))
        if live is None:
            return False
        uid = live["metadata"].get("uid", "")
        if has_ready_endpoint(self.slices, service, namespace):
            self._served.add(uid)
        return uid in self._served

    def _handle_class_change(self, before: Object | None, after: Object | None) -> None:
        self._queue.add(WorkKey("class", "", (after or before or {})["metadata"]["name"]))
        # A class may say what its waypoints are for.
        self._enqueue_services()

    def _handle_gateway_change(self, before: Object | None, after: Object | None) -> None:
        meta = (after or before or {})["metadata"]
        self._queue.add(WorkKey("gateway", meta["namespace"], meta["name"]))
        self._queue.add(
            *(
                key
                for key in self.routes.list_keys()
                if names_gateway(self.routes.find(key), meta["name"])
            )
        )
        # Services of other namespaces may use a waypoint as well.
        self._enqueue_services()

    def _enqueue_services(self) -> None:
        if self._ambient:
            self._queue.add(*(WorkKey("service", *key) for key in self.services.objects))

    def _handle_route_change(self, kind: str, before: Object | None, after: Object | None) -> None:
        route = after or before or {}
        meta = route["metadata"]
        self._queue.add(WorkKey(kind, meta["namespace"], meta["name"]))
        # A Gateway that the route has left counts one attached route less.
        for parent in (p for r in (before, after) if r for p in r["spec"].get("parentRefs") or ()):
            if parent.get("kind", "Gateway") == "Gateway":
                self._queue.add(
                    WorkKey("gateway", parent.get("namespace", meta["namespace"]), parent["name"])
                )

    def _handle_service_change(self, before: Object | None, after: Object | None) -> None:
        meta = (after or before or {})["metadata"]
        # Routes ask whether a Service is there, not what is in it.
        if before is None or after is None:
            self._queue.add(
                *(key for key in self.routes.list_keys() if key.namespace == meta["namespace"])
            )
        if self._ambient:
            self._queue.add(WorkKey("service", meta["namespace"], meta["name"]))
        self._enqueue_owner(before, after)

    def _enqueue_owner(self, before: Object | None, after: Object | None) -> None:
        obj = after or before or {}
        owner = next((o for o in owners_of(obj) if o["kind"] == "Gateway"), None)
        if owner is not None:
            self._queue.add(WorkKey("gateway", obj["metadata"]["namespace"], owner["name"]))

    def _handle_endpoint_slice_change(self, before: Object | None, after: Object | None) -> None:
        # An EndpointSlice names its Service alone; `owners` knows whose Service that is.
        piece = after or before or {}
        service = labels_of(piece).get(_SERVICE_LABEL, "")
        owner = self.owners.get((piece["metadata"]["namespace"], service))
        if owner is not None:
            self._queue.add(owner)

    def _enqueue_routes(self, _before: Object | None, _after: Object | None) -> None:
        self._queue.add(*self.routes.list_keys())


def has_ready_endpoint(slices: Informer, service: str, namespace: str) -> bool:
    """Tell whether anything is ready behind a Service."""
    return any(
        (endpoint.get("conditions") or {}).get("ready")
        for piece in slices.list_by_index("namespace", namespace)
        if labels_of(piece).get(_SERVICE_LABEL) == service
        for endpoint in piece.get("endpoints") or []
    )


def names_gateway(route: Object | None, gateway: str) -> bool:
    """Tell whether a route has a parent of that name."""
    return route is not None and any(
        parent["name"] == gateway for parent in route["spec"].get("parentRefs") or []
    )
