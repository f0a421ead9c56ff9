"""The mesh that these tests share the shape of: one embedded cluster with istiod, for each test
anew."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sandbox.clock import Clock
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.istio.programs import create_programs

from .mesh import TestMesh


@pytest.fixture(params=["1.23.2", "1.30.3"])
def version(request: pytest.FixtureRequest) -> str:
    """The release that is played; a test that is about one release overrides it."""
    return str(request.param)


@pytest.fixture
async def mesh(version: str) -> AsyncIterator[TestMesh]:
    """istiod of one release, running and serving."""
    clock = Clock(50)
    cluster = EmbeddedCluster(clock, create_programs(clock))
    await cluster.start()
    try:
        made = TestMesh(cluster, version)
        await made.install()
        yield made
    finally:
        await cluster.stop()
