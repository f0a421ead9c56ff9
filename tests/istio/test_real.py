"""The real istioctl against the real control plane."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.errors import IstioError
from bot.istio import Istioctl

pytestmark = pytest.mark.realcluster


@pytest.fixture
async def mesh() -> AsyncIterator[Istioctl]:
    """The release of the real control plane, opened; what was installed is removed afterwards."""
    if not os.environ.get("REALCLUSTER"):
        pytest.skip("no real control plane here: REALCLUSTER is not set")
    kubeconfig, bundle = Path(os.environ["KUBECONFIG"]), Path(os.environ["GATEWAY_API_CRDS"])
    made = Istioctl(Path(os.environ["ISTIO_HOME"]), kubeconfig, None, bundle)
    await made.open()
    yield made
    async with made.run(["uninstall", "-y", "--purge"]) as program:
        assert await program.wait() == 0


def processes() -> set[int]:
    """The ids of all processes."""
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


async def test_the_release_is_known_or_said(mesh: Istioctl) -> None:
    """A release that is not known is treated as the newest, and said; its profiles are those of its
    directory."""
    assert mesh.version
    known = mesh.version.startswith(("1.23.", "1.30."))
    assert known != bool(mesh.notes)
    assert {"default", "demo", "ambient", "minimal"} <= set(mesh.profiles)
    assert {obj["kind"] for obj in mesh.gateway_api()} >= {"CustomResourceDefinition"}


async def test_rendering_needs_no_cluster_and_does_not_block(mesh: Istioctl) -> None:
    """The demo profile renders its gateways, while the loop goes on turning."""
    longest, running = 0.0, True

    async def turn() -> None:
        nonlocal longest
        while running:
            since = time.monotonic()
            await asyncio.sleep(0.005)
            longest = max(longest, time.monotonic() - since)

    turning = asyncio.create_task(turn())
    objects = await mesh.render(["--set", "profile=demo"])
    running = False
    await turning
    assert ("Deployment", "istio-egressgateway") in {
        (o["kind"], o["metadata"]["name"]) for o in objects
    }
    assert longest < 0.25


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "profile=nonesuch"], "nonesuch"),
        (["--set", "values.nonesuch.thing=1"], "unknown field"),
        (["--nonesuch"], "unknown flag"),
    ],
)
async def test_wrong_arguments_are_refused_in_its_words(
    mesh: Istioctl, arguments: list[str], words: str
) -> None:
    """A wrong profile, setting or flag: istioctl's own sentence, on one line."""
    with pytest.raises(IstioError, match=words) as caught:
        await mesh.render(arguments)
    assert "\n" not in str(caught.value.message)


async def test_precheck_is_clear(mesh: Istioctl) -> None:
    """An empty cluster passes the precheck."""
    good, said = await mesh.precheck()
    assert good
    assert said[0].startswith("✔ No issues found")


async def test_an_installation_is_told_as_it_goes(mesh: Istioctl) -> None:
    """The minimal profile installs, and its lines name the components and the end."""
    async with mesh.run(["install", "-y", "--set", "profile=minimal"]) as program:
        lines = [output.line async for output in program.output()]
        assert await program.wait() == 0
    installed = [line for line in lines if line.startswith("✔") and " installed" in line]
    assert [line.partition(" installed")[0] for line in installed] == ["✔ Istio core", "✔ Istiod"]
    assert "Installation complete" in lines[-1]


async def test_a_cancelled_installation_leaves_no_process(mesh: Istioctl) -> None:
    """Cancelling in the middle of an installation ends istioctl at once."""
    pid = 0

    async def install() -> None:
        nonlocal pid
        async with mesh.run(["install", "-y"]) as program:
            pid = program._transport.get_pid()  # type: ignore[attr-defined]  # to look for it afterwards
            async for _ in program.output():
                started.set()

    started = asyncio.Event()
    task = asyncio.create_task(install())
    await started.wait()
    task.cancel()
    since = time.monotonic()
    await asyncio.wait({task})
    assert time.monotonic() - since < 4
    assert pid not in processes()
