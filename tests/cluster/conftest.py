"""The clusters that the adapter is held against: the real one, the embedded one, and a stage for
misbehaviour."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.cluster import Api, KubernetesCluster, connect
from bot.kinds import NAMESPACE
from sandbox.clock import Clock
from sandbox.cluster.embedded import EmbeddedCluster
from tests.cluster.stage import Stage, api_of


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """An API server that does as it is told."""
    made = Stage()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def api(stage: Stage, tmp_path: Path) -> AsyncIterator[Api]:
    """A connection to the stage, with little patience."""
    made = await api_of(stage, tmp_path)
    yield made
    await made.close()


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.realcluster)])
async def cluster_kubeconfig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Path]:
    """The kubeconfig of a whole cluster: the embedded one, or the real one that this test runs
    inside."""
    if request.param == "real":
        if not os.environ.get("REALCLUSTER"):
            pytest.skip("no real control plane here: REALCLUSTER is not set")
        yield Path(os.environ["KUBECONFIG"])
        return
    embedded = EmbeddedCluster(Clock())
    await embedded.start()
    yield embedded.write_kubeconfig(tmp_path / "kubeconfig")
    await embedded.stop()


@pytest.fixture
async def whole(cluster_kubeconfig: Path) -> AsyncIterator[Api]:
    """A connection to a whole cluster."""
    made = await connect(kubeconfig=cluster_kubeconfig, context=None, in_cluster=False)
    yield made
    await made.close()


@pytest.fixture
async def cluster(whole: Api) -> KubernetesCluster:
    """The adapter on a whole cluster."""
    return KubernetesCluster(whole)


@pytest.fixture
async def namespace(cluster: KubernetesCluster) -> AsyncIterator[str]:
    """A namespace of the test's own."""
    name = f"test-{secrets.token_hex(4)}"
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    await cluster.delete(NAMESPACE, name)
