"""The seven stages of the workshop at which real Kialis were asked, gone through on the embedded
cluster."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from sandbox.clock import Clock
from sandbox.cluster.contract import Ref, Request
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.istio import programs as istio
from sandbox.istio.samples import build_sample_files
from sandbox.observability import programs as observability
from tests.sandbox.istio.istiod.mesh import (
    DEPLOYMENTS,
    GATEWAYS,
    NAMESPACES,
    PODS,
    SYSTEM,
    TestMesh,
    eventually,
    placed,
    workload,
)

from .feeding import DETAILS, GATEWAY, NOBODY, PRODUCTPAGE, RATINGS, Feed, Flow, http, reviews, tcp

SPEED = 150
ISTIO = {"1.87": "1.23.2", "2.26": "1.30.3"}
VERSIONS = tuple(ISTIO)
STAGES = ("bare", "sidecars", "route", "fault", "broken", "ambient", "waypoint")
RULES, ROUTES = (
    Ref("networking.istio.io", "destinationrules"),
    Ref("networking.istio.io", "virtualservices"),
)
_FULL = (
    "namespaces=bookinfo&duration=60s&graphType=versionedApp&injectServiceNodes=true&includeIdleEdges=false"
    "&refreshInterval=0&waypoints=true&ambientTraffic=total&rateHttp=requests&rateTcp=sent&rateGrpc=requests"
    "&appenders=deadNode,serviceEntry,meshCheck,workloadEntry,health,istio,securityPolicy,ambient,responseTime"
)
_IDLE = (
    "namespaces=bookinfo&graphType=versionedApp&duration=60s&injectServiceNodes=true&includeIdleEdges=false&boxBy=app"
    "&refreshInterval=0&appenders=deadNode,serviceEntry,meshCheck,workloadEntry,health,idleNode,istio,securityPolicy"
)
_LISTS = "namespaces=bookinfo&health=true&istioResources=true&rateInterval=60s"
QUESTIONS = {
    "graph": f"/api/namespaces/graph?{_FULL}",
    "idle graph": f"/api/namespaces/graph?{_IDLE}",
    "app health": "/api/clusters/health?namespaces=bookinfo&type=app&rateInterval=60s",
    "apps": f"/api/clusters/apps?{_LISTS}",
    "services": f"/api/clusters/services?{_LISTS}",
    "workloads": f"/api/clusters/workloads?{_LISTS}",
    "config": "/api/namespaces/bookinfo/istio?validate=true",
    "counts": "/api/istio/validations?namespaces=bookinfo",
    "components": "/api/istio/status",
    "status": "/api/status",
    "api": "/api",
    "namespaces": "/api/namespaces",
    "mesh tls": "/api/mesh/tls",
    "namespace tls": "/api/namespaces/bookinfo/tls",
    "clusters tls": "/api/clusters/tls?namespaces=bookinfo",
    "health": "/healthz",
    "no namespace": "/api/namespaces/nonesuch/istio",
    "no path": "/api/nonesuch",
}
"""What the recorded Kialis were asked, by short names."""


class Answer(NamedTuple):
    """Status, and the JSON; None when there is none."""

    status: int
    json: Any


def page_views(rate: float, split: dict[int, float], ratings: float = 0.0) -> list[Flow]:
    """Page views per second, those of each version of reviews, and how many of the calls to ratings
    fail."""
    found = [
        Flow(GATEWAY, "productpage", PRODUCTPAGE, rate),
        Flow(PRODUCTPAGE, "details", DETAILS, rate),
    ]
    for version, share in split.items():
        found.append(Flow(PRODUCTPAGE, "reviews", reviews(version), share))
        if version > 1 and not ratings:
            found.append(Flow(reviews(version), "ratings", RATINGS, share))
    return found


_EVEN = {1: 1.0, 2: 1.0, 3: 1.0}
_BOTH = ("source", "destination")
_FAILED = Flow(reviews(2), "ratings", NOBODY, 1, "500", "FI")
_MISSING = Flow(PRODUCTPAGE, "reviews", NOBODY, 3, "503", "NC")
TRAFFIC = {
    "bare": [],
    "sidecars": http(page_views(3, _EVEN), *_BOTH),
    "route": http(page_views(3, {1: 2, 2: 1}), *_BOTH),
    "fault": http([*page_views(3, {1: 2, 2: 1}, ratings=1), _FAILED], *_BOTH),
    "broken": http([*page_views(3, {}), _MISSING], *_BOTH),
    "ambient": tcp(page_views(3, _EVEN)),
    "waypoint": [*tcp(page_views(3, _EVEN)), *http(page_views(3, _EVEN), "waypoint")],
}
"""What flows at each stage: 3 page views per second, as in the recordings."""


class World:
    """One mesh with its Prometheus and Kiali, taken from stage to stage."""

    def __init__(self, cluster: EmbeddedCluster, feed: Feed, version: str) -> None:
        self.cluster, self.feed = cluster, feed
        self.mesh = TestMesh(cluster, version)
        self.samples = build_sample_files(version)

    async def ask(self, path: str, service: str = "kiali", port: int = 20001) -> Answer:
        """One question to an add-on; Kiali's paths without `/kiali`."""
        where, _, query = (f"/kiali{path}" if service == "kiali" else path).partition("?")
        backends = self.cluster.server.backends
        assert backends is not None
        answer = await backends.call(SYSTEM, service, port, Request("GET", where, query))
        try:
            return Answer(answer.status, json.loads(answer.body))
        except ValueError:
            return Answer(answer.status, None)

    async def addon(self, name: str, deployments: tuple[str, ...]) -> None:
        """Applies an add-on's sample, and waits for it."""
        for obj in self.samples[f"addons/{name}.yaml"]:
            await self.mesh.client.apply(obj)
        for each in deployments:
            await self.mesh.ready(each, SYSTEM)

    async def label(self, **labels: str | None) -> None:
        """Labels bookinfo; None takes a label away."""
        named = {k.replace("__", ".io/").replace("_", "-"): v for k, v in labels.items()}
        await self.mesh.client.merge(NAMESPACES, "bookinfo", "", {"metadata": {"labels": named}})

    async def restart(self) -> None:
        """Restarts the applications, and waits until the old pods are gone."""
        for each in await self.mesh.client.list(DEPLOYMENTS, "bookinfo"):
            name = each["metadata"]["name"]
            if name not in ("waypoint", "bookinfo-gateway-istio"):
                note = {"metadata": {"annotations": {"restarted": str(self.cluster.clock.now())}}}
                await self.mesh.client.merge(
                    DEPLOYMENTS, name, "bookinfo", {"spec": {"template": note}}
                )
                await self.mesh.ready(name, "bookinfo")

        async def settled() -> bool:
            pods = await self.mesh.client.list(PODS, "bookinfo")
            return not any("deletionTimestamp" in pod["metadata"] for pod in pods)

        await eventually(settled)

    async def apply(self, path: str) -> None:
        """Applies one of Bookinfo's samples."""
        await self.mesh.sample(f"bookinfo/{path}.yaml")

    async def flow(self, stage: str) -> None:
        """Lets the stage's traffic flow, until nothing of another stage is within a minute's range
        or a cache."""
        self.feed.start(TRAFFIC[stage])
        await self.feed.steady(65)

    async def answers(self, stage: str) -> dict[str, Answer]:
        """What Kiali says of the stage's traffic; asked again when the machine was too busy to
        scrape meanwhile."""
        while True:
            await self.flow(stage)
            found = {name: await self.ask(path) for name, path in QUESTIONS.items()}
            if not self.feed.starved(2 * 65):
                return found

    async def bare(self) -> None:
        """Bookinfo without sidecars."""
        await self.mesh.bookinfo()

    async def sidecars(self) -> None:
        """Injection, and the gateway."""
        await self.label(istio_injection="enabled")
        await self.restart()
        for obj in self.samples["bookinfo/gateway-api/bookinfo-gateway.yaml"]:
            note = {"annotations": {"networking.istio.io/service-type": "ClusterIP"}}
            await self.mesh.client.apply(
                placed({**obj, "metadata": obj["metadata"] | note}, "bookinfo")
            )
        await self.mesh.settles(GATEWAYS, "bookinfo-gateway", "True:Programmed")

    async def route(self) -> None:
        """All DestinationRules, and version 2 for one user."""
        await self.apply("networking/destination-rule-all")
        await self.apply("networking/virtual-service-reviews-test-v2")

    async def fault(self) -> None:
        """ratings fails for that user."""
        await self.apply("networking/virtual-service-ratings-test-abort")

    async def broken(self) -> None:
        """The DestinationRule of reviews is gone."""
        await self.mesh.client.delete(RULES, "reviews", "bookinfo")

    async def ambient(self) -> None:
        """No rules, no sidecars; captured by ztunnel."""
        for ref in (RULES, ROUTES):
            for each in await self.mesh.client.list(ref, "bookinfo"):
                await self.mesh.client.delete(ref, each["metadata"]["name"], "bookinfo")
        await self.mesh.go_ambient()
        await self.label(istio_injection=None)
        await self.restart()
        await self.label(istio__dataplane_mode="ambient")
        await eventually(self._captured)

    async def _captured(self) -> bool:
        pods = await self.mesh.client.list(PODS, "bookinfo")
        note = "ambient.istio.io/redirection"
        return all(
            note in (p["metadata"].get("annotations") or {})
            for p in pods
            if "app" in p["metadata"]["labels"]
        )

    async def waypoint(self) -> None:
        """A waypoint for the namespace, under ambient."""
        await self.make_waypoint()
        await self.label(istio__use_waypoint="waypoint")

    async def waypoint_only(self) -> None:
        """A waypoint that nothing leads to yet."""
        await self.mesh.go_ambient()
        await self.make_waypoint()

    async def make_waypoint(self) -> None:
        """The Gateway, and what istiod makes of it."""
        await eventually(lambda: self.mesh.accepted("istio-waypoint"))
        listener = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
        spec = {"gatewayClassName": "istio-waypoint", "listeners": [listener]}
        meta = {"name": "waypoint", "namespace": "bookinfo"}
        gateway = {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": meta,
            "spec": spec,
        }
        await self.mesh.client.apply(gateway)
        await self.mesh.settles(GATEWAYS, "waypoint", "True:Programmed")
        await self.mesh.ready("waypoint", "bookinfo")


