"""`kubectl port-forward`: a local port that leads to a pod's, over both protocols."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from tests.sandbox.cluster.controllers.world import World
from tests.sandbox.cluster.pods.conftest import Run

OVER_SPDY = {"KUBECTL_PORT_FORWARD_WEBSOCKETS": "false"}


@asynccontextmanager
async def forwarded(
    config: Path, port: str, **more: str
) -> AsyncIterator[tuple[str, asyncio.StreamReader]]:
    """A running port-forward to the Service `web`: the local URL, and what it says further."""
    process = await asyncio.create_subprocess_exec(
        "kubectl",
        "--namespace=demo",
        "port-forward",
        "svc/web" if port == "80" else "deploy/web",
        f":{port}",
        env={**os.environ, "KUBECONFIG": str(config), "HOME": str(config.parent), **more},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        line = (await process.stdout.readline()).decode()
        found = re.match(r"Forwarding from 127.0.0.1:(\d+) ->", line)
        assert found, line
        yield f"http://127.0.0.1:{found[1]}", process.stdout
    finally:
        # One that lost its connection may have ended already.
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


@pytest.mark.parametrize("protocol", [{}, OVER_SPDY], ids=["websocket", "spdy"])
async def test_requests_reach_the_pod(
    world: World, kubectl: Run, tmp_path: Path, protocol: dict[str, str]
) -> None:
    """Several requests of several connections are answered, bodies and codes included."""
    async with (
        forwarded(tmp_path / "kubeconfig", "80", **protocol) as (url, _),
        aiohttp.ClientSession() as client,
    ):
        body = "x" * 100_000
        for path, status in (("/a", 200), ("/missing", 404)):
            async with client.post(f"{url}{path}", data=body) as answer:
                got = answer.status, await answer.text()
                assert got == (status, f"POST {path} {body}\n")
        texts = await asyncio.gather(*(_get(client, f"{url}/{n}") for n in range(5)))
        assert texts == [f"GET /{n} \n" for n in range(5)]


async def _get(client: aiohttp.ClientSession, url: str) -> str:
    async with client.get(url) as answer:
        return await answer.text()


async def test_a_port_where_nothing_listens(world: World, kubectl: Run, tmp_path: Path) -> None:
    """kubectl says that the connection was refused."""
    async with (
        forwarded(tmp_path / "kubeconfig", "9999") as (url, said),
        aiohttp.ClientSession() as client,
    ):
        with pytest.raises(aiohttp.ClientError):
            await _get(client, url)
        async with asyncio.timeout(40):
            while b"connection refused" not in (line := await said.readline()):
                assert line
