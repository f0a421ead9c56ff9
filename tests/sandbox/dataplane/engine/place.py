"""Bookinfo with its proxies as values, for requests that need no cluster: pods as istiod injects
and renders them."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.clock import Clock
from sandbox.cluster.contract import Object
from sandbox.cluster.log_buffer import LogBook
from sandbox.dataplane.apps.services import App, create_app
from sandbox.dataplane.engine.engine import MeshEngine
from sandbox.dataplane.engine.http_messages import Call, Reply
from sandbox.dataplane.engine.mesh_state import MeshState
from sandbox.dataplane.engine.request_context import Hop, RequestContext
from sandbox.dataplane.engine.workloads import build_scrape_labels
from sandbox.dataplane.telemetry import Telemetry
from sandbox.istio.istiod.gateway_classes import GATEWAY_CONTROLLER, MESH_CONTROLLER
from sandbox.istio.istiod.gateway_objects import GatewayRenderer
from sandbox.istio.istiod.injection import inject_sidecar
from sandbox.istio.istiod.mesh_configuration import IstiodIdentity, MeshConfiguration
from sandbox.observability.sources import Span
from tests.sandbox.dataplane.routes.stages import bookinfo, samples, with_slices, world_of

START = 1_800_000_000.0
ZIPKIN = "zipkin.istio-system:9411"
_PAGE_VERSION = re.compile(r"Reviews served by:\s+(reviews-v\d+)-")


def mesh_of_release(
    version: str, *, ambient: bool = False, sampling: float = 100.0, collector: str = ZIPKIN
) -> MeshConfiguration:
    """The mesh configuration of the workshop."""
    tracing: Object = (
        {"tracing": {"sampling": sampling, "zipkin": {"address": collector}}} if collector else {}
    )
    metadata: Object = {"proxyMetadata": {"ISTIO_META_ENABLE_HBONE": "true"}} if ambient else {}
    image = f"docker.io/istio/pilot:{version}"
    env = {"PILOT_ENABLE_AMBIENT": "true"} if ambient else {}
    identity = IstiodIdentity("istiod-x", "istio-system", image, env=env)
    return MeshConfiguration(
        identity, {"enableTracing": True, "defaultConfig": {**tracing, **metadata}}
    )


@dataclass
class Seen:
    """What a page shows."""

    status: int
    version: str
    stars: str
    unavailable: bool
    user: str
    text: str

    @classmethod
    def of(cls, reply: Reply) -> Seen:
        """Reads the marks."""
        text = reply.body.decode()
        versions = set(_PAGE_VERSION.findall(text))
        stars = re.search(r'class="flex gap-x-1 text-(\w+)-500"', text)
        user = re.search(r'text-base font-medium text-gray-50">(.*)</p>', text)
        unavailable = (
            text.count('<p class="text-red-500">Ratings service is currently unavailable</p>') == 2
        )
        version = versions.pop() if len(versions) == 1 else ""
        return cls(
            reply.status,
            version,
            stars[1] if stars else "",
            unavailable,
            user[1] if user else "",
            text,
        )


@dataclass
class Place:
    """A namespace bookinfo in some state; `mode` is `plain`, `sidecar` or `ambient`."""

    version: str = "1.30.3"
    mode: str = "sidecar"
    rules: list[Object] = field(default_factory=list)
    waypoint: bool = False
    mesh: MeshConfiguration | None = None
    gone: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    """Deployments whose pods have no sidecar."""
    labels: dict[str, str] = field(default_factory=dict)
    peers: dict[tuple[str, str], Object] = field(default_factory=dict)
    telemetries: dict[tuple[str, str], Object] = field(default_factory=dict)
    policies: list[Object] = field(default_factory=list)
    """AuthorizationPolicies and NetworkPolicies."""
    ztunnel: bool = True
    images: dict[str, str] = field(default_factory=dict)
    """Other images, by Deployment."""

    def __post_init__(self) -> None:
        self.chance = random.Random(7)
        self.telemetry, self.spans = Telemetry(), list[Span]()
        self.logs = LogBook(Clock())
        self.telemetry.subscribe(self.spans.append)
        self.silent: set[str] = set()
        self.engine = MeshEngine(self._app)
        self.now = START
        self._mesh = self.mesh or mesh_of_release(self.version, ambient=self.mode == "ambient")
        world = world_of(self.version, self._objects(), self._mesh.config)
        self.around = MeshState(
            live=world,
            pushed=world,
            peers=self.peers,
            telemetries=self.telemetries,
            policies=_place(self.policies, "AuthorizationPolicy"),
            network_policies=_place(self.policies, "NetworkPolicy"),
        )
        self._apps: dict[str, App] = {}
        for pod in world.pods.values():
            app = create_app(pod, self.chance)
            self.telemetry.add_pod(pod["metadata"]["uid"], build_scrape_labels(pod))
            if app is not None:
                self._apps[pod["metadata"]["uid"]] = app

    def _app(self, uid: str, now: float) -> App | None:
        return None if any(uid.startswith(name) for name in self.silent) else self._apps.get(uid)

    def _objects(self) -> list[Object]:
        objects = bookinfo(self.version)
        space = objects[0]
        space["metadata"]["labels"] |= (
            {"istio.io/use-waypoint": "waypoint"} if self.waypoint else {}
        )
        space["metadata"]["labels"] |= self.labels
        kept = [o for o in objects if o["kind"] not in ("Pod", "EndpointSlice")]
        deployments = [
            o
            for o in objects
            if o["kind"] == "Deployment" and o["metadata"]["name"] not in self.gone
        ]
        pods = [self._pod(o, number) for number, o in enumerate(deployments)]
        extra = self._gateway("bookinfo-gateway", GATEWAY_CONTROLLER)
        extra += self._gateway("waypoint", MESH_CONTROLLER) if self.waypoint else []
        extra += [_ztunnel()] if self.mode == "ambient" and self.ztunnel else []
        return with_slices([*kept, *pods, *extra, *self.rules])

    def _pod(self, deployment: Object, number: int) -> Object:
        pod = running(deployment, number)
        if image := self.images.get(deployment["metadata"]["name"]):
            pod["spec"]["containers"] = [{**pod["spec"]["containers"][0], "image": image}]
        if self.mode == "sidecar" and deployment["metadata"]["name"] not in self.outside:
            return inject_sidecar(pod, "bookinfo", self._mesh, native=True)
        if self.mode == "ambient":
            pod["metadata"]["annotations"]["ambient.istio.io/redirection"] = "enabled"
        return pod

    def _gateway(self, name: str, controller: str) -> list[Object]:
        waypoint = controller == MESH_CONTROLLER
        if waypoint:
            listener = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
            spec: Object = {"gatewayClassName": "istio-waypoint", "listeners": [listener]}
            api = "gateway.networking.k8s.io/v1"
            meta: Object = {"name": name}
            objects: list[Object] = [
                {"apiVersion": api, "kind": "Gateway", "metadata": meta, "spec": spec}
            ]
        else:
            objects = samples(self.version, "gateway-api/bookinfo-gateway")
        gateway: Object = objects[0]
        gateway["metadata"] |= {"namespace": "bookinfo", "uid": name}
        gateway["status"] = {"addresses": [{"value": f"{name}.bookinfo"}]}
        _, deployment, service = GatewayRenderer(gateway, controller, self._mesh).build_objects()
        pod = running(deployment, 100 + waypoint)
        return [*objects, service, *([] if deployment["metadata"]["name"] in self.gone else [pod])]

    def context(self) -> RequestContext:
        """A new request's context."""
        return RequestContext(self.chance, self.around)

    def ask(
        self, path: str = "/productpage", *, pod: str = "bookinfo-gateway-istio", **more: Any
    ) -> Reply:
        """A request from outside to a pod: the gateway's, or an application's."""
        found = next(p for (_, name), p in self.around.live.pods.items() if name.startswith(pod))
        port = more.pop("port", 80 if "gateway" in pod else 9080)
        context = self.context()
        headers = {k.lower(): v for k, v in more.pop("headers", {}).items()}
        call = Call("outside", port, path, headers=headers, **more)
        reply = self.engine.receive_from_outside(
            self.around.get_workload(found), port, Hop(context, call, self.now)
        )
        context.publish_reports(self.telemetry, self.logs)
        self.now = reply.end
        return reply

    def cookie(self, user: str) -> str:
        """The session cookie of somebody who has logged in."""
        form = {"content-type": "application/x-www-form-urlencoded", "referer": "/productpage"}
        reply = self.ask(
            "/login", method="POST", body=f"username={user}&passwd=".encode(), headers=form
        )
        return reply.headers["set-cookie"].partition(";")[0]

    def page(self, user: str = "", **more: Any) -> Seen:
        """The product page as somebody sees it; "" is nobody."""
        headers = {"cookie": self.cookie(user)} if user else {}
        return Seen.of(self.ask("/productpage", headers=headers, **more))

    def pages(self, count: int, user: str = "", **more: Any) -> list[Seen]:
        """Several pages, logged in once."""
        headers = {"cookie": self.cookie(user)} if user else {}
        return [Seen.of(self.ask("/productpage", headers=headers, **more)) for _ in range(count)]

    def total(self, name: str = "istio_requests_total", **labels: str) -> float:
        """The sum of a metric's series that have these labels."""
        found = self.telemetry.samples()
        return sum(
            s.value for s in found if s.name == name and labels.items() <= dict(s.labels).items()
        )


