"""A simulated istiod: its writes to the cluster while it runs, and its webhooks' answers."""

from __future__ import annotations

import json

from sandbox.clock import Clock
from sandbox.cluster.contract import Client, Object, Request, Response
from sandbox.cluster.log_buffer import LogBook, LogBuffer
from sandbox.cluster.machinery.informer import Informer, Listener
from sandbox.cluster.machinery.meta import CONFIG_MAPS, CRDS, NAMESPACES, NODES, PODS
from sandbox.cluster.machinery.served_types import ServedTypes
from sandbox.cluster.machinery.work_queue import WorkQueue
from sandbox.istio.istiod import injection
from sandbox.istio.istiod.gateways import GatewayController
from sandbox.istio.istiod.leader_election import LEASE_SECONDS, LeaderElection
from sandbox.istio.istiod.log import CONTAINER, IstiodLog
from sandbox.istio.istiod.mesh_configuration import (
    IstiodIdentity,
    MeshConfiguration,
    read_identity,
    read_mesh_configuration,
)
from sandbox.istio.istiod.root_certificates import (
    build_config_maps,
    ensure_root_certificate,
    needs_config_maps,
    reconcile_config_map,
)
from sandbox.istio.istiod.webhooks import (
    INJECTORS,
    VALIDATORS,
    is_own_revision,
    patch_injector,
    patch_validator,
)
from sandbox.istio.istiod.work import PROGRAM_BACKOFF, WorkKey
from sandbox.istio.validation import webhook
from sandbox.tasks import Tasks

MANAGER = "pilot-discovery"
"""The field manager of istiod's own writes."""
_MESH_MAPS = ("istio", "istio-sidecar-injector")
_READY_PAUSE = 0.5
"""Simulated seconds between two looks at whether this pod is Ready yet."""


