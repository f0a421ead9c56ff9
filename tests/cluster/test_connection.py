"""From settings to a connection: which kubeconfig, which context, which credentials."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import stat
from pathlib import Path
from typing import Any, NoReturn

import pytest
from aiohttp import web

from bot.cluster import Api, KubernetesCluster, RetryPolicy, connect
from bot.errors import ClusterError, Forbidden, MeshbotError, SettingsError
from bot.kinds import CONFIG_MAP, NAMESPACE, NODE
from tests.cluster.stage import LIST, Stage, kubeconfig


async def opened(file: Path, context: str | None = None) -> Api:
    return await connect(
        kubeconfig=file, context=context, in_cluster=False, retry_policy=RetryPolicy(total=0.2)
    )


def written(folder: Path, text: str) -> Path:
    file = folder / "kubeconfig"
    file.write_text(text)
    return file


@pytest.mark.parametrize("text", ["", "[]", "just words", "{", "\x00", "clusters: 3"])
async def test_a_file_that_is_no_kubeconfig(tmp_path: Path, text: str) -> None:
    """Whatever the file holds, the error names the setting and the file, in one line."""
    with pytest.raises(SettingsError, match="kubeconfig") as caught:
        await opened(written(tmp_path, text))
    assert "\n" not in str(caught.value)


async def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file is named."""
    with pytest.raises(SettingsError, match="no file .*nowhere"):
        await opened(tmp_path / "nowhere")


async def test_a_context_that_is_not_in_the_file(tmp_path: Path, stage: Stage) -> None:
    """An unknown context is named, and so is the file."""
    file = written(tmp_path, json.dumps(kubeconfig("http://127.0.0.1:1", {"token": "t"})))
    with pytest.raises(SettingsError, match=r"context: 'mars' is not in .*kubeconfig"):
        await opened(file, "mars")


async def test_outside_a_cluster_there_is_no_service_account() -> None:
    """In-cluster without a service account says that this is not a pod."""
    with pytest.raises(SettingsError, match="in_cluster: this is not a pod"):
        await connect(kubeconfig=None, context=None, in_cluster=True)


async def test_the_usual_variable_is_followed(
    tmp_path: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the setting, KUBECONFIG says where to look, a list of files included."""
    file = written(
        tmp_path, json.dumps(kubeconfig(f"http://127.0.0.1:{stage.port}", {"token": "t"}))
    )
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/nowhere:{file}")
    api = await connect(kubeconfig=None, context=None, in_cluster=False)
    assert api.host == f"http://127.0.0.1:{stage.port}"
    await api.close()


async def test_a_proxy_is_not_asked_for_this_machine(
    tmp_path: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP_PROXY does not stand between us and a cluster on the loopback, as with kubectl."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    api = await opened(
        written(tmp_path, json.dumps(kubeconfig(f"http://127.0.0.1:{stage.port}", {"token": "t"})))
    )
    assert await KubernetesCluster(api).find(CONFIG_MAP, "shop") == []
    await api.close()


def plugin(folder: Path, script: str) -> dict[str, Any]:
    """A user whose credentials come from a program."""
    program = folder / "plugin"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program)}}


@pytest.mark.parametrize("script", ["echo broken >&2; exit 3", "echo not json", "true"])
async def test_a_plugin_that_gives_nothing(tmp_path: Path, stage: Stage, script: str) -> None:
    """A credential plugin that fails is named; no request goes out without credentials."""
    file = written(
        tmp_path, json.dumps(kubeconfig(f"http://127.0.0.1:{stage.port}", plugin(tmp_path, script)))
    )
    with pytest.raises(Forbidden, match="plugin"):
        await opened(file)
    assert stage.asked == []


async def test_a_plugins_token_stays_fresh(tmp_path: Path, stage: Stage) -> None:
    """A token that ends is asked for again before the next request, which carries the new one."""
    script = f"""echo x >> {tmp_path}/calls
    echo '{{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status":
      {{"token": "token-'$(wc -l < {tmp_path}/calls)'",
        "expirationTimestamp": "2020-01-01T00:00:00Z"}}}}'"""
    seen: list[str] = []

    async def look(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers["Authorization"])
        return web.json_response({"items": []})

    stage.next(LIST, *[look] * 2)
    config = kubeconfig(f"http://127.0.0.1:{stage.port}", plugin(tmp_path, script))
    api = await opened(written(tmp_path, json.dumps(config)))
    for _ in range(2):
        await KubernetesCluster(api).find(CONFIG_MAP, "shop")
    assert seen == ["Bearer token-2", "Bearer token-3"]
    await api.close()


@pytest.mark.parametrize("home", [None, "~"])
async def test_without_a_home_directory_the_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, home: str | None
) -> None:
    """In a container with a user that nobody has heard of there is no ~/.kube to look into."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setenv("KUBECONFIG", "~/config" if home else "")
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(SettingsError, match="no home directory.*set MESHBOT_CLUSTER__KUBECONFIG"):
        await connect(kubeconfig=None, context=None, in_cluster=False)


def unknown(uid: int) -> NoReturn:
    """As for a user that is not in /etc/passwd."""
    raise KeyError(f"getpwuid(): uid not found: {uid}")


async def test_closing_leaves_no_task(tmp_path: Path, stage: Stage) -> None:
    """After `close` nothing runs on."""
    before = asyncio.all_tasks()
    api = await opened(
        written(tmp_path, json.dumps(kubeconfig(f"http://127.0.0.1:{stage.port}", {"token": "t"})))
    )
    await KubernetesCluster(api).find(CONFIG_MAP, "shop")
    await api.close()
    assert [
        task
        for task in asyncio.all_tasks() - before
        if task.get_name().startswith(("watch", "refresh"))
    ] == []


@pytest.fixture
def real() -> dict[str, Any]:
    """The kubeconfig of the real control plane."""
    if not os.environ.get("REALCLUSTER"):
        pytest.skip("no real control plane here: REALCLUSTER is not set")
    config: dict[str, Any] = json.loads(Path(os.environ["KUBECONFIG"]).read_text())
    return config


@pytest.mark.realcluster
@pytest.mark.parametrize(
    ("user", "code", "words"),
    [
        ({"token": "stale"}, 401, "does not accept the credentials"),
        ({}, 403, 'User "system:anonymous" cannot'),
    ],
)
async def test_real_refusals(
    tmp_path: Path, real: dict[str, Any], user: Any, code: int, words: str
) -> None:
    """A stale token is 401, nobody is 403; both are Forbidden in words for a person."""
    api = await opened(
        written(tmp_path, json.dumps({**real, "users": [{"name": "admin", "user": user}]}))
    )
    with pytest.raises(Forbidden, match=words) as caught:
        await KubernetesCluster(api).find(NODE)
    assert caught.value.status == code
    await api.close()


@pytest.mark.realcluster
async def test_a_real_certificate_that_is_not_trusted(tmp_path: Path, real: dict[str, Any]) -> None:
    """Without the cluster's CA nothing is sent, nothing is tried again, and the error says why."""
    del real["clusters"][0]["cluster"]["certificate-authority-data"]
    api = await opened(written(tmp_path, json.dumps(real)))
    with pytest.raises(ClusterError, match="no trusted TLS connection.*certificate") as caught:
        await KubernetesCluster(api).get(NAMESPACE, "default")
    assert type(caught.value) is ClusterError
    assert isinstance(caught.value, MeshbotError)
    await api.close()
