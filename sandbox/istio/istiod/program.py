"""A simulated istiod: its writes to the cluster while it runs, and its webhooks' answers."""

from __future__ import annotations

import json

from sandbox.clock import Clock
from sandbox.cluster.contract import Client, Object, Ref, Request, Response, WatchEvent
from sandbox.istio.istiod import injection
from sandbox.istio.istiod.gateways import GatewayController
from sandbox.istio.istiod.leader_election import LEASE_SECONDS, LeaderElection
from sandbox.istio.istiod.mesh_configuration import (
    IstiodIdentity,
    MeshConfiguration,
    read_identity,
    read_mesh_configuration,
)
from sandbox.istio.istiod.namespaces import (
    CONFIGMAPS,
    NAMESPACES,
    build_config_maps,
    ensure_root_certificate,
    needs_config_maps,
    reconcile_config_map,
)
from sandbox.istio.istiod.watch import (
    CRDS,
    BackgroundTasks,
    ResourceMirror,
    ServedTypes,
    WorkKey,
    WorkQueue,
)
from sandbox.istio.istiod.webhooks import (
    INJECTORS,
    VALIDATORS,
    is_own_revision,
    patch_injector,
    patch_validator,
)
from sandbox.istio.validation import webhook

MANAGER = "pilot-discovery"
"""The field manager of istiod's own writes."""
_PODS = Ref("", "pods")
_NODES = Ref("", "nodes")
_MESH_MAPS = ("istio", "istio-sidecar-injector")
_READY_PAUSE = 0.5
"""Simulated seconds between two looks at whether this pod is Ready yet."""


