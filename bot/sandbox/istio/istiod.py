"""istiod, played: what it writes into a cluster while it runs, and what its webhooks answer."""

from __future__ import annotations

import json

from bot.sandbox.clock import Clock
from bot.sandbox.cluster.contract import Client, Event, Object, Ref, Request, Response
from bot.sandbox.istio import injection, validation
from bot.sandbox.istio.gateways import GatewayController
from bot.sandbox.istio.istiod_election import LEASE_SECONDS, Claims
from bot.sandbox.istio.istiod_mesh import Identity, Mesh, identity_of, mesh_of
from bot.sandbox.istio.istiod_namespaces import (
    CONFIGMAPS,
    NAMESPACES,
    certificate_authority,
    keep_map,
    takes_maps,
    wanted_maps,
)
from bot.sandbox.istio.istiod_watch import CRDS, Key, Mirror, Served, Tasks, WorkQueue
from bot.sandbox.istio.istiod_webhooks import INJECTORS, VALIDATORS, finish_injector, finish_validator, is_ours

MANAGER = "pilot-discovery"
"""The field manager of istiod's own writes."""
_PODS = Ref("", "pods")
_NODES = Ref("", "nodes")
_MESH_MAPS = ("istio", "istio-sidecar-injector")
_READY_PAUSE = 0.5
"""Simulated seconds between two looks at whether this pod is Ready yet."""


