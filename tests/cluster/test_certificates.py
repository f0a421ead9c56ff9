"""API servers over TLS: an old CA that Python's strict check refuses, and a pod's own account."""

from __future__ import annotations

import asyncio
import json
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot.cluster import KubernetesCluster, RetryPolicy, connect, connection, credentials
from bot.errors import ClusterError, SettingsError
from tests.cluster.stage import kubeconfig

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="needs openssl, which makes certificates"
)
EXTENSIONS = """
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
subjectKeyIdentifier = none
authorityKeyIdentifier = none
[server]
subjectAltName = IP:127.0.0.1,IP:::1
subjectKeyIdentifier = none
authorityKeyIdentifier = none
"""
"""What clusters of some years ago have: neither certificate names the other's key."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with ca.crt, server.crt and server.key."""
    made = tmp_path_factory.mktemp("certificates")
    (made / "extensions").write_text(EXTENSIONS)
    key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -config extensions"
    for line in (
        f"req -x509 {key} -days 2 -subj /CN=ca -extensions ca -keyout ca.key -out ca.crt",
        f"req {key} -subj /CN=server -keyout server.key -out server.csr",
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 "
        "-extfile extensions -extensions server -out server.crt",
    ):
        subprocess.run(["openssl", *line.split()], cwd=made, check=True, capture_output=True)
    return made


@asynccontextmanager
async def serving(folder: Path, host: str = "127.0.0.1") -> AsyncIterator[tuple[int, list[str]]]:
    """An API server over TLS: its port, and the Authorization of each request for its version."""
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization", ""))
        return web.json_response({"gitVersion": "v1.27.1"})

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    app = web.Application()
    app.router.add_get("/version", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, host, 0, ssl_context=context).start()
    yield runner.addresses[0][1], seen
    await runner.cleanup()


def check_strictly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes contexts as Python 3.13 makes them."""
    make = ssl.create_default_context

    def made(*args: Any, **options: Any) -> ssl.SSLContext:
        context = make(*args, **options)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", made)


@pytest.mark.parametrize("strict", [True, False])
async def test_an_old_ca_is_refused_by_name_and_taken_by_setting(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strict: bool
) -> None:
    """The error names the setting, and the setting lets in just that: the CA still counts."""
    async with serving(folder) as (port, seen):
        check_strictly(monkeypatch)
        config = kubeconfig(f"https://127.0.0.1:{port}", {"token": "t"})
        config["clusters"][0]["cluster"]["certificate-authority"] = str(folder / "ca.crt")
        (tmp_path / "kubeconfig").write_text(json.dumps(config))
        api = await connect(
            kubeconfig=tmp_path / "kubeconfig", context=None, in_cluster=False, strict=strict
        )
        if strict:
            words = r"Key Identifier\. Only .* MESHBOT_CLUSTER__STRICT_CERTIFICATES=false leaves"
            with pytest.raises(ClusterError, match=words):
                await KubernetesCluster(api).version()
            assert seen == []
        else:
            assert await KubernetesCluster(api).version() == "v1.27.1"
        await api.close()


async def test_a_ca_that_is_not_the_clusters_is_refused_whatever_the_setting(
    folder: Path, tmp_path: Path
) -> None:
    """Nothing but the strict check is left out, and only its errors name the setting."""
    async with serving(folder) as (port, seen):
        config = kubeconfig(f"https://127.0.0.1:{port}", {"token": "t"})
        (tmp_path / "kubeconfig").write_text(json.dumps(config))
        api = await connect(
            kubeconfig=tmp_path / "kubeconfig", context=None, in_cluster=False, strict=False
        )
        with pytest.raises(ClusterError, match="no trusted TLS connection") as caught:
            await KubernetesCluster(api).version()
        assert "STRICT" not in str(caught.value)
        assert seen == []
        await api.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_pods_own_token_is_read_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """The kubelet writes it anew before it ends; the server's address may be of either family."""
    monkeypatch.setattr(connection, "ACCOUNT", tmp_path)
    monkeypatch.setattr(credentials, "REREAD_SECONDS", 0.05)
    shutil.copy(folder / "ca.crt", tmp_path / "ca.crt")
    (tmp_path / "token").write_text("first")
    async with serving(folder, host) as (port, seen):
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(port))
        # These certificates are of the old kind, which Python 3.13 refuses unless told.
        api = await connect(
            kubeconfig=None,
            context=None,
            in_cluster=True,
            strict=False,
            retry_policy=RetryPolicy(total=0.2),
        )
        await KubernetesCluster(api).version()
        (tmp_path / "token").write_text("second")
        await asyncio.sleep(0.05)
        await KubernetesCluster(api).version()
        await api.close()
    assert seen == ["Bearer first", "Bearer second"]


async def test_a_pod_without_a_token_says_so(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`automountServiceAccountToken: false`, for one."""
    monkeypatch.setattr(connection, "ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(SettingsError, match="in_cluster: this is not a pod with a service acc"):
        await connect(kubeconfig=None, context=None, in_cluster=True)
