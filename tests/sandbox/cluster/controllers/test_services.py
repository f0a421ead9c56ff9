"""Services: their EndpointSlices and Endpoints, and calls that reach programs in pods."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest

from sandbox.clock import Clock
from sandbox.cluster.contract import ApiError, Object, Request
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.cluster.machinery.meta import ENDPOINT_SLICES, ENDPOINTS, PODS, SERVICES, owners_of
from tests.sandbox.cluster.controllers.world import Echo, World, deployment, service

UNREADY = {"sandbox.meshbot.dev/unready": "true"}


def serves(port: int, slice_: Object) -> bool:
    """Whether the slice has one ready endpoint on that port."""
    return ready_addresses(slice_) == 1 and bool(slice_["ports"][0]["port"] == port)


def ready_addresses(slice_: Object) -> int:
    """How many endpoints are ready."""
    return sum(each["conditions"]["ready"] for each in slice_.get("endpoints") or [])


async def test_slices_follow_ready_pods(world: World) -> None:
    """A Service's slice lists its ready pods with the port that they give the name of, and belongs
    to the Service."""
    ports = [{"name": "http", "containerPort": 9080}]
    await world.client.create(
        service("web", "web", ports=[{"name": "http", "port": 80, "targetPort": "http"}])
    )
    await world.deploy("web", replicas=2, container={"ports": ports})
    slice_ = await world.until(ENDPOINT_SLICES, lambda obj: ready_addresses(obj) == 2)
    assert slice_["ports"] == [{"name": "http", "port": 9080, "protocol": "TCP"}]
    assert slice_["metadata"]["labels"]["kubernetes.io/service-name"] == "web"
    assert owners_of(slice_)[0]["kind"] == "Service"
    endpoints = await world.until(
        ENDPOINTS, lambda obj: len(obj.get("subsets", [{}])[0].get("addresses", [])) == 2, "web"
    )
    assert endpoints["subsets"][0]["ports"] == [{"name": "http", "port": 9080, "protocol": "TCP"}]


async def test_pods_that_are_not_ready(world: World) -> None:
    """An unready pod is listed as such, unless the Service publishes it anyway."""
    await world.client.create(service("web", "web"))
    await world.client.create(
        service("all", "web", clusterIP="None", publishNotReadyAddresses=True)
    )
    await world.client.create(deployment("web", annotations=UNREADY))
    endpoints = await world.until(ENDPOINTS, lambda obj: bool(obj.get("subsets")), "web")
    assert [sorted(each) for each in endpoints["subsets"]] == [["notReadyAddresses", "ports"]]
    published = await world.until(ENDPOINTS, lambda obj: bool(obj.get("subsets")), "all")
    assert "addresses" in published["subsets"][0]
    assert "service.kubernetes.io/headless" in published["metadata"]["labels"]


async def test_an_empty_service_keeps_its_slice(world: World) -> None:
    """A Service without pods has one empty slice, which follows the Service's labels and later its
    pods."""
    await world.client.create(service("web", "web"))
    first = await world.until(ENDPOINT_SLICES, lambda obj: True)
    await world.client.merge(SERVICES, "web", "demo", {"metadata": {"labels": {"team": "shop"}}})
    await world.until(ENDPOINT_SLICES, lambda obj: obj["metadata"]["labels"].get("team") == "shop")
    await world.deploy("web")
    last = await world.until(ENDPOINT_SLICES, lambda obj: ready_addresses(obj) == 1)
    assert last["metadata"]["uid"] == first["metadata"]["uid"]


async def test_named_ports_that_differ(world: World) -> None:
    """Pods that give one port name different numbers are listed in slices of their own."""
    await world.client.create(
        service("web", "web", ports=[{"port": 80, "targetPort": "http"}], selector={"team": "shop"})
    )
    for name, number in (("one", 8081), ("two", 8082)):
        labels = {"team": "shop", "app": name}
        container = {
            "name": "main",
            "image": "nginx:1",
            "ports": [{"name": "http", "containerPort": number}],
        }
        meta = {"name": name, "namespace": "demo", "labels": labels}
        await world.client.create(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": meta,
                "spec": {"containers": [container]},
            }
        )
    for number in (8081, 8082):
        await world.until(ENDPOINT_SLICES, partial(serves, number))


async def test_a_service_takes_its_endpoints_along(world: World) -> None:
    """A deleted Service leaves neither Endpoints nor slices."""
    await world.client.create(service("web", "web"))
    slice_ = await world.until(ENDPOINT_SLICES, lambda obj: True)
    await world.until(ENDPOINTS, lambda obj: True, "web")
    await world.client.delete(SERVICES, "web", "demo")
    await world.gone(ENDPOINTS, "web")
    await world.gone(ENDPOINT_SLICES, slice_["metadata"]["name"])


@pytest.fixture
def echo() -> Echo:
    """The program of pods called echo."""
    return Echo()


@pytest.fixture
async def echoing(echo: Echo) -> AsyncIterator[World]:
    """A cluster in which two echo pods stand behind the Service `echo`, and nothing behind `empty`."""
    cluster = EmbeddedCluster(Clock(50), [echo])
    await cluster.start()
    world = World(cluster)
    await world.namespace("demo")
    await world.client.create(service("echo", "echo"))
    await world.client.create(
        service("odd", "echo", ports=[{"name": "odd", "port": 81, "targetPort": 9}])
    )
    await world.client.create(service("empty", "nobody"))
    await world.deploy("echo", replicas=2)
    await world.until(
        ENDPOINTS, lambda obj: len(obj.get("subsets", [{}])[0].get("addresses", [])) == 2, "echo"
    )
    yield world
    await cluster.stop()


async def call(world: World, name: str, port: int | str, path: str = "/hi") -> str:
    """The answer of a Service, or why there is none."""
    backends = world.cluster.server.backends
    assert backends is not None
    try:
        return (await backends.call("demo", name, port, Request("GET", path))).body.decode()
    except ApiError as error:
        return f"{error.code} {error.message}"


async def test_calls_take_turns(echoing: World) -> None:
    """A Service's calls go to its ready pods in turn, by port number, name or none."""
    answers = [await call(echoing, "echo", port) for port in (80, "", 80, "80")]
    names = {pod["metadata"]["name"] for pod in await echoing.pods("echo")}
    assert {answer.split()[0] for answer in answers} == names
    assert all(answer.endswith(" GET /hi") for answer in answers)


