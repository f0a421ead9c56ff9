"""The cluster as kubectl sees it: the commands with which people wait for a rollout."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.sandbox.cluster.controllers.world import World, deployment

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")


async def kubectl(kubeconfig: Path, *arguments: str) -> tuple[int, str]:
    """Runs kubectl in `demo`; gives its exit code and all that it printed."""
    process = await asyncio.create_subprocess_exec(
        "kubectl",
        f"--kubeconfig={kubeconfig}",
        "--namespace=demo",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


@pytest.fixture
def kubeconfig(world: World, tmp_path: Path) -> Path:
    """The kubeconfig of the cluster, in a file."""
    return world.cluster.write_kubeconfig(tmp_path / "kubeconfig")


async def test_rollout_status_and_wait(world: World, kubeconfig: Path) -> None:
    """`rollout status`, `rollout restart` and `wait` end well on a Deployment that comes up."""
    await world.client.create(deployment("web", replicas=2))
    code, out = await kubectl(kubeconfig, "rollout", "status", "deployment/web", "--timeout=10s")
    assert (code, out.splitlines()[-1]) == (0, 'deployment "web" successfully rolled out')
    code, out = await kubectl(kubeconfig, "rollout", "restart", "deployment/web")
    assert (code, out) == (0, "deployment.apps/web restarted\n")
    code, out = await kubectl(
        kubeconfig, "wait", "--for=condition=Available", "deployment/web", "--timeout=10s"
    )
    assert (code, out) == (0, "deployment.apps/web condition met\n")


async def test_rollout_status_of_a_failure(world: World, kubeconfig: Path) -> None:
    """`rollout status` fails in kubectl's words when the deadline has passed."""
    await world.client.create(deployment("web", "does-not-exist", progressDeadlineSeconds=3))
    code, out = await kubectl(kubeconfig, "rollout", "status", "deployment/web", "--timeout=10s")
    assert (code, out.splitlines()[-1]) == (
        1,
        'error: deployment "web" exceeded its progress deadline',
    )


async def test_delete_waits(world: World, kubeconfig: Path) -> None:
    """`delete namespace` returns when the namespace is gone with its contents."""
    await world.deploy("web")
    code, out = await kubectl(kubeconfig, "delete", "namespace", "demo", "--timeout=10s")
    assert (code, out.splitlines()[-1]) == (0, 'namespace "demo" deleted')
    assert await world.pods("web") == []
