"""istiod's controllers of the Gateway API: classes, what Gateways make, status of Gateways, routes and Services."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.sandbox.clock import Clock
from bot.sandbox.cluster.contract import ApiError, Client, Event, Object, Ref
from bot.sandbox.istio import istiod_services
from bot.sandbox.istio.istiod_classes import (
    CLASSES,
    GATEWAY_CONTROLLER,
    GROUP,
    MESH_CONTROLLER,
    UNMANAGED_CONTROLLER,
    accepted,
    class_object,
    controller_of,
    wanted_classes,
)
from bot.sandbox.istio.istiod_election import claim_lease
from bot.sandbox.istio.istiod_gateway_objects import CONTROLLER_VERSION, Rendering, deployed_name
from bot.sandbox.istio.istiod_gateway_status import Backing, gateway_status
from bot.sandbox.istio.istiod_mesh import Mesh
from bot.sandbox.istio.istiod_routes import World, attached_routes, route_status
from bot.sandbox.istio.istiod_watch import Key, Mirror, Served, WorkQueue

GATEWAYS = Ref(GROUP, "gateways")
ROUTES = Ref(GROUP, "httproutes")
GRANTS = Ref(GROUP, "referencegrants")
SECRETS = Ref("", "secrets")
_GATEWAY_LABEL = "gateway.networking.k8s.io/gateway-name"
_OWNED = {
    "ServiceAccount": Ref("", "serviceaccounts"),
    "Deployment": Ref("apps", "deployments"),
    "Service": Ref("", "services"),
}


class GatewayController:
    """Keeps what follows from Gateways and HTTPRoutes; the work itself comes to `handle` from the istiod's queue."""

    def __init__(self, client: Client, clock: Clock, queue: WorkQueue, served: Served, namespaces: Mirror) -> None:
        self._client = client.acting_as("pilot-discovery")
        self._deployer = client.acting_as(GATEWAY_CONTROLLER)
        self._services_writer = client.acting_as(istiod_services.MANAGER)
        self._clock, self._queue, self._served = clock, queue, served
        self._namespaces = namespaces
        self.mesh: Mesh | None = None
        self.leads = False
        self._classes_due = False
        self._applied: dict[tuple[str, str, str], Object] = {}
        self._classes = Mirror(CLASSES, self._class_changed)
        self._gateways = Mirror(GATEWAYS, self._gateway_changed)
        self._routes = Mirror(ROUTES, self._route_changed)
        self._grants = Mirror(GRANTS, lambda _: self._queue.add(*self._all_routes()))
        self._services = Mirror(_OWNED["Service"], self._service_changed)
        self._deployments = Mirror(_OWNED["Deployment"], self._owned_changed)
        self._accounts = Mirror(_OWNED["ServiceAccount"], self._owned_changed)
        self._slices = Mirror(Ref("discovery.k8s.io", "endpointslices"), self._slice_changed)
        self._owners: dict[tuple[str, str], Key] = {}

    def following(self) -> Iterator[tuple[Any, str]]:
        """The mirrors to keep right, each with its name."""
        for mirror in (self._services, self._deployments, self._accounts, self._slices):
            yield mirror.follow(self._client, self._clock), mirror.ref.plural
        for mirror in (self._classes, self._gateways, self._routes, self._grants):
            yield mirror.follow(self._client, self._clock, self._served), mirror.ref.plural
        yield self.begin_with_classes(), "classes"

    async def begin_with_classes(self) -> None:
        """Follows the coming and going of the Gateway API: some time after it is there, its classes are made."""
        while True:
            await self._served.wait(CLASSES)
            if self.mesh is not None:
                await self._clock.sleep(self.mesh.identity.facts.class_delay_seconds)
            self._classes_due = True
            self.everything()
            await self._served.wait(CLASSES, away=True)
            self._classes_due = False

    def everything(self) -> None:
        """Asks for all of it to be looked at again: the mesh configuration or the leader has changed."""
        if self.mesh is not None and self._classes_due:
            self._queue.add(*(Key("class", "", name) for name in wanted_classes(self.mesh.identity)))
        self._queue.add(*(Key("gateway", *key) for key in self._gateways.objects))
        self._queue.add(*self._all_routes())
        self._queue.add(*(Key("service", *key) for key in self._services.objects))

    def namespace_changed(self, name: str) -> None:
        """A namespace's labels decide which waypoint its Services use."""
        if self.mesh is not None and self.mesh.identity.ambient:
            self._queue.add(*(Key("service", *key) for key in self._services.objects if key[0] == name))

    # what changes lead to

    def _class_changed(self, event: Event) -> None:
        self._queue.add(Key("class", "", event.object["metadata"]["name"]))

    def _gateway_changed(self, event: Event) -> None:
        meta = event.object["metadata"]
        self._queue.add(Key("gateway", meta["namespace"], meta["name"]))
        self._queue.add(*(key for key in self._all_routes() if self._refers(key, meta["name"])))
        self.namespace_changed(meta["namespace"])

    def _refers(self, route: Key, gateway: str) -> bool:
        live = self._routes.get(route.name, route.namespace)
        return live is not None and any(p["name"] == gateway for p in live["spec"].get("parentRefs") or [])

    def _route_changed(self, event: Event) -> None:
        meta = event.object["metadata"]
        self._queue.add(Key("route", meta["namespace"], meta["name"]))
        for parent in event.object["spec"].get("parentRefs") or []:
            if parent.get("kind", "Gateway") == "Gateway":
                self._queue.add(Key("gateway", parent.get("namespace", meta["namespace"]), parent["name"]))

    def _service_changed(self, event: Event) -> None:
        meta = event.object["metadata"]
        if event.type != "MODIFIED":
            self._queue.add(*(key for key in self._all_routes() if key.namespace == meta["namespace"]))
        if self.mesh is not None and self.mesh.identity.ambient:
            self._queue.add(Key("service", meta["namespace"], meta["name"]))
        self._owned_changed(event)

    def _owned_changed(self, event: Event) -> None:
        meta = event.object["metadata"]
        owner = next((o for o in meta.get("ownerReferences") or [] if o["kind"] == "Gateway"), None)
        if owner is not None:
            self._queue.add(Key("gateway", meta["namespace"], owner["name"]))

    def _slice_changed(self, event: Event) -> None:
        meta = event.object["metadata"]
        service = (meta.get("labels") or {}).get("kubernetes.io/service-name", "")
        owner = self._owners.get((meta["namespace"], service))
        if owner is not None:
            self._queue.add(owner)

    def _all_routes(self) -> list[Key]:
        return [Key("route", *key) for key in self._routes.objects]

    # the work

    async def handle(self, key: Key) -> None:
        """Does one piece of work that this controller has asked for."""
        if self.mesh is None:
            return
        match key.work:
            case "class":
                await self._keep_class(key.name, self.mesh)
            case "gateway" if self.leads:
                await self._keep_gateway(key, self.mesh)
            case "route" if self.leads:
                await self._keep_route(key)
            case "service":
                await self._keep_service(key, self.mesh)

    async def _keep_class(self, name: str, mesh: Mesh) -> None:
        wanted = wanted_classes(mesh.identity).get(name)
        if wanted is None or not self._classes_due:
            return
        live = await self._client.get(CLASSES, name)
        if live is None:
            live = await self._client.create(class_object(wanted))
        if self.leads:
            for lease in mesh.identity.facts.gateway_leases:
                await claim_lease(self._client, mesh.identity, lease, self._clock.stamp())
            await self._write_status(live, accepted(live, self._clock.stamp()))

    async def _keep_gateway(self, key: Key, mesh: Mesh) -> None:
        gateway = self._gateways.get(key.name, key.namespace)
        if gateway is None or "deletionTimestamp" in gateway["metadata"]:
            return
        controller = controller_of(gateway, self._classes.objects, mesh.identity)
        if controller in ("", UNMANAGED_CONTROLLER):
            return
        name = deployed_name(gateway, controller)
        self._owners[key.namespace, name] = key
        if not gateway["spec"].get("addresses"):
            await self._mark(gateway, mesh.identity.facts.controller_version)
            for wanted in Rendering(gateway, controller, mesh).objects():
                await self._apply(wanted, gateway["metadata"]["uid"])
        waypoint = controller == MESH_CONTROLLER
        backing = await self._backing(gateway, name)
        status = gateway_status(
            gateway,
            backing,
            self._clock.stamp(),
            waypoint=waypoint,
            hostnames=mesh.identity.facts.waypoint_hostnames,
        )
        await self._write_status(self._gateways.get(key.name, key.namespace) or gateway, status)

    async def _mark(self, gateway: Object, version: str) -> None:
        meta = gateway["metadata"]
        if not version or (meta.get("annotations") or {}).get(CONTROLLER_VERSION) == version:
            return
        own = {k: meta[k] for k in ("name", "namespace")} | {"annotations": {CONTROLLER_VERSION: version}}
        await self._deployer.apply({"apiVersion": gateway["apiVersion"], "kind": "Gateway", "metadata": own})

    async def _apply(self, wanted: Object, owner: str) -> None:
        """Applies an object where it is new, where what is wanted has changed, or where somebody has changed it."""
        meta = wanted["metadata"]
        mirror = {"Service": self._services, "Deployment": self._deployments}.get(wanted["kind"], self._accounts)
        live = mirror.get(meta["name"], meta["namespace"])
        place = (wanted["kind"], meta["namespace"], meta["name"])
        if live is not None and self._applied.get(place) == wanted and _covers(live, wanted):
            return
        await self._deployer.apply(wanted)
        self._applied[place] = wanted

    async def _backing(self, gateway: Object, name: str) -> Backing:
        namespace = gateway["metadata"]["namespace"]
        host = f"{name}.{namespace}.svc.cluster.local"
        for address in gateway["spec"].get("addresses") or []:
            host = address["value"]
            name, namespace = (host.split(".") + [namespace])[:2]
        backing = Backing(host, self._services.get(name, namespace), self._has_ready(name, namespace))
        backing.attached = attached_routes(gateway, self._routes.objects, self._world())
        for listener in gateway["spec"].get("listeners") or []:
            missing = await self._missing_secret(listener, gateway["metadata"]["namespace"])
            if missing:
                backing.missing_secrets[listener["name"]] = missing
        return backing

    async def _missing_secret(self, listener: Object, namespace: str) -> str:
        for ref in (listener.get("tls") or {}).get("certificateRefs") or []:
            place = ref.get("namespace", namespace)
            if await self._client.get(SECRETS, ref["name"], place) is None:
                secret = f"{place}/{ref['name']}"
                return f"invalid certificate reference /Secret/{ref['name']}., secret {secret} not found"
        return ""

    def _has_ready(self, service: str, namespace: str) -> bool:
        return any(
            (endpoint.get("conditions") or {}).get("ready")
            for (place, _), piece in self._slices.objects.items()
            if place == namespace
            and (piece["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == service
            for endpoint in piece.get("endpoints") or []
        )

    async def _keep_route(self, key: Key) -> None:
        route = self._routes.get(key.name, key.namespace)
        if route is not None:
            await self._write_status(route, route_status(route, self._world(), self._clock.stamp()))

    def _world(self) -> World:
        mesh = self.mesh
        assert mesh is not None
        return World(
            gateways=self._gateways.objects,
            services=self._services.objects,
            namespaces=self._namespaces.objects,
            grants=self._grants.objects,
            ours=lambda gateway: bool(controller_of(gateway, self._classes.objects, mesh.identity)),
            waypoints=mesh.identity.ambient and mesh.identity.facts.waypoint_conditions,
        )

    async def _keep_service(self, key: Key, mesh: Mesh) -> None:
        service = self._services.get(key.name, key.namespace)
        tells = mesh.identity.ambient and mesh.identity.facts.waypoint_conditions
        if service is None or not tells:
            return
        waypoint = istiod_services.waypoint_of(service, self._namespaces.get(key.namespace))
        gateway = self._gateways.get(waypoint[1], waypoint[0]) if waypoint else None
        patch = istiod_services.bound_patch(service, waypoint, gateway, self._clock.stamp())
        if patch is not None:
            await self._services_writer.apply(patch, subresource="status")

    async def _write_status(self, live: Object, status: Object) -> None:
        if (live.get("status") or {}) == status:
            return
        try:
            await self._client.update({**live, "status": status}, subresource="status")
        except ApiError as refusal:
            if refusal.code != 404:
                raise


def _covers(live: Any, wanted: Any) -> bool:
    """Whether an object holds all that is wanted of it, whatever else the API server has added."""
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(k in live and _covers(live[k], v) for k, v in wanted.items())
    if isinstance(wanted, list):
        same = isinstance(live, list) and len(live) == len(wanted)
        return same and all(_covers(a, b) for a, b in zip(live, wanted, strict=True))
    return bool(live == wanted)
