"""The data plane outside the cluster's process: the API over HTTP, and servers at pods' own
addresses."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from bot.cli.main import main
from sandbox.clock import Clock
from sandbox.cluster.contract import ApiError, Client, Object, Process, Ref, Request, Response
from sandbox.cluster.server import ApiServer
from sandbox.dataplane.attach.attachment import Attachment
from sandbox.dataplane.attach.client import HttpClient
from sandbox.istio.ctl.kubeconfig import load_cluster_access

MAPS, PODS = Ref("", "configmaps"), Ref("", "pods")


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    """An API server with the namespace `default` and nothing that runs pods."""
    server = ApiServer(Clock())
    await server.start()
    await server.client("setup").create(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}
    )
    yield server
    await server.stop()


@pytest.fixture(params=["in process", "over HTTP"])
async def client(
    request: pytest.FixtureRequest, server: ApiServer, tmp_path: Path
) -> AsyncIterator[Client]:
    """The same API both ways."""
    if request.param == "in process":
        yield server.client("tester")
        return
    config = tmp_path / "kubeconfig"
    config.write_text(yaml.safe_dump(server.build_kubeconfig()))
    over_http = HttpClient(load_cluster_access(str(config), ""), "tester")
    yield over_http
    await over_http.close()


def a_map(name: str, **data: str) -> Object:
    """A ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default", "labels": {"of": name}},
        "data": data,
    }


async def test_objects_are_written_and_read(client: Client) -> None:
    """Create, apply, merge, update, get, list, delete mean the same both ways."""
    await client.create(a_map("one", a="1"))
    await client.acting_as("other").apply(a_map("two", b="2"))
    merged = await client.merge(MAPS, "one", "default", {"data": {"c": "3"}})
    assert merged["data"] == {"a": "1", "c": "3"}
    await client.update({**merged, "data": {"a": "4"}})
    found = await client.list(MAPS, "default", "of in (one,two)")
    assert [(m["kind"], m["data"]) for m in found] == [
        ("ConfigMap", {"a": "4"}),
        ("ConfigMap", {"b": "2"}),
    ]
    two = await client.get(MAPS, "two", "default")
    assert two is not None
    assert two["metadata"]["managedFields"][0]["manager"] == "other"
    await client.delete(MAPS, "two", "default")
    assert await client.get(MAPS, "two", "default") is None


async def test_refusals_have_their_code_and_words(client: Client) -> None:
    """What the API server says arrives unchanged."""
    await client.create(a_map("one"))
    with pytest.raises(ApiError, match='configmaps "one" already exists') as refusal:
        await client.create(a_map("one"))
    assert (refusal.value.code, refusal.value.reason) == (409, "AlreadyExists")
    with pytest.raises(ApiError) as unserved:
        await client.list(Ref("nonesuch.example", "things"))
    assert unserved.value.code == 404


async def test_a_watch_begins_with_what_is_there(client: Client) -> None:
    """Then it tells of every change."""
    await client.create(a_map("one"))
    seen: list[tuple[str, str]] = []
    watch = client.watch(MAPS, "default")
    async with asyncio.timeout(40):
        async for event in watch:
            seen.append((event.type, event.object["metadata"]["name"]))
            if len(seen) == 1:
                await client.create(a_map("two"))
                await client.delete(MAPS, "one", "default")
            if len(seen) == 3:
                break
    await watch.aclose()  # type: ignore[attr-defined]  # both are generators
    assert seen == [("ADDED", "one"), ("ADDED", "two"), ("DELETED", "one")]


class Greeting:
    """A program that says on which port it was asked; on its second port nothing listens."""

    def __init__(self) -> None:
        self.running = 0
        self.ended = asyncio.Event()

    def runs_in(self, pod: Object) -> bool:
        """In pods that are labelled so."""
        return bool(pod["metadata"]["labels"].get("app") == "greeting")

    async def start(self, pod: Object, client: Client) -> Process:
        """One more."""
        self.running += 1
        self.deaf = pod["spec"]["containers"][0]["ports"][1]["containerPort"]
        return self

    async def handle(self, port: int, request: Request) -> Response | None:
        """Says what it got."""
        if port == self.deaf:
            return None
        text = f"{port} {request.method} {request.path} {request.query} {request.body.decode()}"
        return Response(200, text.encode(), {"X-From": "greeting"})

    async def stop(self) -> None:
        """One less."""
        self.running -= 1
        self.ended.set()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on just now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for each in sockets:
        each.close()
    return ports


