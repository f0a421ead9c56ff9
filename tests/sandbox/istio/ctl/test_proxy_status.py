"""`istioctl proxy-status` and `dashboard`: what they print, and what they say when it cannot be."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from sandbox.clock import Clock
from sandbox.cluster.contract import Object, Request, Response
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.istio.release_directory import write_release
from tests.sandbox.istio.ctl.conftest import Istioctl

HEADERS = {
    "1.30.3": "NAME CLUSTER ISTIOD VERSION SUBSCRIBED TYPES",
    "1.23.2": "NAME CLUSTER CDS LDS EDS RDS ECDS ISTIOD VERSION",
}


@pytest.mark.long
@pytest.mark.parametrize("version", HEADERS)
async def test_the_proxies_of_each_release(istioctl: Istioctl, version: str) -> None:
    """The ingress gateway is there, with its istiod and what it subscribes to."""
    assert (await istioctl("install", "-y", version=version)).code == 0
    shown = await istioctl("proxy-status", version=version)
    header, line = shown.out.splitlines()
    assert " ".join(header.split()) == HEADERS[version]
    name, cluster, *rest = re.split(r" {2,}", line)
    assert re.fullmatch(r"istio-ingressgateway-\w+-\w+\.istio-system", name)
    assert cluster == "Kubernetes"
    if version == "1.30.3":
        assert rest[1:] == ["1.30.3", "3 (CDS,LDS,EDS)"]
    else:
        assert [text.partition(" ")[0] for text in rest[:5]] == ["SYNCED"] * 3 + ["IGNORED"] * 2
    assert (await istioctl("ps", "-n", "default", version=version)).out.count("\n") == 1


async def test_without_a_mesh(istioctl: Istioctl) -> None:
    """The real command's words."""
    shown = await istioctl("proxy-status")
    assert (shown.code, shown.err) == (1, 'Error: no running Istio pods in "istio-system"\n')
    shown = await istioctl("dashboard", "kiali")
    assert (shown.code, shown.err) == (1, "Error: no pods found with selector app=kiali\n")


class Addon:
    """A program at Kiali's port."""

    def runs_in(self, pod: Object) -> bool:
        return True

    async def start(self, pod: Object, client: object) -> Addon:
        return self

    async def handle(self, port: int, request: Request) -> Response | None:
        text = f"{request.method} {request.path}?{request.query} {request.body.decode()}"
        return Response(201, text.encode(), {"X-Kiali": "yes"}) if port == 20001 else None

    async def stop(self) -> None:
        """Nothing to stop."""


async def test_a_dashboard_is_served(tmp_path: Path) -> None:
    """Requests to the local port reach the addon, and Ctrl-C ends it."""
    cluster = EmbeddedCluster(Clock(200), (Addon(),))
    await cluster.start()
    client = cluster.client("test")
    for kind, metadata in (
        ("Namespace", {"name": "istio-system"}),
        ("Pod", {"name": "kiali", "namespace": "istio-system", "labels": {"app": "kiali"}}),
    ):
        spec = {"containers": [{"name": "kiali", "image": "kiali:1"}]} if kind == "Pod" else {}
        await client.create({"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec})
    release = await asyncio.to_thread(write_release, tmp_path / "istio", "1.30.3")
    config = cluster.write_kubeconfig(tmp_path / "kubeconfig")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(release.istioctl),
        *("--kubeconfig", str(config), "dashboard", "kiali", "--browser=false"),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        url = (await process.stdout.readline()).decode().strip()
        assert url.endswith("/kiali")
        async with asyncio.timeout(40), aiohttp.ClientSession() as web:
            status = 0
            while status != 201:  # the pod may still be starting
                async with web.post(f"{url}/api?a=b", data=b"x") as answer:
                    status, text = answer.status, await answer.text()
            assert (text, answer.headers["X-Kiali"]) == ("POST /kiali/api?a=b x", "yes")
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 40) == 0
    finally:
        if process.returncode is None:
            process.kill()
        await cluster.stop()
