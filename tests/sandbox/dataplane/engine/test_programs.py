"""The programs in the embedded cluster's pods: reached through the API server, following it, ending
with their pods."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import aiohttp
import pytest

from sandbox.clock import Clock
from sandbox.cluster.contract import ApiError, Client, Ref
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.dataplane.program import DataPlane
from sandbox.istio.samples import build_sample_files
from sandbox.programs import create_programs

PODS = Ref("", "pods")
DEPLOYMENTS = Ref("apps", "deployments")
SPEED = 100.0
PEER_AUTHENTICATIONS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "peerauthentications.security.istio.io"},
    "spec": {
        "group": "security.istio.io",
        "scope": "Namespaced",
        "names": {"kind": "PeerAuthentication", "plural": "peerauthentications"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
            }
        ],
    },
}
"""As much of Istio's CRD as is needed to keep such objects."""


@dataclass
class Town:
    """Bookinfo in an embedded cluster, without a mesh."""

    cluster: EmbeddedCluster
    plane: DataPlane
    web: aiohttp.ClientSession

    @property
    def api(self) -> Client:
        """The cluster."""
        return self.cluster.client("tests")

    async def get(self, service: str, path: str) -> tuple[int, str]:
        """Through the API server's service proxy."""
        url = f"{self.cluster.url}/api/v1/namespaces/bookinfo/services/{service}/proxy{path}"
        async with self.web.get(url, allow_redirects=False) as answer:
            return answer.status, await answer.text()

    async def page(self) -> str:
        """The product page's text."""
        return (await self.get("productpage:9080", "/productpage"))[1]

    async def ready(self, count: int = 6) -> None:
        """Returns when that many pods are Ready."""
        await soon(lambda: self._are_ready(count))

    async def _are_ready(self, count: int) -> bool:
        pods = await self.api.list(PODS, "bookinfo")
        conditions = [c for p in pods for c in p.get("status", {}).get("conditions", ())]
        return (
            len([c for c in conditions if c["type"] == "Ready" and c["status"] == "True"]) == count
        )


async def soon(holds: Callable[[], Awaitable[bool]], seconds: float = 40.0) -> None:
    """Waits until something holds."""
    for _ in range(int(seconds / 0.01)):
        if await holds():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


@pytest.fixture
async def town(request: pytest.FixtureRequest) -> AsyncIterator[Town]:
    """Bookinfo, just applied; the parameter is how much faster than life time runs there."""
    clock = Clock(getattr(request, "param", SPEED))
    plane = DataPlane(clock, seed=5)
    cluster = EmbeddedCluster(clock, create_programs(clock, plane))
    await cluster.start()
    async with aiohttp.ClientSession(headers=cluster.server.credentials) as web:
        town = Town(cluster, plane, web)
        await town.api.create(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bookinfo"}}
        )
        for obj in build_sample_files("1.30.3")["bookinfo/platform/kube/bookinfo.yaml"]:
            await town.api.apply({**obj, "metadata": {**obj["metadata"], "namespace": "bookinfo"}})
        try:
            yield town
        finally:
            await cluster.stop()


@pytest.mark.long
@pytest.mark.parametrize("town", [12.0], indirect=True)
async def test_reviews_take_their_time_after_all_pods_are_ready(town: Town) -> None:
    """A Java server has no probe: the page shows an error at first, and reviews soon after."""
    await town.ready()

    async def failing() -> bool:
        return "Error fetching product reviews" in await town.page()

    await soon(failing)

    async def shown() -> bool:
        return "Reviews served by:" in await town.page()

    await soon(shown)


async def test_a_new_version_is_seen_without_being_told(town: Town) -> None:
    """The data plane follows the cluster: what is gone serves nobody."""
    await town.ready()
    for name in ("reviews-v1", "reviews-v2"):
        await town.api.delete(DEPLOYMENTS, name, "bookinfo")

    async def third_alone() -> bool:
        status, text = await town.get("productpage:9080", "/api/v1/products/0/reviews")
        pods = await town.api.list(PODS, "bookinfo", "app=reviews")
        return (
            status == 200
            and len(pods) == 1
            and json.loads(text)["podname"].startswith("reviews-v3")
        )

    await soon(third_alone)
    names = [
        json.loads((await town.get("productpage:9080", "/api/v1/products/0/reviews"))[1])
        for _ in range(8)
    ]
    assert {n["podname"][:10] for n in names} == {"reviews-v3"}


async def test_a_port_that_nothing_listens_on_refuses(town: Town) -> None:
    """The API server says so, as of any pod."""
    await town.ready()
    pod = (await town.api.list(PODS, "bookinfo", "app=details"))[0]["metadata"]["name"]
    url = f"{town.cluster.url}/api/v1/namespaces/bookinfo/pods/{pod}:8080/proxy/details/0"
    async with town.web.get(url) as answer:
        assert answer.status == 503
        assert "connection refused" in await answer.text()


async def test_plain_text_to_a_strict_pod_is_a_cut_connection(town: Town) -> None:
    """The API server's proxy is outside the mesh: PeerAuthentication STRICT keeps it out, in the
    API server's words."""
    await town.ready()
    pod = (await town.api.list(PODS, "bookinfo", "app=details"))[0]
    sidecar = {"metadata": {"annotations": {"sidecar.istio.io/status": "{}"}}}
    await town.api.merge(PODS, pod["metadata"]["name"], "bookinfo", sidecar)
    istiod = {"name": "discovery", "image": "docker.io/istio/pilot:1.30.3"}
    meta = {"name": "istiod", "namespace": "bookinfo", "labels": {"app": "istiod"}}
    await town.api.create(
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [istiod]}}
    )
    await town.ready(7)
    await town.api.create(PEER_AUTHENTICATIONS)
    strict = {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": {"name": "default", "namespace": "bookinfo"},
        "spec": {"mtls": {"mode": "STRICT"}},
    }

    async def cut() -> bool:
        status, text = await town.get("details:9080", "/details/0")
        return status == 503 and "connection reset by peer" in text

    async def applied() -> bool:
        try:
            return bool(await town.api.apply(strict))
        except ApiError:
            return False

    await soon(applied)
    await soon(cut)


async def test_no_pods_is_not_an_answer(town: Town) -> None:
    """A Service without endpoints is the API server's own 503."""
    await town.ready()
    await town.api.merge(DEPLOYMENTS, "productpage-v1", "bookinfo", {"spec": {"replicas": 0}})

    async def gone() -> bool:
        status, text = await town.get("productpage:9080", "/productpage")
        return status == 503 and 'no endpoints available for service \\"productpage\\"' in text

    await soon(gone)


async def test_it_sleeps_when_its_last_pod_is_gone_and_wakes_again(town: Town) -> None:
    """Nothing is followed meanwhile, and afterwards everything is."""
    await town.ready()
    deployments = [d["metadata"]["name"] for d in await town.api.list(DEPLOYMENTS, "bookinfo")]

    async def scale(replicas: int) -> None:
        for name in deployments:
            await town.api.merge(DEPLOYMENTS, name, "bookinfo", {"spec": {"replicas": replicas}})

    async def asleep() -> bool:
        return not town.plane.is_following

    await scale(0)
    await soon(asleep)
    await scale(1)
    await town.ready()

    async def answers() -> bool:
        return (await town.get("productpage:9080", "/api/v1/products/0"))[0] == 200

    await soon(answers)
