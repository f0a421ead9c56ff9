"""Following the cluster: what is read off it, and what stays as it was while there is no istiod."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from sandbox.clock import Clock
from sandbox.cluster.contract import Client, Object, Ref
from sandbox.cluster.server import ApiServer
from sandbox.dataplane.engine.mesh_state import MeshFollower, MeshState
from sandbox.dataplane.engine.mutual_tls import find_server_mode
from sandbox.dataplane.engine.workloads import read_workload
from tests.sandbox.dataplane.engine.place import Place

PODS, SERVICES = Ref("", "pods"), Ref("", "services")
SYSTEM = "istio-system"


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """An API with the system namespace."""
    server = ApiServer(Clock(100))
    await server.start()
    client = server.client("tests")
    await client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}})
    yield client
    await server.stop()


def a_service(name: str) -> Object:
    """A Service without pods."""
    spec = {"ports": [{"name": "http", "port": 80}]}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": SYSTEM},
        "spec": spec,
    }


async def an_istiod(client: Client, version: str) -> None:
    """An istiod that is Ready."""
    meta = {"name": "istiod", "namespace": SYSTEM, "labels": {"app": "istiod"}}
    spec = {
        "containers": [
            {"name": "discovery", "image": f"docker.io/istio/pilot:{version}-distroless"}
        ]
    }
    await client.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
    ready = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
    await client.merge(PODS, "istiod", SYSTEM, ready, subresource="status")


async def until(follower: MeshFollower, holds: Callable[[MeshState], bool]) -> MeshState:
    """Waits until what is seen is as wanted."""
    for _ in range(500):
        if holds(follower.get_state()):
            return follower.get_state()
        await asyncio.sleep(0.005)
    raise TimeoutError


async def test_what_is_there_is_known_at_once(client: Client) -> None:
    """Services, the release by istiod's image, and the mesh configuration."""
    await client.create(a_service("one"))
    await an_istiod(client, "1.23.2")
    data = {"mesh": "enableTracing: true\ndefaultConfig: {tracing: {sampling: 100}}"}
    meta = {"name": "istio", "namespace": SYSTEM}
    await client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data})
    follower = MeshFollower(client)
    await follower.start()
    seen = follower.get_state()
    await follower.stop()
    assert (SYSTEM, "one") in seen.live.services
    assert (seen.pushed.version, seen.pushed.mesh["enableTracing"]) == ("1.23.2", True)


async def test_proxies_are_told_nothing_without_istiod(client: Client) -> None:
    """What is new meanwhile is live and not pushed; a new istiod tells it."""
    await an_istiod(client, "1.30.3")
    follower = MeshFollower(client)
    await follower.start()
    await client.delete(PODS, "istiod", SYSTEM, grace=0)
    await until(follower, lambda seen: not seen.live.pods)
    await client.create(a_service("late"))
    alone = await until(follower, lambda seen: (SYSTEM, "late") in seen.live.services)
    assert (SYSTEM, "late") not in alone.pushed.services
    await an_istiod(client, "1.30.3")
    await until(follower, lambda seen: (SYSTEM, "late") in seen.pushed.services)
    await follower.stop()


async def test_changes_of_pods_are_told(client: Client) -> None:
    """Each as it comes."""
    changes: list[tuple[Object | None, Object | None]] = []
    follower = MeshFollower(client, lambda *change: changes.append(change))
    await follower.start()
    await an_istiod(client, "1.30.3")
    await until(follower, lambda seen: bool(seen.live.pods))
    await client.delete(PODS, "istiod", SYSTEM, grace=0)
    await until(follower, lambda seen: not seen.live.pods)
    await follower.stop()
    (first, added), (removed, last) = changes[0], changes[-1]
    assert (first, last) == (None, None)
    assert [pod["metadata"]["name"] for pod in (added, removed) if pod] == ["istiod", "istiod"]


@pytest.mark.parametrize(
    ("rules", "strict"),
    [
        ({}, False),
        ({("istio-system", "mesh"): ({}, "STRICT")}, True),
        (
            {("istio-system", "mesh"): ({}, "STRICT"), ("bookinfo", "space"): ({}, "PERMISSIVE")},
            False,
        ),
        (
            {
                ("bookinfo", "space"): ({}, "STRICT"),
                ("bookinfo", "own"): ({"app": "details"}, "DISABLE"),
            },
            False,
        ),
        ({("bookinfo", "own"): ({"app": "reviews"}, "STRICT")}, False),
        ({("elsewhere", "space"): ({}, "STRICT")}, False),
    ],
)
def test_the_narrowest_policy_holds(
    rules: dict[tuple[str, str], tuple[dict[str, str], str]], strict: bool
) -> None:
    """PeerAuthentication: of the workload, else the namespace, else the mesh."""
    peers = {
        place: {"spec": {"selector": {"matchLabels": labels}, "mtls": {"mode": mode}}}
        for place, (labels, mode) in rules.items()
    }
    around = Place(peers=peers).around
    details = next(p for (_, name), p in around.live.pods.items() if name.startswith("details"))
    mode = find_server_mode(around.get_workload(details), 9080, around.peers)
    assert (mode == "STRICT") is strict


def test_a_pod_is_read_with_its_proxys_start() -> None:
    """Workload, identity, and where its bootstrap sends spans, at which rate."""
    around = Place().around
    pods = {read_workload(pod).name: read_workload(pod) for pod in around.live.pods.values()}
    reviews, gateway = pods["reviews-v2"], pods["bookinfo-gateway-istio"]
    assert (reviews.kind, reviews.app, reviews.version, reviews.canonical) == (
        *("sidecar", "reviews", "v2"),
        ("reviews", "v2"),
    )
    assert reviews.principal == "spiffe://cluster.local/ns/bookinfo/sa/bookinfo-reviews"
    assert (gateway.kind, gateway.app, gateway.service) == (
        "gateway",
        "unknown",
        "bookinfo-gateway-istio.bookinfo",
    )
    assert (gateway.collector, gateway.sampling) == ("zipkin.istio-system:9411", 100.0)
