"""The data plane behind a real control plane, whose pods have addresses here (marker
`realcluster`)."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from sandbox.clock import Clock
from sandbox.dataplane.attach.attachment import Attachment
from sandbox.dataplane.attach.client import HttpClient
from sandbox.dataplane.program import DataPlane
from sandbox.istio.ctl.kubeconfig import ClusterAccess, load_cluster_access
from sandbox.programs import create_programs_without_istiod
from tests.marks import realcluster

pytestmark = realcluster(seconds=300)
SPEED = 20.0


async def shell(*command: str) -> None:
    """Runs a program that must succeed."""
    program = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await program.communicate()
    assert program.returncode == 0, output.decode()


@dataclass
class Real:
    """A namespace on the real cluster with the data plane attached."""

    where: ClusterAccess
    web: aiohttp.ClientSession
    namespace: str = "bookinfo"

    async def apply(self, sample: str) -> None:
        """Applies one of the release's samples."""
        path = Path(os.environ["ISTIO_HOME"]) / "samples" / "bookinfo" / f"{sample}.yaml"
        await shell("kubectl", "apply", "-n", self.namespace, "-f", str(path))

    async def page(self, cookie: str = "") -> tuple[int, str]:
        """The page through the gateway: its status, and the version that served reviews."""
        headers = {"Cookie": cookie} if cookie else {}
        async with self.web.get(self.url("/productpage"), headers=headers) as answer:
            found = re.search(r"Reviews served by:\s+(reviews-v\d+)-", await answer.text())
            return answer.status, found[1] if found else ""

    async def cookie(self, user: str) -> str:
        """Logs in."""
        form, headers = {"username": user, "passwd": ""}, {"Referer": "/productpage"}
        async with self.web.post(
            self.url("/login"), data=form, headers=headers, allow_redirects=False
        ) as answer:
            assert answer.status == 302
            return answer.headers["Set-Cookie"].partition(";")[0]

    def url(self, path: str) -> str:
        """Behind the API server's service proxy."""
        service = f"/api/v1/namespaces/{self.namespace}/services/bookinfo-gateway-istio:80/proxy"
        return f"{self.where.server}{service}{path}"


@pytest.fixture
async def real() -> AsyncIterator[Real]:
    """Istio and Bookinfo with sidecars and gateway, as somebody would install them by hand."""
    where = await asyncio.to_thread(load_cluster_access, os.environ["KUBECONFIG"], "")
    clock, client = Clock(SPEED), HttpClient(where)
    attachment = Attachment(client, clock, create_programs_without_istiod(clock, DataPlane(clock)))
    await attachment.start()
    connector = aiohttp.TCPConnector(ssl=where.context or True)
    async with aiohttp.ClientSession(connector=connector, headers=where.headers) as web:
        made = Real(where, web)
        await shell("istioctl", "install", "-y")
        await shell("kubectl", "apply", "-f", os.environ["GATEWAY_API_CRDS"])
        await shell("kubectl", "create", "namespace", made.namespace)
        await shell("kubectl", "label", "namespace", made.namespace, "istio-injection=enabled")
        yield made
        await shell("kubectl", "delete", "namespace", made.namespace)
        await shell("istioctl", "uninstall", "--purge", "-y")
        await shell("kubectl", "delete", "namespace", "istio-system")
        await shell("kubectl", "delete", "-f", os.environ["GATEWAY_API_CRDS"])
    await attachment.stop()
    await client.close()


async def test_real_objects_route_real_requests(real: Real) -> None:
    """The real API server reaches the page; a real VirtualService sends jason to version 2, and
    nobody else."""
    await real.apply("platform/kube/bookinfo")
    await real.apply("gateway-api/bookinfo-gateway")
    for _ in range(300):
        if (await real.page())[1]:
            break
        await asyncio.sleep(0.1)
    await real.apply("networking/destination-rule-all")
    await real.apply("networking/virtual-service-reviews-test-v2")
    cookie = await real.cookie("jason")
    for _ in range(100):
        if {await real.page() for _ in range(5)} == {(200, "reviews-v1")}:
            break
    assert {await real.page(cookie) for _ in range(10)} == {(200, "reviews-v2")}
    assert {await real.page() for _ in range(10)} == {(200, "reviews-v1")}
