"""A running embedded cluster with a namespace `demo`, fifty times as fast as the clock on the wall."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sandbox.clock import Clock
from sandbox.cluster.embedded import EmbeddedCluster
from tests.sandbox.cluster.controllers.world import World


@pytest.fixture
async def cluster() -> AsyncIterator[EmbeddedCluster]:
    """A cluster with two nodes and no programs."""
    cluster = EmbeddedCluster(Clock(50))
    await cluster.start()
    yield cluster
    await cluster.stop()


@pytest.fixture
async def hasty() -> AsyncIterator[World]:
    """A world in which minutes pass in a moment."""
    cluster = EmbeddedCluster(Clock(1000))
    await cluster.start()
    world = World(cluster)
    await world.namespace("demo")
    yield world
    await cluster.stop()


@pytest.fixture
async def world(cluster: EmbeddedCluster) -> World:
    """The cluster with its namespace `demo`."""
    world = World(cluster)
    await world.namespace("demo")
    return world