class Istiod:
    """The program that runs in pods labelled `app=istiod`; the release is that of the container's
    image."""

    def __init__(self, clock: Clock, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self._clock = clock
        self._claims = LeaderElection(clock, lease_seconds)
        self._logs = LogBook(clock)

    def runs_in(self, pod: Object) -> bool:
        """Tell whether the pod is an istiod."""
        return bool((pod["metadata"].get("labels") or {}).get("app") == "istiod")

    async def start(self, pod: Object, client: Client) -> RunningIstiod:
        """Read the configuration and start to work; return once webhooks can be answered."""
        log = IstiodLog(self._logs.open(pod["metadata"]["uid"], CONTAINER), self._clock)
        running = RunningIstiod(read_identity(pod), client, self._clock, self._claims, log)
        await running.start_background_tasks()
        return running

    def find_log(self, pod: Object, container: str) -> LogBuffer | None:
        """Return what an istiod has written (`contract.PodLogs`)."""
        return self._logs.find(pod["metadata"]["uid"], container)


class RunningIstiod:
    """One istiod in one pod."""

    def __init__(
        self,
        me: IstiodIdentity,
        client: Client,
        clock: Clock,
        claims: LeaderElection,
        log: IstiodLog,
    ) -> None:
        self.me, self._log = me, log
        self._client = client.acting_as(MANAGER)
        self._clock, self._claims = clock, claims
        self._tasks = Tasks()
        self._queue: WorkQueue[WorkKey] = WorkQueue(
            "istiod",
            self._reconcile_key,
            clock=clock,
            tasks=self._tasks,
            backoff=PROGRAM_BACKOFF,
        )
        self._served = ServedTypes()
        self._root = ""
        self._leads = False
        self._serving = False
        self._stopped = False
        self._mesh = MeshConfiguration(me)
        self._namespaces = Informer(self._client, NAMESPACES)
        self._maps = Informer(self._client, CONFIG_MAPS)
        self._injectors = Informer(self._client, INJECTORS)
        self._validators = Informer(self._client, VALIDATORS)
        self._gateways = GatewayController(
            me, client, clock, self._queue, self._served, self._namespaces
        )
        self._namespaces.add_listener(self._handle_namespace_change)
        self._maps.add_listener(self._handle_config_map_change)
        self._injectors.add_listener(self._make_webhook_listener("injector"))
        self._validators.add_listener(self._make_webhook_listener("validator"))

    async def start_background_tasks(self) -> None:
        """Create or read the certificate authority, read the mesh configuration, start the work."""
        self._claims.mark_started(self.me.pod)
        self._log.info("", f"Istiod {self.me.version} starts, revision {self.me.revision}")
        self._root = await ensure_root_certificate(self._client, self.me)
        maps = [await self._client.get(CONFIG_MAPS, name, self.me.namespace) for name in _MESH_MAPS]
        self._gateways.mesh = self._mesh = read_mesh_configuration(self.me, maps[0], maps[1])
        crds = Informer(self._client, CRDS)
        crds.add_listener(self._served.apply_crd_change)
        for informer in (crds, self._namespaces, self._maps, self._injectors, self._validators):
            self._tasks.spawn(informer.run(), f"istiod: {informer.ref.plural}")
        for work, name in self._gateways.watches.create_watch_coroutines(self._served):
            self._tasks.spawn(work, f"istiod: {name}")
        self._tasks.spawn(self._gateways.watch_gateway_api(), "istiod: classes")
        self._queue.start(1)
        self._tasks.spawn(self._run_election(), "istiod: election")
        self._tasks.spawn(self._wait_until_ready(), "istiod: readiness")

    async def stop(self) -> None:
        """Stop all background work; the leader claim starts to expire."""
        self._stopped = True
        self._claims.mark_ended(self.me.pod)
        await self._tasks.close()

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
            nodes = await self._client.list(NODES)
            kubelets = [
                n.get("status", {}).get("nodeInfo", {}).get("kubeletVersion", "v1.0.0")
                for n in nodes
            ]
            self._log.report_injection(request.body)
            return _build_json_response(
                injection.answer_injection_review(request.body, self._mesh, kubelets)
            )
        if request.path.startswith("/validate"):
            answer = webhook.answer_validation_review(request.body, self.me.version)
            self._log.report_validation(answer)
            return _build_json_response(answer)
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
        self._log.info("", f"leader election lock obtained: {self.me.pod}")
        # What came up to now was left to the istiod that led.
        self._leads = self._gateways.leads = True
        self._queue.add(*(WorkKey("namespace", "", name) for _, name in self._namespaces.objects))
        self._gateways.enqueue_all()

    async def _wait_until_ready(self) -> None:
        while not self._serving:
            await self._clock.sleep(_READY_PAUSE)
            pod = await self._client.get(PODS, self.me.pod, self.me.namespace)
            conditions = (pod or {}).get("status", {}).get("conditions") or []
            self._serving = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
        self._queue.add(*(WorkKey("validator", "", name) for _, name in self._validators.objects))

    def _handle_namespace_change(self, before: Object | None, after: Object | None) -> None:
        name = (after or before or {})["metadata"]["name"]
        if after is not None:
            self._queue.add(WorkKey("namespace", "", name))
        self._gateways.watches.enqueue_namespace_services(name)

    def _handle_config_map_change(self, before: Object | None, after: Object | None) -> None:
        meta = (after or before or {})["metadata"]
        if meta["namespace"] == self.me.namespace and meta["name"] in _MESH_MAPS:
            self._queue.add(WorkKey("mesh"))
        # A root certificate that was changed or deleted is put right at once.
        if meta["name"] in build_config_maps(self.me, self._root):
            self._queue.add(WorkKey("namespace", "", meta["namespace"]))

    def _make_webhook_listener(self, work: str) -> Listener:
        def changed(before: Object | None, after: Object | None) -> None:
            self._queue.add(WorkKey(work, "", (after or before or {})["metadata"]["name"]))

        return changed

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
        namespace = self._namespaces.get(("", name))
        if not self._leads or namespace is None or not needs_config_maps(namespace):
            return
        for map_name, data in build_config_maps(self.me, self._root).items():
            await reconcile_config_map(
                self._client, self._maps.get((name, map_name)), map_name, name, data
            )

    def _reload_mesh_config(self) -> None:
        mesh, injector = (self._maps.get((self.me.namespace, name)) for name in _MESH_MAPS)
        if mesh is None and not self.me.facts.default_mesh_when_gone:
            return
        before, fresh = self._mesh, read_mesh_configuration(self.me, mesh, injector)
        # Pods that are injected without the values would be others than before.
        if injector is None:
            fresh = MeshConfiguration(self.me, fresh.config, before.values)
        if fresh != before:
            self._log.info("", "mesh configuration updated")
            self._gateways.mesh = self._mesh = fresh
            self._gateways.enqueue_all()

    async def _reconcile_webhook(self, key: WorkKey) -> None:
        informer = self._injectors if key.work == "injector" else self._validators
        configuration = informer.get(("", key.name))
        if configuration is None or not is_own_revision(configuration, self.me):
            return
        if key.work == "injector":
            await patch_injector(self._client, configuration, self._root)
        else:
            await patch_validator(self._client, configuration, self._root, serving=self._serving)


def _build_json_response(body: Object) -> Response:
    return Response(200, json.dumps(body).encode(), {"Content-Type": "application/json"})