async def a_pod(
    client: Client, ports: list[int], *, name: str = "p", address: str = "127.0.0.1"
) -> None:
    """A pod that runs, as somebody else's kubelet says; usually at an address of this machine."""
    container = {"name": "c", "image": "i", "ports": [{"containerPort": port} for port in ports]}
    meta = {"name": name, "namespace": "default", "labels": {"app": "greeting"}}
    await client.create(
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [container]}}
    )
    status = {"status": {"phase": "Running", "podIP": address}}
    await client.merge(PODS, name, "default", status, subresource="status")


@asynccontextmanager
async def attached(server: ApiServer, program: Greeting) -> AsyncIterator[None]:
    """That program behind the pods of the cluster."""
    attachment = Attachment(server.client("attached"), Clock(100), (program,))
    await attachment.start()
    try:
        yield
    finally:
        await attachment.stop()


async def reached(url: str, **more: Any) -> tuple[int, str]:
    """Asks until somebody answers."""
    async with asyncio.timeout(40), aiohttp.ClientSession() as web:
        while True:
            try:
                async with web.post(url, **more) as answer:
                    return answer.status, await answer.text()
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.01)


async def test_pods_answer_at_their_own_addresses(server: ApiServer) -> None:
    """On their container ports, while they run; a port that nothing listens on cuts the connection."""
    program, ports = Greeting(), free_ports(2)
    async with attached(server, program):
        await a_pod(server.client("kubelet"), ports)
        url = f"http://127.0.0.1:{ports[0]}/there?x=1"
        assert await reached(url, data=b"hello") == (200, f"{ports[0]} POST /there x=1 hello")
        with pytest.raises(aiohttp.ClientError):
            await reached(f"http://127.0.0.1:{ports[1]}/")
        await server.client("kubelet").delete(PODS, "p", "default", grace=0)
        async with asyncio.timeout(40):
            await program.ended.wait()
    assert program.running == 0


async def test_ports_of_services_are_listened_on_too(server: ApiServer) -> None:
    """Gateways name no container port for their listeners: their Service does, sometimes later."""
    program, ports = Greeting(), free_ports(3)
    async with attached(server, program):
        await a_pod(server.client("kubelet"), ports[:2])
        await reached(f"http://127.0.0.1:{ports[0]}/")
        meta = {"name": "s", "namespace": "default"}
        spec = {"selector": {"app": "greeting"}, "ports": [{"port": 80, "targetPort": ports[2]}]}
        await server.client("t").create(
            {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}
        )
        assert (await reached(f"http://127.0.0.1:{ports[2]}/later"))[1].startswith(
            f"{ports[2]} POST /later"
        )


async def test_addresses_of_other_machines_are_said_once(
    server: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    """On an ordinary cluster nothing can stand in for pods, and that is one sentence, not one for
    each."""
    program, ports = Greeting(), free_ports(2)
    async with attached(server, program):
        for name in ("far", "away"):
            await a_pod(server.client("kubelet"), ports, name=name, address="203.0.113.7")
        await a_pod(server.client("kubelet"), ports)
        await reached(f"http://127.0.0.1:{ports[0]}/")
    assert [r.message.partition(":")[0] for r in caplog.records] == [
        "pod addresses such as 203.0.113.7"
    ]


def test_the_embedded_cluster_needs_no_second_data_plane(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Asking for one without a real cluster is refused in a sentence."""
    assert main(["sandbox", "--data-plane", "embedded"]) == 2
    assert "say --cluster kubeconfig as well" in capsys.readouterr().err
