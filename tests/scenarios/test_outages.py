"""A cluster that is away, slow, full, refusing or half deleted: the run says so, and ends with
whose turn it is."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bot.knowledge.istio import gateway_api_crds, verify
from bot.knowledge.objects import namespace_removal
from sandbox.cluster.contract import Ref
from sandbox.cluster.faults import ApiFault
from sandbox.cluster.kubelet.nodes import SimulatedNode
from sandbox.workspace.plain import read_verdict_state
from tests.scenarios.stage import NAMESPACES, Stage, words
from tests.scenarios.wire import Scene, scene

pytestmark = pytest.mark.long

CRDS = Ref("apiextensions.k8s.io", "customresourcedefinitions")
DEPLOYMENTS, PODS, MAPS = Ref("apps", "deployments"), Ref("", "pods"), Ref("", "configmaps")
PATIENT = {"MESHBOT_CLUSTER__PATIENCE": "10"}


async def after(shown: str, stage: Stage, do: Callable[[], Awaitable[object]]) -> None:
    """Does something as soon as a message of the bot says that."""
    with stage.workspace.watch_changes() as changes:
        async with asyncio.timeout(40):
            async for change in changes:
                if change.message is not None and shown in words(change.message):
                    break
    await do()


async def outage(on: Scene, seconds: float = 0.5) -> None:
    """Cuts the cluster off for a while."""
    await on.wire.cut()
    await asyncio.sleep(seconds)
    await on.wire.mend()


async def test_an_install_outlives_a_restart_of_the_api_server(tmp_path: Path) -> None:
    """Cut off in the middle it goes on when the cluster is back, and is done."""
    async with scene(tmp_path, environment=PATIENT) as on:
        on.stage.cluster.slow_image_pulls(100)
        trouble = asyncio.create_task(after("istiod` 0/1", on.stage, lambda: outage(on)))
        message = await on.stage.type("/mesh install")
        await trouble
        assert "is ready" in words(message)


async def test_an_uninstall_outlives_a_restart_of_the_api_server(tmp_path: Path) -> None:
    """The same for a removal: nothing is left behind."""
    async with scene(tmp_path, environment=PATIENT) as on:
        await on.stage.type("/mesh install")
        await on.stage.type("/mesh uninstall")
        on.stage.cluster.server.faults.add(
            ApiFault("slow", verb="delete", resource="serviceaccounts", seconds=0.3)
        )
        trouble = asyncio.create_task(after("control plane", on.stage, lambda: outage(on)))
        assert "the mesh is gone, and nothing is left over" in words(
            await on.stage.type('click "Confirm"')
        )
        await trouble
        assert await on.stage.api.list(CRDS) == []


async def test_cut_watches_are_taken_up_again(tmp_path: Path) -> None:
    """Every connection broken in the middle, and the verdict is the same."""
    async with scene(tmp_path) as on:
        on.stage.cluster.slow_image_pulls(100)
        trouble = asyncio.create_task(after("istiod` 0/1", on.stage, on.wire.break_all))
        assert "is ready" in words(await on.stage.type("/mesh install"))
        await trouble


@pytest.mark.parametrize("step", ["install", "preflight", "uninstall", "status", "links"])
async def test_a_cluster_that_is_away_is_said(tmp_path: Path, step: str) -> None:
    """Whoever runs the cluster is asked; no run is left open."""
    async with scene(tmp_path) as on:
        await on.wire.cut()
        said = words(await on.stage.type(f"/mesh {step} -> error"))
        assert "cluster cannot be reached: cannot connect to https://127.0.0.1" in said
        assert "The cluster's administrator: is it up?" in said
        assert await on.unfinished() == []


async def test_a_cluster_that_goes_and_stays_away_ends_the_install(tmp_path: Path) -> None:
    """After its patience the run ends, and says who must look."""
    async with scene(tmp_path) as on:
        on.stage.cluster.slow_image_pulls(100)
        trouble = asyncio.create_task(after("istiod` 0/1", on.stage, on.wire.cut))
        said = words(await on.stage.type("/mesh install -> error"))
        await trouble
        assert "The cluster's administrator: is it up?" in said
        assert await on.unfinished() == []


async def test_a_slow_cluster_only_takes_longer(tmp_path: Path) -> None:
    """Slack has its acknowledgement long before the cluster's answers, and those are waited for."""
    async with scene(tmp_path) as on:
        on.stage.cluster.server.faults.add(ApiFault("slow", seconds=1.0, times=10))
        began = time.monotonic()
        assert (
            await on.stage.workspace.actions.send_command("alice", "mesh-workshop", "/mesh status")
        ).is_acked
        assert time.monotonic() - began < 0.9
        assert "is ready" in words(await on.stage.type("/mesh install"))


