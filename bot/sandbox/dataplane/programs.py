"""The data plane as programs in pods: Bookinfo's applications, gateways and waypoints, on one shared state.

`DataPlane` follows the cluster by itself while any of its programs runs, over whatever client they were started with.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass

from bot.sandbox.clock import Clock
from bot.sandbox.cluster.contract import ApiError, Client, Event, Object, Program, Request, Response
from bot.sandbox.dataplane.apps import App, app_of
from bot.sandbox.dataplane.engine import Engine
from bot.sandbox.dataplane.engine_messages import Call, Reply
from bot.sandbox.dataplane.engine_trip import Leg, Trip
from bot.sandbox.dataplane.engine_workloads import scrape_labels
from bot.sandbox.dataplane.engine_world import Follower
from bot.sandbox.dataplane.objects_pods import labels_of, proxy_of
from bot.sandbox.dataplane.programs_stats import exposition
from bot.sandbox.dataplane.telemetry import Telemetry

_HEALTH_PORT, _AGENT_PORT, _ENVOY_STATS_PORT = 15021, 15020, 15090
_TEXT = {"Content-Type": "text/plain; version=0.0.4"}


@dataclass
class _Running:
    """One program: the application (None in a gateway's or waypoint's pod), and from when on it answers."""

    app: App | None
    answers_from: float


class DataPlane:
    """Everything that carries and answers requests in one cluster. `telemetry` is what its proxies tell."""

    def __init__(self, clock: Clock, *, seed: int | None = None) -> None:
        self.telemetry = Telemetry()
        self._clock = clock
        self._chance = random.Random(seed)  # noqa: S311 - weights and latencies, no secrets
        self._engine = Engine(self._app)
        self._follower: Follower | None = None
        self._running: dict[str, _Running] = {}
        self._lock = asyncio.Lock()

    def programs(self) -> tuple[Program, ...]:
        """For `EmbeddedCluster(programs=…)`."""
        return (MeshPod(self),)

    @property
    def awake(self) -> bool:
        """Whether it follows the cluster: it does while any of its programs runs."""
        return self._follower is not None

    async def begin(self, pod: Object, client: Client) -> None:
        """A pod's containers have started. The first of all begins to follow the cluster."""
        app = app_of(pod, self._chance)
        answers_from = self._now() + (app.start_seconds if app else 0.0)
        async with self._lock:
            if self._follower is None:
                follower = Follower(self._clock, self._pod_changed)
                await follower.start(client)
                self._keep_only({pod["metadata"]["uid"] for pod in follower.pods()})
                for known in follower.pods():
                    self._pod_changed(Event("ADDED", known))
                self._follower = follower
            self._running[pod["metadata"]["uid"]] = _Running(app, answers_from)

    async def end(self, uid: str) -> None:
        """A pod's containers have stopped. The last of all ends what follows the cluster."""
        async with self._lock:
            self._running.pop(uid, None)
            if not self._running and self._follower is not None:
                follower, self._follower = self._follower, None
                await follower.stop()

    async def answer(self, namespace: str, name: str, port: int, request: Request) -> Response | None:
        """What a pod says to a request from outside the mesh, after the time that it takes; None when it refuses.

        That time is the wall's, however fast the clock runs: whoever asks measures it for themselves.
        Raises ApiError(503) when the connection is cut (plain text where mutual TLS is demanded).
        """
        pod = self._follower.pod(namespace, name) if self._follower else None
        if pod is None or self._follower is None or pod["metadata"]["uid"] not in self._running:
            return None
        if proxy_of(pod) is not None and port in (_HEALTH_PORT, _AGENT_PORT, _ENVOY_STATS_PORT):
            return self._monitoring(pod, port, request)
        around = self._follower.around()
        trip, start = Trip(self._chance, around), self._now()
        call = _call(request, port, f"{name}.{namespace}")
        reply = self._engine.enter(around.workload(pod), port, Leg(trip, call, start))
        try:
            await asyncio.sleep(reply.end - start)
        finally:
            trip.tell(self.telemetry)
        if reply.failure == "reset":
            address = f"{pod['status'].get('podIP', '')}:{port}"
            text = f"error trying to reach service: read tcp {address}: read: connection reset by peer"
            raise ApiError(503, "ServiceUnavailable", text)
        proxied = proxy_of(pod) is not None
        return None if reply.failure else _response(reply, start, proxied=proxied)

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _app(self, uid: str, now: float) -> App | None:
        running = self._running.get(uid)
        return running.app if running is not None and running.answers_from <= now else None

    def _pod_changed(self, event: Event) -> None:
        pod = event.object
        uid = pod["metadata"]["uid"]
        if event.type == "DELETED":
            self.telemetry.gone(uid)
        elif (pod.get("status") or {}).get("podIP") and (proxy_of(pod) or labels_of(pod).get("app") == "ztunnel"):
            self.telemetry.pod(uid, scrape_labels(pod))

    def _keep_only(self, uids: set[str]) -> None:
        """Forgets pods that went while nothing followed the cluster."""
        for uid in self.telemetry.pods() - uids:
            self.telemetry.gone(uid)

    def _monitoring(self, pod: Object, port: int, request: Request) -> Response:
        if port == _HEALTH_PORT:
            return Response(200 if request.path == "/healthz/ready" else 404)
        if request.path not in ("/stats/prometheus", "/metrics"):
            return Response(404)
        return Response(200, exposition(self.telemetry.of_pod(pod["metadata"]["uid"])).encode(), _TEXT)


class MeshPod:
    """The program of pods that hold one of Bookinfo's applications, a gateway or a waypoint."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane

    def runs_in(self, pod: Object) -> bool:
        """Whether a pod is one of those."""
        proxy = proxy_of(pod)
        gateway = proxy is not None and proxy.kind != "sidecar"
        return gateway or app_of(pod, random.Random(0)) is not None  # noqa: S311 - only asked whether there is one

    async def start(self, pod: Object, client: Client) -> RunningPod:
        """Returns once the data plane knows the cluster; when the application answers is its own matter."""
        await self._plane.begin(pod, client)
        return RunningPod(self._plane, pod)


class RunningPod:
    """One pod's program."""

    def __init__(self, plane: DataPlane, pod: Object) -> None:
        self._plane = plane
        meta = pod["metadata"]
        self._uid, self._place = meta["uid"], (meta["namespace"], meta["name"])

    async def handle(self, port: int, request: Request) -> Response | None:
        """A request from outside the mesh: the API server's proxy, a port-forward."""
        return await self._plane.answer(*self._place, port, request)

    async def stop(self) -> None:
        """The application no longer answers."""
        await self._plane.end(self._uid)


def _call(request: Request, port: int, host: str) -> Call:
    headers = {name.lower(): value for name, value in request.headers.items()}
    path = request.path if request.path.startswith("/") else f"/{request.path}"
    return Call(host, port, path, request.method, request.query, headers, request.body)


def _response(reply: Reply, start: float, *, proxied: bool) -> Response:
    """What leaves the pod; a proxy in front of it says so."""
    headers: Mapping[str, str] = {"-".join(w.capitalize() for w in k.split("-")): v for k, v in reply.headers.items()}
    if proxied:
        took = str(round((reply.end - start) * 1000))
        headers = {**headers, "Server": "istio-envoy", "X-Envoy-Upstream-Service-Time": took}
    return Response(reply.status, reply.body, headers)
