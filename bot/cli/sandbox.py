"""`meshbot sandbox`: the whole bot in front of an embedded workspace, on an embedded cluster or a real one."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from bot.app import running
from bot.cli.arguments import MANIFEST, environment
from bot.cli.run import stop_event
from bot.cli.terminal import complain, say
from bot.errors import SettingsError
from bot.sandbox.clock import Clock
from bot.sandbox.cluster.embedded import EmbeddedCluster
from bot.sandbox.dataplane.attach import Attachment
from bot.sandbox.dataplane.attach_client import HttpClient
from bot.sandbox.dataplane.programs import DataPlane
from bot.sandbox.istio.ctl.kubeconfig import Access, access
from bot.sandbox.istio.errors import CtlError
from bot.sandbox.istio.release import write_release
from bot.sandbox.panel import Panel
from bot.sandbox.play import Player
from bot.sandbox.programs import behind_pods, programs
from bot.sandbox.prompt import run_prompt
from bot.sandbox.script import Line, ScriptError, load_script
from bot.sandbox.troubles import SLACK, Strip, cluster_troubles, connections, slack_troubles
from bot.sandbox.workspace import Completion, Installed, Workspace
from bot.settings import Settings, load
from handlers import STEPS

PLAY_SPEED = 20.0
"""How much faster than life pods start when a script is played."""


@dataclass(frozen=True)
class Ground:
    """What the bot is pointed at: a kubeconfig, perhaps a context in it, a release, and Gateway API CRDs.

    `cluster` is the embedded one, if it is that.
    """

    kubeconfig: str
    istio_home: str
    context: str = ""
    gateway_api: str = ""
    cluster: EmbeddedCluster | None = None


async def run(options: argparse.Namespace, settings: Settings) -> int:
    """Serves the sandbox, or plays a script and tells whether it went as expected."""
    lines = script(options.play) if options.play else None
    attaching = options.data_plane == "embedded"
    if attaching and options.cluster == "sandbox":
        raise SettingsError("--data-plane: the embedded cluster has its own; say --cluster kubeconfig as well")
    clock = Clock(options.speed or (PLAY_SPEED if options.play else 1.0))
    stop = stop_event()
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="meshbot-")))
        ground = await embedded(options, clock, home, stack) if options.cluster == "sandbox" else real(options)
        if attaching:
            await attach(options.data_plane_kubeconfig, ground, clock, stack)
        workspace = Workspace(clock, installed())
        await opened(workspace, options.port)
        stack.push_async_callback(workspace.stop)
        rehearsed = rehearsal(options, workspace, ground, home)
        await stack.enter_async_context(running(rehearsed))
        if lines is not None:
            player = Player(workspace, out=say, timeout=options.timeout)
            return 0 if await ended(player.play(lines), stop) else 1
        workspace.side.completions = completions(rehearsed.slack.command)
        await furnish(workspace, ground, clock, stack)
        say(f"channel:    {workspace.page_url}")
        say(f"kubeconfig: {ground.kubeconfig}   (KUBECONFIG={ground.kubeconfig} kubectl get pods -A)")
        await serve(workspace, stop)
    return 0


async def opened(workspace: Workspace, port: int) -> None:
    """Serves the workspace; SettingsError when the port is taken."""
    try:
        await workspace.start(port=port)
    except OSError as problem:
        raise SettingsError(f"--port {port}: {problem.strerror or problem}") from problem


def installed() -> Installed:
    """The Slack app as its manifest installs it."""
    return Installed.from_manifest(yaml.safe_load(MANIFEST.read_text(encoding="utf-8")))


def script(name: str) -> list[Line]:
    """The lines to play; SettingsError when they cannot be read."""
    try:
        lines = load_script(name)
    except (ScriptError, OSError, UnicodeDecodeError) as problem:
        raise SettingsError(f"--play {name}: {problem}") from problem
    if not lines:
        raise SettingsError(f"--play {name}: there is nothing to play in it")
    return lines


async def embedded(options: argparse.Namespace, clock: Clock, home: Path, stack: AsyncExitStack) -> Ground:
    """Starts the embedded cluster and writes the release that fits it."""
    cluster = EmbeddedCluster(clock, programs=programs(clock))
    await cluster.start()
    stack.push_async_callback(cluster.stop)
    kubeconfig, release = home / "kubeconfig", home / f"istio-{options.istio}"
    await asyncio.to_thread(cluster.write_kubeconfig, kubeconfig)
    await asyncio.to_thread(write_release, release, options.istio, speed=clock.speed)
    return Ground(str(kubeconfig), str(release), gateway_api=str(options.gateway_api or ""), cluster=cluster)


def real(options: argparse.Namespace) -> Ground:
    """The cluster and release that were named, or that the environment names."""
    kubeconfig = str(options.kubeconfig or os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    home = str(options.istio_home or os.environ.get("ISTIO_HOME") or "")
    if not home:
        raise SettingsError("--istio-home: name the directory of an unpacked Istio release (or set ISTIO_HOME)")
    crds = str(options.gateway_api or os.environ.get("GATEWAY_API_CRDS") or "")
    return Ground(kubeconfig, home, context=options.context, gateway_api=crds)


async def reached(ground: Ground, what: str) -> Access:
    """Where the cluster's API is and how to be known there; SettingsError in the name of `what` needs it."""
    try:
        return await asyncio.to_thread(access, ground.kubeconfig, ground.context)
    except CtlError as problem:
        raise SettingsError(f"{what}: {problem}") from problem