class Istiod:
    """The program that runs in pods labelled `app=istiod`; the release is that of the container's image."""

    def __init__(self, clock: Clock, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self._clock = clock
        self._claims = Claims(clock, lease_seconds)

    def runs_in(self, pod: Object) -> bool:
        """Whether a pod is an istiod's."""
        return bool((pod["metadata"].get("labels") or {}).get("app") == "istiod")

    async def start(self, pod: Object, client: Client) -> RunningIstiod:
        """Reads the configuration and begins to work; returns when the webhooks can be answered."""
        running = RunningIstiod(identity_of(pod), client, self._clock, self._claims)
        await running.begin()
        return running


class RunningIstiod:
    """One istiod in one pod."""

    def __init__(self, me: Identity, client: Client, clock: Clock, claims: Claims) -> None:
        self.me = me
        self._client = client.acting_as(MANAGER)
        self._clock, self._claims = clock, claims
        self._queue = WorkQueue(clock)
        self._tasks = Tasks()
        self._served = Served()
        self._root = ""
        self._leads = False
        self._serving = False
        self._stopped = False
        self._mesh = Mesh(me)
        self._namespaces = Mirror(NAMESPACES, self._namespace_changed)
        self._maps = Mirror(CONFIGMAPS, self._map_changed)
        self._injectors = Mirror(INJECTORS, self._injector_changed)
        self._validators = Mirror(VALIDATORS, self._validator_changed)
        self._gateways = GatewayController(client, clock, self._queue, self._served, self._namespaces)

    async def begin(self) -> None:
        """Makes or reads the certificate authority and the mesh configuration, then starts the background work."""
        self._claims.alive(self.me.pod)
        self._root = await certificate_authority(self._client, self.me)
        maps = [await self._client.get(CONFIGMAPS, name, self.me.namespace) for name in _MESH_MAPS]
        self._gateways.mesh = self._mesh = mesh_of(self.me, maps[0], maps[1])
        crds = Mirror(CRDS, self._served.changed)
        for mirror in (crds, self._namespaces, self._maps, self._injectors, self._validators):
            self._tasks.start(mirror.follow(self._client, self._clock), f"istiod: {mirror.ref.plural}")
        for work, name in self._gateways.following():
            self._tasks.start(work, f"istiod: {name}")
        self._tasks.start(self._queue.run(self._handle), "istiod: queue")
        self._tasks.start(self._lead(), "istiod: election")
        self._tasks.start(self._notice_ready(), "istiod: readiness")

    async def stop(self) -> None:
        """Ends all background work; the claim to lead runs out from now on."""
        self._stopped = True
        self._claims.ended(self.me.pod)
        await self._tasks.stop()
        await self._queue.close()

    # over the network

    async def handle(self, port: int, request: Request) -> Response | None:
        """The ports of an istiod: webhooks on 15017, readiness on 8080, version and metrics on 15014."""
        if self._stopped:
            return None
        match port:
            case 15017:
                return await self._webhook(request)
            case 8080:
                return Response(200) if request.path == "/ready" else Response(404)
            case 15014:
                return self._monitoring(request)
            case _:
                return None

    async def _webhook(self, request: Request) -> Response:
        if request.path.startswith("/inject"):
            nodes = await self._client.list(_NODES)
            kubelets = [n.get("status", {}).get("nodeInfo", {}).get("kubeletVersion", "v1.0.0") for n in nodes]
            return _json(injection.review(request.body, self._mesh, kubelets))
        if request.path.startswith("/validate"):
            return _json(validation.review(request.body))
        return Response(404, b"404 page not found\n")

    def _monitoring(self, request: Request) -> Response:
        version = self.me.version
        if request.path == "/version":
            return Response(200, f"{version}-unknown-Clean".encode())
        if request.path == "/metrics":
            text = f'# TYPE istio_build gauge\nistio_build{{component="pilot",tag="{version}"}} 1\n'
            return Response(200, text.encode(), {"Content-Type": "text/plain; version=0.0.4"})
        return Response(404, b"404 page not found\n")

    # in the background

    async def _lead(self) -> None:
        await self._claims.lead(self._client, self.me)
        self._leads = self._gateways.leads = True
        self._queue.add(*(Key("namespace", "", name) for _, name in self._namespaces.objects))
        self._gateways.everything()

    async def _notice_ready(self) -> None:
        while not self._serving:
            await self._clock.sleep(_READY_PAUSE)
            pod = await self._client.get(_PODS, self.me.pod, self.me.namespace)
            conditions = (pod or {}).get("status", {}).get("conditions") or []
            self._serving = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
        self._queue.add(*(Key("validator", "", name) for _, name in self._validators.objects))

    def _namespace_changed(self, event: Event) -> None:
        name = event.object["metadata"]["name"]
        if event.type != "DELETED":
            self._queue.add(Key("namespace", "", name))
        self._gateways.namespace_changed(name)

    def _map_changed(self, event: Event) -> None:
        meta = event.object["metadata"]
        if meta["namespace"] == self.me.namespace and meta["name"] in _MESH_MAPS:
            self._queue.add(Key("mesh"))
        if meta["name"] in wanted_maps(self.me, self._root):
            self._queue.add(Key("namespace", "", meta["namespace"]))

    def _injector_changed(self, event: Event) -> None:
        self._queue.add(Key("injector", "", event.object["metadata"]["name"]))

    def _validator_changed(self, event: Event) -> None:
        self._queue.add(Key("validator", "", event.object["metadata"]["name"]))

    async def _handle(self, key: Key) -> None:
        match key.work:
            case "namespace":
                await self._keep_namespace(key.name)
            case "mesh":
                self._read_mesh()
            case "injector" | "validator":
                await self._keep_webhook(key)
            case _:
                await self._gateways.handle(key)

    async def _keep_namespace(self, name: str) -> None:
        namespace = self._namespaces.get(name)
        if not self._leads or namespace is None or not takes_maps(namespace):
            return
        for map_name, data in wanted_maps(self.me, self._root).items():
            await keep_map(self._client, self._maps.get(map_name, name), map_name, name, data)

    def _read_mesh(self) -> None:
        mesh, injector = (self._maps.get(name, self.me.namespace) for name in _MESH_MAPS)
        if mesh is None and not self.me.facts.default_mesh_when_gone:
            return
        before, fresh = self._mesh, mesh_of(self.me, mesh, injector)
        if injector is None:
            fresh = Mesh(self.me, fresh.config, before.values)
        if fresh != before:
            self._gateways.mesh = self._mesh = fresh
            self._gateways.everything()

    async def _keep_webhook(self, key: Key) -> None:
        mirror = self._injectors if key.work == "injector" else self._validators
        configuration = mirror.get(key.name)
        if configuration is None or not is_ours(configuration, self.me):
            return
        if key.work == "injector":
            await finish_injector(self._client, configuration, self._root)
        else:
            await finish_validator(self._client, configuration, self._root, serving=self._serving)


def _json(body: Object) -> Response:
    return Response(200, json.dumps(body).encode(), {"Content-Type": "application/json"})
