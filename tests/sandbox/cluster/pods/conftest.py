"""A cluster whose pods answer HTTP on port 8080, and a kubectl that speaks to it."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from sandbox.clock import Clock
from sandbox.cluster.contract import Client, Object, Request, Response
from sandbox.cluster.embedded import EmbeddedCluster
from tests.sandbox.cluster.controllers.world import World, service

Run = Callable[..., Awaitable[tuple[int, str, str]]]
"""Runs kubectl: exit code, standard output, standard error."""


class Greeter:
    """The program of every pod: it says what it was asked."""

    def runs_in(self, pod: Object) -> bool:
        return True

    async def start(self, pod: Object, client: Client) -> Greeter:
        return self

    async def handle(self, port: int, request: Request) -> Response | None:
        if port != 8080:
            return None
        text = f"{request.method} {request.path} {request.body.decode()}\n"
        return Response(404 if request.path == "/missing" else 200, text.encode())

    async def stop(self) -> None:
        """Nothing to stop."""


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """One ready pod, `web`, behind a Service on port 80."""
    cluster = EmbeddedCluster(Clock(200), programs=(Greeter(),))
    await cluster.start()
    world = World(cluster)
    await world.namespace("demo")
    await world.client.create(service("web", "web"))
    await world.deploy("web", container={"env": [{"name": "VERSION", "value": "v1"}]})
    yield world
    await cluster.stop()


@pytest.fixture
def kubectl(world: World, tmp_path: Path) -> Run:
    """An ordinary kubectl in `demo`. `typed` is its input; `more` its environment."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    config = world.cluster.write_kubeconfig(tmp_path / "kubeconfig")

    async def run(*arguments: str, typed: str = "", **more: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            "kubectl",
            "--namespace=demo",
            *arguments,
            env={**os.environ, "KUBECONFIG": str(config), "HOME": str(tmp_path), **more},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(typed.encode())
        return process.returncode or 0, out.decode(), err.decode()

    return run
