"""istiod's controllers of the Gateway API.

They keep the GatewayClasses, the objects that Gateways are deployed as, and the
status of Gateways, HTTPRoutes and Services.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from typing import Any

from sandbox.clock import Clock
from sandbox.cluster.contract import ApiError, Client, Object, Ref
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
from sandbox.istio.istiod import services
from sandbox.istio.istiod.gateway_classes import (
    CLASSES,
    GATEWAY_CONTROLLER,
    GROUP,
    MESH_CONTROLLER,
    UNMANAGED_CONTROLLER,
    build_accepted_status,
    build_gateway_class,
    get_controller,
    get_wanted_classes,
)
from sandbox.istio.istiod.gateway_objects import (
    CONTROLLER_VERSION,
    GatewayRenderer,
    get_deployed_name,
)
from sandbox.istio.istiod.gateway_status import GatewayState, build_gateway_status
from sandbox.istio.istiod.leader_election import claim_lease
from sandbox.istio.istiod.mesh_configuration import MeshConfiguration
from sandbox.istio.istiod.routes import RouteContext, build_route_status, count_attached_routes
from sandbox.istio.istiod.work import WorkKey

GATEWAYS = Ref(GROUP, "gateways")
ROUTES = Ref(GROUP, "httproutes")
GRANTS = Ref(GROUP, "referencegrants")
SECRETS = Ref("", "secrets")
_GATEWAY_LABEL = "gateway.networking.k8s.io/gateway-name"
_SERVICE_LABEL = "kubernetes.io/service-name"


class GatewayController:
    """Reconciles Gateways, HTTPRoutes, GatewayClasses and Services.

    Keys come to `reconcile` from the istiod's work queue.
    """

    def __init__(
        self,
        client: Client,
        clock: Clock,
        queue: WorkQueue[WorkKey],
        served: ServedTypes,
        namespaces: Informer,
    ) -> None:
        self._client = client.acting_as("pilot-discovery")
        self._deployer = client.acting_as(GATEWAY_CONTROLLER)
        self._services_writer = client.acting_as(services.MANAGER)
        self._clock, self._queue, self._served = clock, queue, served
        self._namespaces = namespaces
        self.mesh: MeshConfiguration | None = None
        self.leads = False
        self._classes_due = False
        self._applied: dict[tuple[str, str, str], Object] = {}
        self._classes = self._make_informer(CLASSES, self._handle_class_change)
        self._gateways = self._make_informer(GATEWAYS, self._handle_gateway_change)
        self._routes = self._make_informer(ROUTES, self._handle_route_change)
        self._grants = self._make_informer(GRANTS, self._handle_grant_change)
        self._services = self._make_informer(SERVICES, self._handle_service_change)
        self._deployments = self._make_informer(DEPLOYMENTS, self._enqueue_owner)
        self._accounts = self._make_informer(SERVICE_ACCOUNTS, self._enqueue_owner)
        self._slices = self._make_informer(ENDPOINT_SLICES, self._handle_endpoint_slice_change)
        self._owners: dict[tuple[str, str], WorkKey] = {}

    def _make_informer(self, ref: Ref, listener: Listener) -> Informer:
        informer = Informer(self._client, ref)
        informer.add_listener(listener)
        return informer

    def create_watch_coroutines(self) -> Iterator[tuple[Coroutine[Any, Any, None], str]]:
        """Yield the coroutines that keep the informers up to date, each with its name."""
        for informer in (self._services, self._deployments, self._accounts, self._slices):
            yield informer.run(), informer.ref.plural
        for informer in (self._classes, self._gateways, self._routes, self._grants):
            yield informer.run(self._served), informer.ref.plural
        yield self.watch_gateway_api(), "classes"

    async def watch_gateway_api(self) -> None:
        """Follow whether the Gateway API is installed, without end.

        Some time after its CRDs are served, the GatewayClasses are created.
        """
        while True:
            await self._served.wait(CLASSES)
            if self.mesh is not None:
                await self._clock.sleep(self.mesh.identity.facts.class_delay_seconds)
            self._classes_due = True
            self.enqueue_all()
            await self._served.wait(CLASSES, away=True)
            self._classes_due = False

    def enqueue_all(self) -> None:
        """Enqueue all objects, because the mesh configuration or the leader has changed."""
        if self.mesh is not None and self._classes_due:
            self._queue.add(
                *(WorkKey("class", "", name) for name in get_wanted_classes(self.mesh.identity))
            )
        self._queue.add(*(WorkKey("gateway", *key) for key in self._gateways.objects))
        self._queue.add(*self._list_route_keys())
        self._queue.add(*(WorkKey("service", *key) for key in self._services.objects))

    def enqueue_namespace_services(self, name: str) -> None:
        """Enqueue the namespace's Services: its labels decide which waypoint they use."""
        if self.mesh is not None and self.mesh.identity.ambient:
            self._queue.add(
                *(
                    WorkKey("service", *key_of(service))
                    for service in self._services.list_by_index("namespace", name)
                )
            )

    # what changes lead to

    def _handle_class_change(self, before: Object | None, after: Object | None) -> None:
        self._queue.add(WorkKey("class", "", (after or before or {})["metadata"]["name"]))

    def _handle_grant_change(self, before: Object | None, after: Object | None) -> None:
        self._queue.add(*self._list_route_keys())

    def _handle_gateway_change(self, before: Object | None, after: Object | None) -> None:
        meta = (after or before or {})["metadata"]
        self._queue.add(WorkKey("gateway", meta["namespace"], meta["name"]))
        self._queue.add(
            *(key for key in self._list_route_keys() if self._has_parent_gateway(key, meta["name"]))
        )
        self.enqueue_namespace_services(meta["namespace"])

    def _has_parent_gateway(self, route: WorkKey, gateway: str) -> bool:
        live = self._routes.get((route.namespace, route.name))
        return live is not None and any(
            p["name"] == gateway for p in live["spec"].get("parentRefs") or []
        )

    def _handle_route_change(self, before: Object | None, after: Object | None) -> None:
        route = after or before or {}
        meta = route["metadata"]
        self._queue.add(WorkKey("route", meta["namespace"], meta["name"]))
        # A Gateway that the route has left counts one attached route less.
        for parent in (p for r in (before, after) if r for p in r["spec"].get("parentRefs") or ()):
            if parent.get("kind", "Gateway") == "Gateway":
                self._queue.add(
                    WorkKey("gateway", parent.get("namespace", meta["namespace"]), parent["name"])
                )

    def _handle_service_change(self, before: Object | None, after: Object | None) -> None:
        meta = (after or before or {})["metadata"]
        if before is None or after is None:
            self._queue.add(
                *(key for key in self._list_route_keys() if key.namespace == meta["namespace"])
            )
        if self.mesh is not None and self.mesh.identity.ambient:
            self._queue.add(WorkKey("service", meta["namespace"], meta["name"]))
        self._enqueue_owner(before, after)

    def _enqueue_owner(self, before: Object | None, after: Object | None) -> None:
        obj = after or before or {}
        owner = next((o for o in owners_of(obj) if o["kind"] == "Gateway"), None)
        if owner is not None:
            self._queue.add(WorkKey("gateway", obj["metadata"]["namespace"], owner["name"]))

    def _handle_endpoint_slice_change(self, before: Object | None, after: Object | None) -> None:
        piece = after or before or {}
        service = labels_of(piece).get(_SERVICE_LABEL, "")
        owner = self._owners.get((piece["metadata"]["namespace"], service))
        if owner is not None:
            self._queue.add(owner)

    def _list_route_keys(self) -> list[WorkKey]:
        return [WorkKey("route", *key) for key in self._routes.objects]

    # the work

    async def reconcile(self, key: WorkKey) -> None:
        """Reconcile the object of one key that this controller has enqueued."""
        if self.mesh is None:
            return
        match key.work:
            case "class":
                await self._reconcile_class(key.name, self.mesh)
            case "gateway" if self.leads:
                await self._reconcile_gateway(key, self.mesh)
            case "route" if self.leads:
                await self._reconcile_route(key)
            case "service":
                await self._reconcile_service(key, self.mesh)

    async def _reconcile_class(self, name: str, mesh: MeshConfiguration) -> None:
        wanted = get_wanted_classes(mesh.identity).get(name)
        if wanted is None or not self._classes_due:
            return
        live = await self._client.get(CLASSES, name)
        if live is None:
            live = await self._client.create(build_gateway_class(wanted))
        if self.leads:
            for lease in mesh.identity.facts.gateway_leases:
                await claim_lease(
                    self._client, mesh.identity, lease, self._clock.format_timestamp()
                )
            await self._update_status(
                live, build_accepted_status(live, self._clock.format_timestamp())
            )

    async def _reconcile_gateway(self, key: WorkKey, mesh: MeshConfiguration) -> None:
        gateway = self._gateways.get((key.namespace, key.name))
        if gateway is None or "deletionTimestamp" in gateway["metadata"]:
            return
        controller = get_controller(gateway, self._classes.objects, mesh.identity)
        if controller in ("", UNMANAGED_CONTROLLER):
            return
        name = get_deployed_name(gateway, controller)
        self._owners[key.namespace, name] = key
        if not gateway["spec"].get("addresses"):
            await self._annotate_controller_version(gateway, mesh.identity.facts.controller_version)
            for wanted in GatewayRenderer(gateway, controller, mesh).build_objects():
                await self._apply_if_changed(wanted, gateway["metadata"]["uid"])
        waypoint = controller == MESH_CONTROLLER
        backing = await self._read_gateway_state(gateway, name)
        status = build_gateway_status(
            gateway,
            backing,
            self._clock.format_timestamp(),
            waypoint=waypoint,
            hostnames=mesh.identity.facts.waypoint_hostnames,
        )
        await self._update_status(self._gateways.get((key.namespace, key.name)) or gateway, status)

    async def _annotate_controller_version(self, gateway: Object, version: str) -> None:
        meta = gateway["metadata"]
        if not version or (meta.get("annotations") or {}).get(CONTROLLER_VERSION) == version:
            return
        own = {k: meta[k] for k in ("name", "namespace")} | {
            "annotations": {CONTROLLER_VERSION: version}
        }
        await self._deployer.apply(
            {"apiVersion": gateway["apiVersion"], "kind": "Gateway", "metadata": own}
        )

    async def _apply_if_changed(self, wanted: Object, owner: str) -> None:
        """Apply an object that is new, is wanted differently now, or was changed by others."""
        meta = wanted["metadata"]
        informer = {"Service": self._services, "Deployment": self._deployments}.get(
            wanted["kind"], self._accounts
        )
        live = informer.get((meta["namespace"], meta["name"]))
        place = (wanted["kind"], meta["namespace"], meta["name"])
        if (
            live is not None
            and self._applied.get(place) == wanted
            and _has_wanted_fields(live, wanted)
        ):
            return
        await self._deployer.apply(wanted)
        self._applied[place] = wanted

    async def _read_gateway_state(self, gateway: Object, name: str) -> GatewayState:
        namespace = gateway["metadata"]["namespace"]
        host = f"{name}.{namespace}.svc.cluster.local"
        for address in gateway["spec"].get("addresses") or []:
            host = address["value"]
            name, namespace = (host.split(".") + [namespace])[:2]
        backing = GatewayState(
            host, self._services.get((namespace, name)), self._has_ready_endpoint(name, namespace)
        )
        backing.attached = count_attached_routes(
            gateway, self._routes.objects, self._build_route_context()
        )
        for listener in gateway["spec"].get("listeners") or []:
            missing = await self._find_missing_secret(listener, gateway["metadata"]["namespace"])
            if missing:
                backing.missing_secrets[listener["name"]] = missing
        return backing

    async def _find_missing_secret(self, listener: Object, namespace: str) -> str:
        for ref in (listener.get("tls") or {}).get("certificateRefs") or []:
            place = ref.get("namespace", namespace)
            if await self._client.get(SECRETS, ref["name"], place) is None:
                secret = f"{place}/{ref['name']}"
                return (
                    f"invalid certificate reference /Secret/{ref['name']}., secret {secret} not "
                    f"found"
                )
        return ""

    def _has_ready_endpoint(self, service: str, namespace: str) -> bool:
        return any(
            (endpoint.get("conditions") or {}).get("ready")
            for piece in self._slices.list_by_index("namespace", namespace)
            if labels_of(piece).get(_SERVICE_LABEL) == service
            for endpoint in piece.get("endpoints") or []
        )

    async def _reconcile_route(self, key: WorkKey) -> None:
        route = self._routes.get((key.namespace, key.name))
        if route is not None:
            await self._update_status(
                route,
                build_route_status(
                    route, self._build_route_context(), self._clock.format_timestamp()
                ),
            )

    def _build_route_context(self) -> RouteContext:
        mesh = self.mesh
        assert mesh is not None
        return RouteContext(
            gateways=self._gateways.objects,
            services=self._services.objects,
            namespaces=self._namespaces.objects,
            grants=self._grants.objects,
            ours=lambda gateway: bool(
                get_controller(gateway, self._classes.objects, mesh.identity)
            ),
            waypoints=mesh.identity.ambient and mesh.identity.facts.waypoint_conditions,
        )

    async def _reconcile_service(self, key: WorkKey, mesh: MeshConfiguration) -> None:
        service = self._services.get((key.namespace, key.name))
        tells = mesh.identity.ambient and mesh.identity.facts.waypoint_conditions
        if service is None or not tells:
            return
        waypoint = services.find_waypoint(service, self._namespaces.get(("", key.namespace)))
        gateway = self._gateways.get(waypoint) if waypoint else None
        patch = services.build_bound_patch(
            service, waypoint, gateway, self._clock.format_timestamp()
        )
        if patch is not None:
            await self._services_writer.apply(patch, subresource="status")

    async def _update_status(self, live: Object, status: Object) -> None:
        if (live.get("status") or {}) == status:
            return
        try:
            await self._client.update({**live, "status": status}, subresource="status")
        except ApiError as refusal:
            if refusal.code != 404:
                raise


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
