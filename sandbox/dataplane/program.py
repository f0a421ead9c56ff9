"""The data plane as programs in pods: Bookinfo's applications, gateways and waypoints, on one
shared state.

`DataPlane` follows the cluster by itself while any of its programs runs, over whatever client they
were started with.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sandbox.clock import Clock
from sandbox.cluster.contract import (
    ApiError,
    Client,
    Object,
    PodProgram,
    Request,
    Response,
    SendFailure,
)
from sandbox.cluster.log_buffer import LogBook, LogBuffer
from sandbox.dataplane.admin.admin_answers import ADMIN_PORT, answer_admin_request
from sandbox.dataplane.admin.logging_levels import LogLevels
from sandbox.dataplane.admin.proxy_view import ProxyView
from sandbox.dataplane.apps.lines import format_start
from sandbox.dataplane.apps.services import App, create_app
from sandbox.dataplane.engine.access_logs import PROXY, format_moment
from sandbox.dataplane.engine.engine import MeshEngine
from sandbox.dataplane.engine.http_messages import Call, Reply
from sandbox.dataplane.engine.mesh_state import MeshFollower
from sandbox.dataplane.engine.request_context import Hop, RequestContext
from sandbox.dataplane.engine.workloads import build_scrape_labels
from sandbox.dataplane.objects.pods import find_proxy, get_annotations, get_labels
from sandbox.dataplane.objects.world import Endpoint
from sandbox.dataplane.proxy_stats import format_exposition
from sandbox.dataplane.telemetry import Telemetry

_HEALTH_PORT, _AGENT_PORT, _ENVOY_STATS_PORT = 15021, 15020, 15090
_MONITORING_PORTS = (_HEALTH_PORT, _AGENT_PORT, _ENVOY_STATS_PORT, ADMIN_PORT)
_TEXT = {"Content-Type": "text/plain; version=0.0.4"}


@dataclass
class _RunningApp:
    """One program: the application (None in a gateway's or waypoint's pod), and from when on it
    answers."""

    app: App | None
    answers_from: float


class DataPlane:
    """Everything that carries and answers requests in one cluster. `telemetry` holds the
    reports of its proxies.
    """

    def __init__(self, clock: Clock, *, seed: int | None = None) -> None:
        self.telemetry = Telemetry()
        self.logs = LogBook(clock)
        self._levels = LogLevels()
        self._clock = clock
        self._chance = random.Random(seed)  # noqa: S311 - weights and latencies, no secrets
        self._engine = MeshEngine(self._find_app)
        self._follower: MeshFollower | None = None
        self._running: dict[str, _RunningApp] = {}
        self._lock = asyncio.Lock()

    def list_programs(self) -> tuple[PodProgram, ...]:
        """Return the programs for `EmbeddedCluster(programs=…)`."""
        return (MeshPod(self),)

    @property
    def is_following(self) -> bool:
        """Tell whether it follows the cluster: it does while any of its programs runs."""
        return self._follower is not None

    def format_counters(self, uid: str) -> str:
        """Return what the proxy of a pod has counted, in Prometheus' text format."""
        return format_exposition(self.telemetry.list_pod_samples(uid))

    async def start_pod(self, pod: Object, client: Client) -> None:
        """Note that a pod's containers have started. The first of all begins to follow the
        cluster.
        """
        app = create_app(pod, self._chance)
        answers_from = self._now() + self._clock.shorten(app.start_seconds if app else 0.0)
        async with self._lock:
            # Under the lock: pods start side by side, and one follower is for all of them.
            if self._follower is None:
                follower = MeshFollower(client, self._handle_pod_change)
                await follower.start()
                self._forget_other_pods({pod["metadata"]["uid"] for pod in follower.list_pods()})
                self._follower = follower
            uid = pod["metadata"]["uid"]
            self._running[uid] = _RunningApp(app, answers_from)
        if app is not None:
            self.logs.open(uid, "").write(format_start(app))
        if find_proxy(pod) is not None:
            stamp = format_moment(self._now())
            self.logs.open(uid, PROXY).write(f"{stamp}\tinfo\tEnvoy proxy is ready")

    async def stop_pod(self, uid: str) -> None:
        """Note that a pod's containers have stopped. The last of all ends what follows the
        cluster.
        """
        async with self._lock:
            self._running.pop(uid, None)
            if not self._running and self._follower is not None:
                follower, self._follower = self._follower, None
                await follower.stop()

    async def answer_request(
        self, namespace: str, name: str, port: int, request: Request
    ) -> Response | None:
        """Return a pod's answer to a request from outside the mesh, after the time that it
        takes; None when it refuses.

        That time is the wall's, however fast the clock runs: the client measures it for
        itself. Raises ApiError(503) when the connection is cut (plain text where mutual TLS
        is demanded).
        """
        pod = self._follower.get_pod(namespace, name) if self._follower else None
        if pod is None or self._follower is None or pod["metadata"]["uid"] not in self._running:
            return None
        if find_proxy(pod) is not None and port in _MONITORING_PORTS:
            return self._answer_monitoring(pod, port, request)
        hop = self._begin_request(_build_call(request, port, f"{name}.{namespace}"))
        workload = hop.context.around.get_workload(pod)
        reply = await self._wait_for_reply(
            self._engine.receive_from_outside(workload, port, hop), hop
        )
        if reply.failure == "reset":
            address = f"{pod['status'].get('podIP', '')}:{port}"
            text = (
                f"error trying to reach service: read tcp {address}: read: connection reset by peer"
            )
            raise ApiError(503, "ServiceUnavailable", text)
        server = "istio-envoy" if find_proxy(pod) is not None else ""
        return None if reply.failure else _build_response(reply, hop.now, server)

    async def answer_inside(
        self, namespace: str, name: str, port: int, request: Request
    ) -> Response | None:
        """Return a pod's answer to a request from inside it, such as a port-forward makes: past
        its sidecar or ztunnel, straight to the application; None when nothing listens.
        """
        pod = self._follower.get_pod(namespace, name) if self._follower else None
        if pod is None or self._follower is None:
            return None
        hop = self._begin_request(_build_call(request, port, "localhost"))
        workload = hop.context.around.get_workload(pod)
        monitored = workload.proxy is not None and port in _MONITORING_PORTS
        if monitored or workload.kind in ("gateway", "waypoint"):
            return await self.answer_request(namespace, name, port, request)
        reply = await self._wait_for_reply(self._engine.receiver.call_app(workload, port, hop), hop)
        return None if reply.failure else _build_response(reply, hop.now)

    async def send_from_pod(
        self, pod: Object, host: str, port: int, request: Request, seconds: float
    ) -> Response | None:
        """Return the answer to what a program in a pod sends, through the pod's own proxies.

        None when the host is another program's than the data plane's. Raises SendFailure.
        """
        if self._follower is None:
            return None
        hop = self._begin_request(_build_call(request, port, host))
        around = hop.context.around
        hop = replace(hop, until=hop.now + seconds)
        source = around.get_workload(
            self._follower.get_pod(pod["metadata"]["namespace"], pod["metadata"]["name"]) or pod
        )
        service = around.live.find_service(host, source.namespace)
        pods_by_address = {
            p["status"].get("podIP"): p for p in around.live.pods.values() if p.get("status")
        }
        target = None if service else pods_by_address.get(host)
        there = around.live.list_endpoints(service, port) if service else ()
        pods = [target] if target else [e.pod for e in there if e.pod]
        if pods and not any(each["metadata"]["uid"] in self._running for each in pods):
            return None
        address = Endpoint(host, port, target) if target else None
        reply = await self._wait_for_reply(self._engine.send_from_pod(source, hop, address), hop)
        if reply.failure:
            raise SendFailure(reply.failure, reply.end - hop.now)
        server = "envoy" if source.kind == "sidecar" else ""
        return _build_response(reply, hop.now, server)

    def _answer_monitoring(self, pod: Object, port: int, request: Request) -> Response:
        proxy = find_proxy(pod)
        if port == ADMIN_PORT and request.path == "/logging":
            return self._levels.answer_request(pod["metadata"]["uid"], request)
        if port == ADMIN_PORT and proxy is not None and self._follower is not None:
            state = self._follower.get_state()
            view = ProxyView(state=state, workload=state.get_workload(pod), proxy=proxy)
            answer = answer_admin_request(view, request)
            if answer is not None:
                return answer
        return _answer_monitoring(self.telemetry, pod, port, request)

    def _begin_request(self, call: Call) -> Hop:
        assert self._follower is not None
        around, start = self._follower.get_state(), self._now()
        context = RequestContext(self._chance, around, started=(start, time.monotonic()))
        return Hop(context, call, start)

    async def _wait_for_reply(self, reply: Reply, hop: Hop) -> Reply:
        """Return a reply when it is there, and publish what proxies report of it."""
        try:
            await asyncio.sleep(reply.end - hop.now)
        finally:
            # Also when the client has hung up: the proxies have carried the request.
            hop.context.publish_reports(self.telemetry, self.logs)
        return reply

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _find_app(self, uid: str, now: float) -> App | None:
        running = self._running.get(uid)
        # A container runs for a while before its application listens.
        return running.app if running is not None and running.answers_from <= now else None

    def _handle_pod_change(self, before: Object | None, after: Object | None) -> None:
        pod = after or before or {}
        uid = pod["metadata"]["uid"]
        if after is None:
            self.telemetry.remove_pod(uid)
            self.logs.remove(uid)
            self._levels.forget(uid)
        elif (pod.get("status") or {}).get("podIP") and (
            find_proxy(pod) or get_labels(pod).get("app") == "ztunnel"
        ):
            scraped = get_annotations(pod).get("prometheus.io/scrape") != "false"
            self.telemetry.add_pod(uid, build_scrape_labels(pod), scraped=scraped)

    def _forget_other_pods(self, uids: set[str]) -> None:
        """Forget pods that went while nothing followed the cluster."""
        for uid in self.telemetry.list_pod_uids() - uids:
            self.telemetry.remove_pod(uid)


