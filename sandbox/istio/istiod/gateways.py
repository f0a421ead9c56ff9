"""istiod's controllers of the Gateway API.

They keep the GatewayClasses, the objects that Gateways are deployed as, and the
status of Gateways, HTTPRoutes and Services.
"""

from __future__ import annotations

from sandbox.clock import Clock
from sandbox.cluster.contract import ApiError, Client, Object
from sandbox.cluster.machinery.informer import Informer
from sandbox.cluster.machinery.served_types import ServedTypes
from sandbox.cluster.machinery.work_queue import WorkQueue
from sandbox.istio.istiod import services
from sandbox.istio.istiod.certificates import find_certificate_problem
from sandbox.istio.istiod.gateway_classes import (
    CLASSES,
    GATEWAY_CONTROLLER,
    MESH_CONTROLLER,
    UNMANAGED_CONTROLLER,
    build_accepted_status,
    build_gateway_class,
    get_controller,
    get_wanted_classes,
)
from sandbox.istio.istiod.gateway_deployer import GatewayDeployer
from sandbox.istio.istiod.gateway_objects import get_deployed_name
from sandbox.istio.istiod.gateway_status import GatewayState, build_gateway_status
from sandbox.istio.istiod.gateway_watches import GatewayWatches
from sandbox.istio.istiod.leader_election import claim_lease
from sandbox.istio.istiod.mesh_configuration import IstiodIdentity, MeshConfiguration
from sandbox.istio.istiod.routes import RouteContext, build_route_status, count_attached_routes
from sandbox.istio.istiod.work import WorkKey


class GatewayController:
    """Reconciles Gateways, HTTPRoutes, GatewayClasses and Services.

    Keys come to `reconcile` from the istiod's work queue.
    """

    def __init__(
        self,
        me: IstiodIdentity,
        client: Client,
        clock: Clock,
        queue: WorkQueue[WorkKey],
        served: ServedTypes,
        namespaces: Informer,
    ) -> None:
        self._client = client.acting_as("pilot-discovery")
        self._services_writer = client.acting_as(services.MANAGER)
        self._clock, self._queue, self._served = clock, queue, served
        self._namespaces = namespaces
        self.watches = GatewayWatches(self._client, queue, ambient=me.ambient)
        self._deployer = GatewayDeployer(client.acting_as(GATEWAY_CONTROLLER), self.watches)
        self.mesh: MeshConfiguration | None = None
        self.leads = False
        self._classes_due = False

    async def watch_gateway_api(self) -> None:
        """Follow whether the Gateway API is installed, without end.

        Some time after its CRDs are served, the GatewayClasses are created.
        """
        while True:
            # Only then can they be created; the keys that come before are dropped.
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
        self.watches.enqueue_all()

    async def reconcile(self, key: WorkKey) -> None:
        """Reconcile the object of one key that this controller has enqueued."""
        if self.mesh is None:
            return
        match key.work:
            case "class":
                await self._reconcile_class(key.name, self.mesh)
            # One istiod writes these; what the others drop, the leader enqueues when it begins to
            # lead.
            case "gateway" if self.leads:
                await self._reconcile_gateway(key, self.mesh)
            case "HTTPRoute" | "GRPCRoute" | "TLSRoute" if self.leads:
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
        gateway = self.watches.gateways.get((key.namespace, key.name))
        if gateway is None or "deletionTimestamp" in gateway["metadata"]:
            return
        controller = get_controller(gateway, self.watches.classes.objects, mesh.identity)
        if controller in ("", UNMANAGED_CONTROLLER):
            return
        name = get_deployed_name(gateway, controller)
        self.watches.owners[key.namespace, name] = key
        # A Gateway with addresses names a Service that somebody else has deployed.
        if not gateway["spec"].get("addresses"):
            await self._deployer.deploy(gateway, controller, mesh)
        waypoint = controller == MESH_CONTROLLER
        backing = await self._read_gateway_state(gateway, name)
        status = build_gateway_status(
            gateway,
            backing,
            self._clock.format_timestamp(),
            waypoint=waypoint,
            facts=mesh.identity.facts,
        )
        # Read again: deploying may have written to the Gateway, and an update with the old
        # resourceVersion would conflict.
        await self._update_status(
            self.watches.gateways.get((key.namespace, key.name)) or gateway, status
        )

    async def _read_gateway_state(self, gateway: Object, name: str) -> GatewayState:
        namespace = gateway["metadata"]["namespace"]
        host = f"{name}.{namespace}.svc.cluster.local"
        for address in gateway["spec"].get("addresses") or []:
            host = address["value"]
            name, namespace = (host.split(".") + [namespace])[:2]
        backing = GatewayState(
            host,
            self.watches.services.get((namespace, name)),
            self.watches.has_served(name, namespace),
        )
        backing.attached = count_attached_routes(
            gateway, self.watches.routes.list_routes(), self._build_route_context()
        )
        for listener in gateway["spec"].get("listeners") or []:
            missing = await find_certificate_problem(
                self._client,
                listener,
                gateway["metadata"]["namespace"],
                self.watches.grants.objects.values(),
            )
            if missing:
                backing.missing_secrets[listener["name"]] = missing
        return backing

    async def _reconcile_route(self, key: WorkKey) -> None:
        route = self.watches.routes.find(key)
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
            gateways=self.watches.gateways.objects,
            services=self.watches.services.objects,
            namespaces=self._namespaces.objects,
            grants=self.watches.grants.objects,
            ours=lambda gateway: bool(
                get_controller(gateway, self.watches.classes.objects, mesh.identity)
            ),
            waypoints=mesh.identity.ambient and mesh.identity.facts.waypoint_conditions,
        )

    async def _reconcile_service(self, key: WorkKey, mesh: MeshConfiguration) -> None:
        service = self.watches.services.get((key.namespace, key.name))
        tells = mesh.identity.ambient and mesh.identity.facts.waypoint_conditions
        if service is None or not tells:
            return
        around = services.WaypointSurroundings(
            self.watches.gateways.objects, self.watches.classes.objects, self._namespaces.objects
        )
        wanted = services.build_bound_condition(service, around)
        patch = services.build_bound_patch(service, wanted, self._clock.format_timestamp())
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
