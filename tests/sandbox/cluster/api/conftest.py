"""An embedded API server, and either it or a real one for the contract."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.clock import Clock
from sandbox.cluster.contract import Client
from sandbox.cluster.server import ApiServer
from tests.sandbox.cluster.api.wire import Cluster


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    """A started server with the namespace `default`."""
    server = ApiServer(Clock(), history=200)
    await server.start()
    await server.client("setup").create(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}
    )
    yield server
    await server.stop()


@pytest.fixture
def client(server: ApiServer) -> Client:
    """The API in process."""
    return server.client("tester")


@pytest.fixture
async def embedded(server: ApiServer) -> AsyncIterator[Cluster]:
    """The embedded server over HTTP."""
    cluster = Cluster(server.build_kubeconfig(), real=False)
    yield cluster
    await cluster.close()


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.realcluster)])
async def cluster(request: pytest.FixtureRequest) -> AsyncIterator[Cluster]:
    """The server under contract: embedded by default, real when REALCLUSTER is set and the marker
    chosen."""
    if request.param == "embedded":
        server = ApiServer(Clock())
        await server.start()
        cluster = Cluster(server.build_kubeconfig(), real=False)
        yield cluster
        await cluster.close()
        await server.stop()
        return
    if "REALCLUSTER" not in os.environ:
        pytest.skip("REALCLUSTER is not set: there is no real control plane here")
    cluster = Cluster(_kubeconfig(), real=True)
    yield cluster
    await cluster.close()


def _kubeconfig() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
    return found


@pytest.fixture
async def space(cluster: Cluster) -> AsyncIterator[str]:
    """A namespace of the test's own, by name."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    await cluster.post(
        "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    )
    yield name
    await cluster.delete(f"/api/v1/namespaces/{name}")