@pytest.mark.parametrize(
    ("verb", "resource", "state"),
    [
        ("get", "deployments", "error"),
        ("list", "pods", "error"),
        ("get", "configmaps", "error"),
        ("create", "namespaces", "not yet"),
        ("patch", "customresourcedefinitions", "not yet"),
        ("patch", "clusterroles", "not yet"),
    ],
)
async def test_what_is_forbidden_is_named(
    tmp_path: Path, verb: str, resource: str, state: str
) -> None:
    """403 on one kind: which, and that whoever runs the cluster must grant it; never a verdict of
    done."""
    async with scene(tmp_path) as on:
        on.stage.cluster.server.faults.add(ApiFault("forbid", verb=verb, resource=resource))
        said = words(await on.stage.type(f"/mesh install -> {state}"))
        assert f'cannot {verb} resource "{resource}"' in said
        assert "The cluster's administrator must grant" in said
        assert await on.unfinished() == []


async def test_preflight_names_every_permission_that_is_missing(tmp_path: Path) -> None:
    """All at once, before anybody types install."""
    async with scene(tmp_path) as on:
        for verb, resource in (("patch", "customresourcedefinitions"), ("list", "pods")):
            on.stage.cluster.server.faults.add(ApiFault("forbid", verb=verb, resource=resource))
        said = words(await on.stage.type("/mesh preflight -> not yet"))
        assert "the bot's account may not list pods, patch customresourcedefinitions" in said
        assert "must grant them (docs/security.md, or cluster-admin)" in said


async def test_fields_of_another_manager_in_the_crds_are_taken(tmp_path: Path) -> None:
    """Gateway API CRDs that somebody applied stay as they are: used, not fought over."""
    async with scene(tmp_path) as on:
        other = on.stage.cluster.client("someone-else")
        for crd in on.bot.mesh.gateway_api():
            await other.apply(crd)
        assert "Gateway API CRDs v1.5.1 were already there" in words(
            await on.stage.type("/mesh install")
        )
        left = words(await on.stage.type("/mesh uninstall")) + words(
            await on.stage.type('click "Confirm"')
        )
        assert "left: Gateway API CRDs v1.5.1 (not applied by this bot)" in left


async def test_a_write_that_collides_is_typed_again(tmp_path: Path) -> None:
    """409: what somebody changed at the same moment is said so, and typed again it works."""
    async with scene(tmp_path) as on:
        fault = on.stage.cluster.server.faults.add(
            ApiFault("conflict", verb="patch", resource="deployments")
        )
        said = words(await on.stage.type("/mesh install -> not yet"))
        assert "Something else changed the same objects at that moment" in said
        on.stage.cluster.server.faults.remove(fault)
        assert "is ready" in words(await on.stage.type("/mesh install"))


@pytest.mark.parametrize(
    ("effect", "says"),
    [("throttle", "asks for fewer requests"), ("error", "etcdserver"), ("drop", "broke")],
)
async def test_a_cluster_that_answers_nothing_useful_ends_it(
    tmp_path: Path, effect: str, says: str
) -> None:
    """429, 500 and dropped connections without end: tried again for a while, then said."""
    async with scene(tmp_path) as on:
        on.stage.cluster.server.faults.add(ApiFault(effect, seconds=0.2))  # type: ignore[arg-type]  # parametrised
        assert says in words(await on.stage.type("/mesh install -> error"))
        assert await on.unfinished() == []


async def held_namespace(stage: Stage) -> None:
    """istio-system, being deleted, with something in it that does not go."""
    await stage.api.create(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system"}}
    )
    place = {"name": "held", "namespace": "istio-system", "finalizers": ["example.com/held"]}
    await stage.api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": place})
    await stage.api.delete(NAMESPACES, "istio-system")


async def test_an_install_waits_for_a_namespace_that_is_going(tmp_path: Path) -> None:
    """istio-system on its way out is waited for, with what holds it shown, and then installed into."""
    async with scene(tmp_path) as on:
        await held_namespace(on.stage)
        patch = {"metadata": {"finalizers": None}}
        release = after(
            "example.com/held",
            on.stage,
            lambda: on.stage.api.merge(MAPS, "held", "istio-system", patch),
        )
        trouble = asyncio.create_task(release)
        assert "is ready" in words(await on.stage.type("/mesh install"))
        await trouble


