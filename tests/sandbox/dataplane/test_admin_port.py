"""The administration port of a proxy in a running pod, asked as `istioctl` does: over the API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.clock import Clock
from sandbox.cluster.contract import Object, Ref
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.programs import create_programs
from tests.sandbox.istio.ctl.conftest import Outcome, typed

PODS = Ref("", "pods")
LABELS = {"app": "web"}
POD: Object = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "web",
        "namespace": "default",
        "labels": LABELS,
        "annotations": {"sidecar.istio.io/status": "{}"},
    },
    "spec": {
        "containers": [
            {"name": "web", "image": "web:1", "ports": [{"name": "http", "containerPort": 8000}]},
            {"name": "istio-proxy", "image": "proxyv2:1.30.3"},
        ]
    },
}
SERVICE: Object = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {"selector": LABELS, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
}


@pytest.fixture
async def cluster() -> AsyncIterator[EmbeddedCluster]:
    """A cluster with an application that is not Bookinfo's, and a sidecar beside it."""
    clock = Clock(100.0)
    made = EmbeddedCluster(clock, programs=create_programs(clock))
    await made.start()
    client = made.client("test")
    await client.create(SERVICE)
    await client.create(POD)
    async with asyncio.timeout(30):
        async for event in client.watch(PODS, "default"):
            if (event.object.get("status") or {}).get("phase") == "Running":
                break
    yield made
    await made.stop()


async def test_a_sidecar_tells_what_it_routes_by(cluster: EmbeddedCluster, tmp_path: Path) -> None:
    """Whatever application it stands beside; its own port by the name in the Service."""
    kubeconfig = str(cluster.write_kubeconfig(tmp_path / "kubeconfig"))

    async def ask(*words: str) -> Outcome:
        return await asyncio.to_thread(typed, "pc", *words, "--kubeconfig", kubeconfig)

    clusters = await ask("c", "web")
    assert "web.default.svc.cluster.local" in clusters.out
    assert "inbound" in clusters.out
    routes = await ask("routes", "pod/web.default", "--name", "inbound|8000||")
    assert "inbound|http|80" in routes.out
    listeners = await ask("l", "svc/web", "-n", "default", "--port", "15006")
    assert "Addr: *:8000" in listeners.out
    other = await ask("c", "nope")
    assert other.err.endswith('pods "nope" not found\n')


async def test_levels_of_loggers_are_kept(cluster: EmbeddedCluster, tmp_path: Path) -> None:
    """One, several and all of them are set, and read again; unknown ones are refused."""
    home = cluster.write_kubeconfig(tmp_path / "kubeconfig")

    async def ask(*more: str) -> Outcome:
        line = ("--kubeconfig", str(home), "pc", "log", "web.default", *more)
        return await asyncio.to_thread(typed, *line)

    assert "  http: warning\n" in (await ask()).out
    changed = await ask("--level", "http:debug,rbac:trace")
    assert "  http: debug\n" in changed.out
    assert "  rbac: trace\n" in (await ask()).out
    assert "  main: error\n" in (await ask("--level", "error")).out
    assert "  http: warning\n" in (await ask("-r")).out
    assert "unrecognized logger name: foo" in (await ask("--level", "foo:debug")).err
    assert "unrecognized logging level: loud" in (await ask("--level", "http:loud")).err