def _place(objects: list[Object], kind: str) -> dict[tuple[str, str], Object]:
    found = (o for o in objects if o["kind"] == kind)
    return {(o["metadata"]["namespace"], o["metadata"]["name"]): o for o in found}


def running(deployment: Object, number: int) -> Object:
    """A Deployment's only pod, Ready on node-1."""
    name, template = deployment["metadata"]["name"], deployment["spec"]["template"]
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": f"{name}-abc",
        "controller": True,
    }
    meta = template["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{name}-abc-x",
            "namespace": "bookinfo",
            "uid": f"{name}-uid",
            "labels": {**meta["labels"], "pod-template-hash": "abc"},
            "annotations": dict(meta.get("annotations") or {}),
            "ownerReferences": [owner],
        },
        "spec": {**template["spec"], "nodeName": "node-1"},
        "status": {
            "phase": "Running",
            "podIP": f"10.244.0.{number + 1}",
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def _ztunnel() -> Object:
    meta = {
        "name": "ztunnel-x",
        "namespace": "istio-system",
        "uid": "ztunnel",
        "labels": {"app": "ztunnel"},
    }
    status = {
        "phase": "Running",
        "podIP": "10.244.0.200",
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    spec = {"nodeName": "node-1", "containers": [{"name": "istio-proxy", "image": "ztunnel"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": status}


def rules(version: str, *names: str) -> list[Object]:
    """What the samples' files under `networking/` hold."""
    return samples(version, *(f"networking/{name}" for name in names))


def versions(pages: Iterable[Seen]) -> set[str]:
    """Which versions of reviews served pages."""
    return {page.version for page in pages}
