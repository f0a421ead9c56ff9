"""`kubectl logs`: what containers wrote, how much of it, and what they go on writing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from sandbox.clock import Clock
from sandbox.cluster.contract import Object, Ref
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.cluster.log_buffer import LogBuffer
from tests.sandbox.cluster.controllers.world import World
from tests.sandbox.cluster.pods.conftest import Greeter, Run


class Writer(Greeter):
    """A program with one log."""

    def __init__(self) -> None:
        self.log = LogBuffer(Clock())

    def find_log(self, pod: Object, container: str) -> LogBuffer | None:
        return self.log if container == "main" else None


@pytest.fixture
def writer() -> Writer:
    made = Writer()
    for number in range(4):
        made.log.write(f"line {number}")
    return made


@pytest.fixture
async def world(writer: Writer) -> AsyncIterator[World]:
    """One ready pod, `web`, with a log of four lines."""
    cluster = EmbeddedCluster(Clock(200), programs=(writer,))
    await cluster.start()
    world = World(cluster)
    await world.namespace("demo")
    await world.deploy("web")
    yield world
    await cluster.stop()


async def test_the_whole_log_and_parts(kubectl: Run) -> None:
    """`--tail` counts from the end, `--timestamps` shows the moments, `--previous` is refused."""
    code, out, _ = await kubectl("logs", "deploy/web")
    assert (code, out) == (0, "line 0\nline 1\nline 2\nline 3\n")
    assert (await kubectl("logs", "deploy/web", "--tail=1"))[1] == "line 3\n"
    assert (await kubectl("logs", "deploy/web", "--since=1h", "--tail=2"))[1].count("\n") == 2
    assert "Z line 3" in (await kubectl("logs", "deploy/web", "--timestamps"))[1]
    code, _, err = await kubectl("logs", "deploy/web", "--previous")
    assert code == 1
    assert 'previous terminated container "main" in pod' in err


async def test_following(world: World, writer: Writer, tmp_path: Path) -> None:
    """New lines arrive as they are written; the stream ends with the pod."""
    pod = (await world.pods("web"))[0]["metadata"]["name"]
    user = world.cluster.build_kubeconfig()["users"][0]["user"]
    headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
    url = f"{world.cluster.url}/api/v1/namespaces/demo/pods/{pod}/log?follow=true&tailLines=1"
    async with (
        asyncio.timeout(40),
        aiohttp.ClientSession(headers=headers) as client,
        client.get(url) as answer,
    ):
        assert await answer.content.readline() == b"line 3\n"
        writer.log.write("line 4")
        assert await answer.content.readline() == b"line 4\n"
        await world.client.delete(Ref("", "pods"), pod, "demo", grace=0)
        assert await answer.content.readline() == b""


async def test_lines_since_a_moment() -> None:
    """A log gives what was written since then."""
    log = LogBuffer(Clock())
    log.write("one")
    assert [line.text for line in log.select(seconds=60)] == ["one"]
    later = log.select()[0].stamp + timedelta(seconds=1)
    assert log.select(since=later) == []