class MeshPod:
    """The program of pods that hold one of Bookinfo's applications or a proxy."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane

    def runs_in(self, pod: Object) -> bool:
        """Tell whether a pod is one of those, or has a sidecar beside something else."""
        # Only asked whether there is one.
        return (
            find_proxy(pod) is not None or create_app(pod, random.Random(0)) is not None  # noqa: S311
        )

    async def start(self, pod: Object, client: Client) -> RunningPod:
        """Start a pod's program; return once the data plane knows the cluster, whether or not
        the application answers yet.
        """
        await self._plane.start_pod(pod, client)
        return RunningPod(self._plane, pod)

    async def send_from_pod(
        self, pod: Object, host: str, port: int, request: Request, seconds: float
    ) -> Response | None:
        """Send what a program in any pod sends (`contract.PodNetwork`)."""
        return await self._plane.send_from_pod(pod, host, port, request, seconds)

    def find_log(self, pod: Object, container: str) -> LogBuffer | None:
        """Return what a container of any pod has written: a proxy, or an application
        (`contract.PodLogs`).
        """
        inits = {c["name"] for c in pod["spec"].get("initContainers") or ()}
        if container in inits and container != PROXY:
            return None
        return self._plane.logs.find(pod["metadata"]["uid"], PROXY if container == PROXY else "")


class RunningPod:
    """One pod's program."""

    def __init__(self, plane: DataPlane, pod: Object) -> None:
        self._plane = plane
        meta = pod["metadata"]
        self._uid, self._place = meta["uid"], (meta["namespace"], meta["name"])

    async def handle(self, port: int, request: Request) -> Response | None:
        """Answer a request from outside the mesh, such as the API server's proxy sends."""
        return await self._plane.answer_request(*self._place, port, request)

    async def handle_inside(self, port: int, request: Request) -> Response | None:
        """Answer a request from inside the pod, such as a port-forward makes."""
        return await self._plane.answer_inside(*self._place, port, request)

    async def stop(self) -> None:
        """Stop the application, which no longer answers."""
        await self._plane.stop_pod(self._uid)


def _answer_monitoring(telemetry: Telemetry, pod: Object, port: int, request: Request) -> Response:
    if port == _HEALTH_PORT:
        return Response(200 if request.path == "/healthz/ready" else 404)
    if request.path not in ("/stats/prometheus", "/metrics"):
        return Response(404)
    samples = telemetry.list_pod_samples(pod["metadata"]["uid"])
    return Response(200, format_exposition(samples).encode(), _TEXT)


def _build_call(request: Request, port: int, host: str) -> Call:
    headers = {name.lower(): value for name, value in request.headers.items()}
    path = request.path if request.path.startswith("/") else f"/{request.path}"
    return Call(host, port, path, request.method, request.query, headers, request.body)


def _build_response(reply: Reply, start: float, server: str = "") -> Response:
    """Return the answer as it is seen; the proxy that hands it over, `server`, says so."""
    headers: Mapping[str, str] = {
        "-".join(w.capitalize() for w in k.split("-")): v for k, v in reply.headers.items()
    }
    if server:
        took = str(round((reply.end - start) * 1000))
        headers = {**headers, "Server": server, "X-Envoy-Upstream-Service-Time": took}
    return Response(reply.status, reply.body, headers)
