"""The bot's account on a real cluster, as the manifests make it, behind a recorder of its requests."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.recorder import Recorder, self_signed
from tests.scenarios.realcluster import kubectl, play

HOME = Path(__file__).parents[2]
OVERLAYS = HOME / "manifests" / "deploy" / "overlays"


@asynccontextmanager
async def account(overlay: str, folder: Path) -> AsyncIterator[tuple[Path, Recorder]]:
    """Applies an overlay; gives a kubeconfig of its ServiceAccount, and the recorder that it leads
    through."""
    await kubectl("apply", "--server-side", "-k", str(OVERLAYS / overlay))
    token = (
        await kubectl("create", "token", "meshbot", "--namespace", "meshbot", "--duration", "2h")
    ).strip()
    assert token
    cluster = await admin()
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    recorder = Recorder(cluster["server"], ssl.create_default_context(cadata=authority))
    certificate, key = await self_signed(folder)
    try:
        async with recorder.serving(certificate, key) as address:
            file = folder / "kubeconfig"
            trusted = base64.b64encode(certificate.read_bytes()).decode()
            file.write_text(json.dumps(kubeconfig(address, trusted, token)))
            yield file, recorder
    finally:
        await kubectl("delete", "--ignore-not-found", "-k", str(OVERLAYS / overlay))


async def admin() -> dict[str, Any]:
    """The cluster in the environment's kubeconfig."""
    text = await asyncio.to_thread(Path(os.environ["KUBECONFIG"]).read_text)
    cluster: dict[str, Any] = yaml.safe_load(text)["clusters"][0]["cluster"]
    return cluster


def kubeconfig(server: str, authority: str, token: str) -> dict[str, Any]:
    """One cluster, one user, one context."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "bot",
        "clusters": [
            {"name": "bot", "cluster": {"server": server, "certificate-authority-data": authority}}
        ],
        "users": [{"name": "bot", "user": {"token": token}}],
        "contexts": [{"name": "bot", "context": {"cluster": "bot", "user": "bot"}}],
    }


async def play_as(file: Path, script: str, *more: str) -> tuple[int, str]:
    """Plays a script with that kubeconfig for the bot, and the admin's for what stands in for
    kubelets and proxies.

    Slower than plays are elsewhere: the graph's minute must be long enough for what lies between
    traffic and graph.
    """
    plane = (
        "--data-plane",
        "embedded",
        "--data-plane-kubeconfig",
        os.environ["KUBECONFIG"],
        "--speed",
        "10",
    )
    return await play(script, "--kubeconfig", str(file), *plane, *more)


async def role(*names: str) -> list[dict[str, Any]]:
    """The rules of ClusterRoles as the cluster holds them."""
    held = json.loads(await kubectl("get", "clusterroles", *names, "-o", "json"))
    return [rule for each in held.get("items", [held]) for rule in each["rules"]]