@asynccontextmanager
async def world(kiali: str, speed: float = SPEED) -> AsyncIterator[World]:
    """A mesh with Prometheus and that Kiali, and no application yet."""
    clock = Clock(speed)
    feed = Feed(clock)
    cluster = EmbeddedCluster(
        clock, (*istio.create_programs(clock), *observability.create_programs(clock, feed))
    )
    await cluster.start()
    try:
        made = World(cluster, feed, ISTIO[kiali])
        await made.mesh.install()
        await made.mesh.gateway_api()
        await made.addon("prometheus", ("prometheus",))
        await made.addon("kiali", ("kiali",))
        yield made
    finally:
        await cluster.stop()


async def ingress(made: World) -> None:
    """istio-ingressgateway, as the default profile has it."""
    container = {"name": "istio-proxy", "image": f"docker.io/istio/proxyv2:{made.mesh.version}"}
    labels = {"app": "istio-ingressgateway", "istio": "ingressgateway"}
    await made.mesh.client.apply(workload("Deployment", "istio-ingressgateway", labels, container))
    await made.mesh.ready("istio-ingressgateway", SYSTEM)


async def play(kiali: str) -> dict[str, dict[str, Answer]]:
    """What that Kiali answers at every stage, by stage and question."""
    answers: dict[str, dict[str, Answer]] = {}
    async with world(kiali) as made:
        await ingress(made)
        for stage in STAGES:
            await getattr(made, stage)()
            if stage == "ambient":
                await made.mesh.client.delete(DEPLOYMENTS, "istio-ingressgateway", SYSTEM)
            answers[stage] = await made.answers(stage)
    return answers


_PLAYED: dict[str, dict[str, dict[str, Answer]]] = {}


def played(kiali: str) -> dict[str, dict[str, Answer]]:
    """What that Kiali answers at every stage, by stage and question; gone through once."""
    if kiali not in _PLAYED:
        _PLAYED[kiali] = asyncio.run(play(kiali))
    return _PLAYED[kiali]