async def test_a_namespace_that_does_not_go_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while the verdict names the finalizer, and nothing was changed."""
    monkeypatch.setattr(namespace_removal, "DELETION_TIMEOUT", 0.3)
    async with scene(tmp_path) as on:
        await held_namespace(on.stage)
        said = words(await on.stage.type("/mesh install -> not yet"))
        assert "namespace istio-system is being deleted and does not go: " in said
        assert "example.com/held" in said
        assert await on.stage.api.list(CRDS) == []
        await on.stage.type("/mesh uninstall")
        assert "example.com/held" in words(await on.stage.type('click "Confirm" -> not yet'))


async def test_nodes_that_are_too_small_are_named(tmp_path: Path) -> None:
    """The scheduler's words are the cause, and what to do about it follows."""
    async with scene(tmp_path, nodes=(SimulatedNode("small", cpu="400m", memory="16Gi"),)) as on:
        said = words(await on.stage.type("/mesh preflight -> not yet"))
        assert "0.4 CPU" in said
        said = words(await on.stage.type("/mesh install -> not yet"))
        assert "0/1 nodes are available: 1 Insufficient cpu" in said
        assert "The nodes lack CPU" in said


async def crashing(stage: Stage) -> None:
    """istiod's container ends again and again."""
    while True:
        for pod in await stage.api.list(PODS, "istio-system"):
            if pod["metadata"]["name"].startswith("istiod"):
                stage.cluster.kill_pod("istio-system", pod["metadata"]["name"], 1)
        await asyncio.sleep(0.005)


async def test_a_crash_loop_is_named(tmp_path: Path) -> None:
    """istiod that crashes again and again: the kubelet's words, and where to look."""
    async with scene(tmp_path) as on:
        crash = asyncio.create_task(crashing(on.stage))
        said = words(await on.stage.type("/mesh install -> not yet"))
        assert "istiod has 0 of 1 pods: CrashLoopBackOff" in said
        assert "kubectl logs --previous" in said
        assert "not yet: install" in words(await on.stage.type("/mesh status"))
        crash.cancel()


async def test_an_istiod_scaled_to_nothing_is_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0 of 0 pods is not a mesh: neither the board nor the verdict calls it one."""
    monkeypatch.setattr(verify, "INJECTOR_TIMEOUT", 0.3)
    monkeypatch.setattr(gateway_api_crds, "GATEWAY_TIMEOUT", 0.3)
    async with scene(tmp_path) as on:
        await on.stage.type("/mesh install")
        await on.stage.api.merge(DEPLOYMENTS, "istiod", "istio-system", {"spec": {"replicas": 0}})
        assert "waiting for istiod 0/0" in words(await on.stage.type("/mesh status"))
        said = words(await on.stage.type("/mesh install -> not yet"))
        assert "kubectl scale deployment/istiod -n istio-system --replicas=1" in said


async def test_an_uninstall_without_istiod_still_removes_all(tmp_path: Path) -> None:
    """A control plane that is gone or broken is no reason to keep the rest."""
    async with scene(tmp_path) as on:
        await on.stage.type("/mesh install")
        await on.stage.api.delete(DEPLOYMENTS, "istiod", "istio-system")
        await on.stage.type("/mesh uninstall")
        assert "nothing is left over" in words(await on.stage.type('click "Confirm"'))


def kill(program: Path, word: str) -> None:
    """Ends that program's process whose arguments have this word, at once."""
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if str(program).encode() in line and word.encode() in line:
            os.kill(int(entry.name), signal.SIGKILL)


async def test_a_killed_istioctl_is_said(tmp_path: Path) -> None:
    """Killed in the middle, the run ends with that; typed again, it goes on."""
    async with scene(tmp_path) as on:
        program = tmp_path / "istio-1.30.3" / "bin" / "istioctl"
        on.stage.cluster.slow_image_pulls(100)
        strike = after("istiod` 0/1", on.stage, lambda: asyncio.to_thread(kill, program, "install"))
        trouble = asyncio.create_task(strike)
        said = words(await on.stage.type("/mesh install -> not yet"))
        await trouble
        assert "istioctl was killed in the middle (signal 9)" in said
        assert "is ready" in words(await on.stage.type("/mesh install"))


@pytest.mark.parametrize(
    ("damage", "says"), [("chmod", "is not executable"), ("unlink", "there is no ")]
)
async def test_an_istioctl_that_cannot_be_run_is_said(
    tmp_path: Path, damage: str, says: str
) -> None:
    """It is whoever runs the bot who must mend that; nothing was changed."""
    async with scene(tmp_path) as on:
        program = tmp_path / "istio-1.30.3" / "bin" / "istioctl"
        program.unlink() if damage == "unlink" else program.chmod(0o644)
        said = words(await on.stage.type("/mesh install -> error"))
        assert says in said
        assert "The bot's administrator must fix that" in said
        assert read_verdict_state(on.stage.newest()) == "error"
        assert await on.stage.api.list(CRDS) == []