class Istiod:
    """The program that runs in pods labelled `app=istiod`; the release is that of the container's
    image."""

    def __init__(self, clock: Clock, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self._clock = clock
        self._claims = LeaderElection(clock, lease_seconds)

    def runs_in(self, pod: Object) -> bool:
        """Tell whether the pod is an istiod."""
        return bool((pod["metadata"].get("labels") or {}).get("app") == "istiod")

    async def start(self, pod: Object, client: Client) -> RunningIstiod:
        """Read the configuration and start to work; return once webhooks can be answered."""
        running = RunningIstiod(read_identity(pod), client, self._clock, self._claims)
        await running.start_background_tasks()
        return running


class RunningIstiod:
    """One istiod in one pod."""

    def __init__(
        self, me: IstiodIdentity, client: Client, clock: Clock, claims: LeaderElection
    ) -> None:
        self.me = me
        self._client = client.acting_as(MANAGER)
        self._clock, self._claims = clock, claims
        self._queue = WorkQueue(clock)
        self._tasks = BackgroundTasks()
        self._served = ServedTypes()
        self._root = ""
        self._leads = False
        self._serving = False
        self._stopped = False
        self._mesh = MeshConfiguration(me)
        self._namespaces = ResourceMirror(NAMESPACES, self._handle_namespace_event)
        self._maps = ResourceMirror(CONFIGMAPS, self._handle_config_map_event)
        self._injectors = ResourceMirror(INJECTORS, self._handle_injector_event)
        self._validators = ResourceMirror(VALIDATORS, self._handle_validator_event)
        self._gateways = GatewayController(
            client, clock, self._queue, self._served, self._namespaces
        )

    async def start_background_tasks(self) -> None:
        """Create or read the certificate authority, read the mesh configuration, start the work."""
        self._claims.mark_started(self.me.pod)
        self._root = await ensure_root_certificate(self._client, self.me)
        maps = [await self._client.get(CONFIGMAPS, name, self.me.namespace) for name in _MESH_MAPS]
        self._gateways.mesh = self._mesh = read_mesh_configuration(self.me, maps[0], maps[1])
        crds = ResourceMirror(CRDS, self._served.apply_crd_event)
        for mirror in (crds, self._namespaces, self._maps, self._injectors, self._validators):
            self._tasks.start(
                mirror.run_watch(self._client, self._clock), f"istiod: {mirror.ref.plural}"
            )
        for work, name in self._gateways.create_watch_coroutines():
            self._tasks.start(work, f"istiod: {name}")
        self._tasks.start(self._queue.run(self._reconcile_key), "istiod: queue")
        self._tasks.start(self._run_election(), "istiod: election")
        self._tasks.start(self._wait_until_ready(), "istiod: readiness")

    async def stop(self) -> None:
        """Stop all background work; the leader claim starts to expire."""
        self._stopped = True
        self._claims.mark_ended(self.me.pod)
        await self._tasks.stop()
        await self._queue.close()

    # over the network

    async def handle(self, port: int, request: Request) -> Response | None:
        """Answer on istiod's ports: webhooks 15017, readiness 8080, version and metrics 15014.

        Return None on other ports and once the istiod was stopped.
        """
        if self._stopped:
            return None
        match port:
            case 15017:
                return await self._answer_webhook(request)
            case 8080:
                return Response(200) if request.path == "/ready" else Response(404)
            case 15014:
                return self._answer_monitoring(request)
            case _:
                return None

    async def _answer_webhook(self, request: Request) -> Response:
        if request.path.startswith("/inject"):
            nodes = await self._client.list(_NODES)
            kubelets = [
                n.get("status", {}).get("nodeInfo", {}).get("kubeletVersion", "v1.0.0")
                for n in nodes
            ]
            return _build_json_response(
                injection.answer_injection_review(request.body, self._mesh, kubelets)
            )
        if request.path.startswith("/validate"):
            return _build_json_response(webhook.answer_validation_review(request.body))
        return Response(404, b"404 page not found\n")

    def _answer_monitoring(self, request: Request) -> Response:
        version = self.me.version
        if request.path == "/version":
            return Response(200, f"{version}-unknown-Clean".encode())
        if request.path == "/metrics":
            text = f'# TYPE istio_build gauge\nistio_build{{component="pilot",tag="{version}"}} 1\n'
            return Response(200, text.encode(), {"Content-Type": "text/plain; version=0.0.4"})
        return Response(404, b"404 page not found\n")

    # in the background

    async def _run_election(self) -> None:
        await self._claims.wait_for_leadership(self._client, self.me)
        self._leads = self._gateways.leads = True
        self._queue.add(*(WorkKey("namespace", "", name) for _, name in self._namespaces.objects))
        self._gateways.enqueue_all()

    async def _wait_until_ready(self) -> None:
        while not self._serving:
            await self._clock.sleep(_READY_PAUSE)
            pod = await self._client.get(_PODS, self.me.pod, self.me.namespace)
            conditions = (pod or {}).get("status", {}).get("conditions") or []
            self._serving = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
        self._queue.add(*(WorkKey("validator", "", name) for _, name in self._validators.objects))

    def _handle_namespace_event(self, event: WatchEvent) -> None:
        name = event.object["metadata"]["name"]
        if event.type != "DELETED":
            self._queue.add(WorkKey("namespace", "", name))
        self._gateways.enqueue_namespace_services(name)

    def _handle_config_map_event(self, event: WatchEvent) -> None:
        meta = event.object["metadata"]
        if meta["namespace"] == self.me.namespace and meta["name"] in _MESH_MAPS:
            self._queue.add(WorkKey("mesh"))
        if meta["name"] in build_config_maps(self.me, self._root):
            self._queue.add(WorkKey("namespace", "", meta["namespace"]))

    def _handle_injector_event(self, event: WatchEvent) -> None:
        self._queue.add(WorkKey("injector", "", event.object["metadata"]["name"]))

    def _handle_validator_event(self, event: WatchEvent) -> None:
        self._queue.add(WorkKey("validator", "", event.object["metadata"]["name"]))

    async def _reconcile_key(self, key: WorkKey) -> None:
        match key.work:
            case "namespace":
                await self._reconcile_namespace(key.name)
            case "mesh":
                self._reload_mesh_config()
            case "injector" | "validator":
                await self._reconcile_webhook(key)
            case _:
                await self._gateways.reconcile(key)

    async def _reconcile_namespace(self, name: str) -> None:
        namespace = self._namespaces.get(name)
        if not self._leads or namespace is None or not needs_config_maps(namespace):
            return
        for map_name, data in build_config_maps(self.me, self._root).items():
            await reconcile_config_map(
                self._client, self._maps.get(map_name, name), map_name, name, data
            )

    def _reload_mesh_config(self) -> None:
        mesh, injector = (self._maps.get(name, self.me.namespace) for name in _MESH_MAPS)
        if mesh is None and not self.me.facts.default_mesh_when_gone:
            return
        before, fresh = self._mesh, read_mesh_configuration(self.me, mesh, injector)
        if injector is None:
            fresh = MeshConfiguration(self.me, fresh.config, before.values)
        if fresh != before:
            self._gateways.mesh = self._mesh = fresh
            self._gateways.enqueue_all()

    async def _reconcile_webhook(self, key: WorkKey) -> None:
        mirror = self._injectors if key.work == "injector" else self._validators
        configuration = mirror.get(key.name)
        if configuration is None or not is_own_revision(configuration, self.me):
            return
        if key.work == "injector":
            await patch_injector(self._client, configuration, self._root)
        else:
            await patch_validator(self._client, configuration, self._root, serving=self._serving)


def _build_json_response(body: Object) -> Response:
    return Response(200, json.dumps(body).encode(), {"Content-Type": "application/json"})