@pytest.mark.parametrize(
    ("name", "port", "path", "answer"),
    [
        ("nobody", 80, "/", '503 service "nobody" not found'),
        ("empty", 80, "/", '503 no endpoints available for service "empty"'),
        ("echo", "grpc", "/", '503 no endpoints available for service "echo:grpc"'),
        ("echo", 99, "/", '503 no service port 99 found for service "echo"'),
        ("odd", 81, "/", "connect: connection refused"),
        ("echo", 80, "/fail", "read: connection reset by peer"),
    ],
)
async def test_calls_that_fail(
    echoing: World, name: str, port: int | str, path: str, answer: str
) -> None:
    """Failures are told in the API server's words."""
    assert (await call(echoing, name, port, path)).endswith(answer)


async def test_calls_of_one_pod(echoing: World) -> None:
    """One pod can be called by its name and port."""
    backends = echoing.cluster.server.backends
    name = (await echoing.pods("echo"))[0]["metadata"]["name"]
    assert backends is not None
    response = await backends.call_pod("demo", name, 8080, Request("GET", "/me"))
    assert response.body.decode() == f"{name} GET /me"
    with pytest.raises(ApiError, match="connection refused"):
        await backends.call_pod("demo", name, "", Request("GET", "/"))


async def test_programs_stop_with_their_pods(echoing: World, echo: Echo) -> None:
    """The program of a deleted pod is stopped, once, and no call reaches it any more."""
    name = (await echoing.pods("echo"))[0]["metadata"]["name"]
    await echoing.client.delete(PODS, name, "demo")
    await echoing.gone(PODS, name)
    assert echo.stopped == [name]
    assert name not in await call(echoing, "echo", 80)


async def test_a_dead_node_times_out(echoing: World) -> None:
    """Calls to a pod on a node without power end in a timeout until the endpoint is taken out."""
    await echoing.cluster.stop_node("node-1")
    answers = {(await call(echoing, "echo", 80))[-11:] for _ in range(2)}
    assert "i/o timeout" in answers
    await echoing.until(
        ENDPOINTS, lambda obj: len(obj["subsets"][0].get("addresses", [])) == 1, "echo"
    )
    assert (await call(echoing, "echo", 80)).endswith("GET /hi")