async def attach(own: Path | None, ground: Ground, clock: Clock, stack: AsyncExitStack) -> None:
    """Puts the embedded data plane behind the pods of a real cluster, for as long as the stack lasts.

    It stands in for kubelet, cni and proxies, and may have a kubeconfig of its `own`, with the rights that they have.
    """
    ground = replace(ground, kubeconfig=str(own), context="") if own else ground
    client = HttpClient(await reached(ground, "--data-plane"))
    stack.push_async_callback(client.close)
    attachment = Attachment(client, clock, behind_pods(clock, DataPlane(clock)))
    stack.push_async_callback(attachment.stop)
    await attachment.start()


async def furnish(workspace: Workspace, ground: Ground, clock: Clock, stack: AsyncExitStack) -> None:
    """Puts the cluster and the troubles beside the channel, for as long as the stack lasts."""
    where = await reached(ground, "the page")
    client = HttpClient(where, "meshbot-sandbox-page")
    stack.push_async_callback(client.close)
    name = "Embedded cluster" if ground.cluster is not None else ground.context or "Cluster of the kubeconfig"
    panel = Panel(client, clock, workspace.side, name=name)
    troubles = slack_troubles(workspace)
    if ground.cluster is not None:
        troubles += cluster_troubles(ground.cluster, lambda: panel.pods)
    strip = Strip(workspace.side, troubles, {SLACK: lambda: connections(workspace)})
    workspace.on_connections(strip.show)
    stack.push_async_callback(strip.stop)
    stack.push_async_callback(panel.stop)
    panel.listen(strip.show)
    await panel.start()


def completions(command: str) -> tuple[Completion, ...]:
    """What can be typed, for the page's composer: each step that needs no word after it, then all examples."""
    complete = [step for step in STEPS if not any(o.is_required() for o in step.options.model_fields.values())]
    typed = [(step.id, step) for step in complete] + [(example, step) for step in STEPS for example in step.examples]
    found = {f"{command} {text}": step.summary for text, step in typed}
    return tuple(Completion(text, hint) for text, hint in found.items())


def rehearsal(options: argparse.Namespace, workspace: Workspace, ground: Ground, home: Path) -> Settings:
    """The settings of a bot in the embedded workspace; whatever else is set stays."""
    wanted = {
        "MESHBOT_SLACK__BOT_TOKEN": workspace.bot_token,
        "MESHBOT_SLACK__APP_TOKEN": workspace.app_token,
        "MESHBOT_SLACK__BASE_URL": workspace.api_url.rstrip("/"),
        "MESHBOT_CLUSTER__KUBECONFIG": ground.kubeconfig,
        "MESHBOT_CLUSTER__CONTEXT": ground.context,
        "MESHBOT_ISTIO__HOME": ground.istio_home,
        "MESHBOT_ISTIO__GATEWAY_API": ground.gateway_api,
        "MESHBOT_ROLES__HOSTS": workspace.user("host").id,
        "MESHBOT_LEDGER__STATE_DIR": str(home),
        "MESHBOT_HEALTH__PORT": "0",
        "MESHBOT_DRAIN_SECONDS": "2",
    }
    return load(options.config, environment(os.environ) | {key: value for key, value in wanted.items() if value})


async def ended(work: Coroutine[Any, Any, bool], stop: asyncio.Event) -> bool:
    """The outcome of a play; False when it was stopped by a signal."""
    play = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({play, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not play.done():
        play.cancel()
        await asyncio.gather(play, return_exceptions=True)
        complain("stopped")
        return False
    try:
        return bool(play.result())
    except ScriptError as problem:
        raise SettingsError(f"--play: {problem}") from problem


async def serve(workspace: Workspace, stop: asyncio.Event) -> None:
    """The terminal is the channel too, until Ctrl-D; what comes through a pipe is typed, and serving goes on."""
    prompt = asyncio.create_task(run_prompt(workspace))
    stopping = asyncio.create_task(stop.wait())
    awaited = {prompt, stopping} if sys.stdin.isatty() else {stopping}
    await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
    for task in (prompt, stopping):
        task.cancel()
    await asyncio.gather(prompt, stopping, return_exceptions=True)
