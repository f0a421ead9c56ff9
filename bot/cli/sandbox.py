"""`meshbot sandbox`: the whole bot in front of an embedded workspace, on an embedded cluster or a
real one."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from bot.app import run_bot
from bot.cli.arguments import MANIFEST, exclude_slack_settings
from bot.cli.run import create_stop_event
from bot.cli.sandbox_consoles import Consoles, find_consoles, serve_consoles
from bot.cli.sandbox_page import (
    invite_bot,
    list_completions,
    open_browser,
    print_addresses,
    start_workspace,
)
from bot.cli.sandbox_panels import PanelTarget, add_panels
from bot.cli.sandbox_play import build_play_shell, read_script, wait_for_player
from bot.cli.sandbox_rehearsal import ChannelRehearsal
from bot.cli.terminal import print_line
from bot.cluster import find_kubeconfig
from bot.errors import SettingsError
from bot.settings import Settings, load_settings
from sandbox.clock import Clock
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.dataplane.attach.attachment import Attachment
from sandbox.dataplane.attach.client import HttpClient
from sandbox.dataplane.program import DataPlane
from sandbox.istio.ctl.kubeconfig import ClusterAccess, load_cluster_access
from sandbox.istio.istioctl_errors import CtlError
from sandbox.istio.release_directory import write_release
from sandbox.programs import create_programs, create_programs_without_istiod
from sandbox.prompt import run_prompt
from sandbox.script import ScriptLine
from sandbox.script_player import ScriptPlayer
from sandbox.shell import Shell
from sandbox.workspace import InstalledApp, Workspace

PLAY_SPEED = 20.0
"""How much faster than life pods start when a script is played."""


@dataclass(frozen=True)
class ClusterTarget:
    """The cluster and the Istio release that the bot works with.

    `kubeconfig` and `istio_home` are paths, as is `gateway_api`, the Gateway API CRDs.
    `cluster` is the embedded cluster, if it is that.
    """

    kubeconfig: str
    istio_home: str
    context: str = ""
    gateway_api: str = ""
    cluster: EmbeddedCluster | None = None


async def run(options: argparse.Namespace, settings: Settings) -> int:
    """Serve the sandbox, or play a script; return 0 when it went as expected."""
    lines = read_script(options) if options.play else None
    attaching = options.data_plane == "embedded"
    if attaching and options.cluster == "sandbox":
        raise SettingsError(
            "--data-plane: the embedded cluster has its own; say --cluster kubeconfig as well"
        )
    clock = Clock(options.speed or (PLAY_SPEED if options.play else 1.0))
    stop = create_stop_event()
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="meshbot-")))
        backends = (
            await start_embedded_cluster(options, clock, home, stack)
            if options.cluster == "sandbox"
            else find_real_cluster(options)
        )
        if attaching:
            await attach_data_plane(options.data_plane_kubeconfig, backends, clock, stack)
        workspace = Workspace(clock, read_installed_app(), language=settings.language)
        # Nobody looks at the page of a play, and many may go on side by side.
        await start_workspace(workspace, 0 if lines and options.port is None else options.port)
        rehearsal = ChannelRehearsal(workspace)
        stack.push_async_callback(workspace.stop)
        consoles = None
        if lines is None:
            access = await resolve_api_access(backends, "the page")
            consoles = find_consoles(access, settings, stack)
            if attaching or backends.cluster is not None:
                # Behind these addresses no program has pages for a browser.
                await serve_consoles(consoles, workspace.url, stack)
        links = consoles.links if consoles else {}
        rehearsed = load_sandbox_settings(options, workspace, backends, home=home, links=links)
        # Entered last and left first: its last edits still find the workspace and the cluster.
        await stack.enter_async_context(run_bot(rehearsed, rehearsal.start))
        stack.push_async_callback(rehearsal.stop)
        if consoles is None or lines is not None:
            shell = start_play_shell(options.play, backends, home, stack)
            return await play_lines(workspace, lines or [], options.timeout, shell=shell, stop=stop)
        await open_page(workspace, consoles, rehearsed, backends=backends, stack=stack)
        print_addresses(workspace, backends.kubeconfig)
        if options.open:
            open_browser(workspace.page_url)
        await serve_until_stopped(workspace, stop)
    return 0


async def play_lines(
    workspace: Workspace,
    lines: list[ScriptLine],
    seconds: float,
    *,
    shell: Shell,
    stop: asyncio.Event,
) -> int:
    """Play a script, each line within so many seconds; return 0 when all ended as expected."""
    player = ScriptPlayer(workspace, out=print_line, timeout=seconds, shell=shell)
    return 0 if await wait_for_player(player.play(lines), stop) else 1


async def open_page(
    workspace: Workspace,
    consoles: Consoles,
    settings: Settings,
    *,
    backends: ClusterTarget,
    stack: AsyncExitStack,
) -> None:
    """Put everything on the channel's page while the stack lasts, and invite the bot."""
    name = backends.context or "The kubeconfig's cluster"
    target = PanelTarget(consoles.access, backends.cluster, name)
    workspace.side.completions = list_completions(settings.slack.command)
    await add_panels(workspace, consoles, settings.workshop, target=target, stack=stack)
    await invite_bot(workspace)


def read_installed_app() -> InstalledApp:
    """Return the Slack app as its manifest installs it."""
    return InstalledApp.from_manifest(yaml.safe_load(MANIFEST.read_text(encoding="utf-8")))


async def start_embedded_cluster(
    options: argparse.Namespace, clock: Clock, home: Path, stack: AsyncExitStack
) -> ClusterTarget:
    """Start the embedded cluster and write the release that fits it."""
    cluster = EmbeddedCluster(clock, programs=create_programs(clock))
    await cluster.start()
    stack.push_async_callback(cluster.stop)
    kubeconfig, release = home / "kubeconfig", home / f"istio-{options.istio}"
    await asyncio.to_thread(cluster.write_kubeconfig, kubeconfig)
    await asyncio.to_thread(write_release, release, options.istio, speed=clock.speed)
    return ClusterTarget(
        str(kubeconfig), str(release), gateway_api=str(options.gateway_api or ""), cluster=cluster
    )


def find_real_cluster(options: argparse.Namespace) -> ClusterTarget:
    """Return the cluster and release that the options or the environment name.

    Raises SettingsError when no release is named.
    """
    kubeconfig = find_kubeconfig(options.kubeconfig)
    home = str(options.istio_home or os.environ.get("ISTIO_HOME") or "")
    if not home:
        raise SettingsError(
            "--istio-home: name the directory of an unpacked Istio release (or set ISTIO_HOME)"
        )
    crds = str(options.gateway_api or os.environ.get("GATEWAY_API_CRDS") or "")
    return ClusterTarget(kubeconfig, home, context=options.context, gateway_api=crds)


def start_play_shell(
    script: str, backends: ClusterTarget, home: Path, stack: AsyncExitStack
) -> Shell:
    """Return the shell of a play; what its commands leave running ends with the stack."""
    shell = build_play_shell(
        script,
        home,
        kubeconfig=backends.kubeconfig,
        context=backends.context,
        istio_home=backends.istio_home,
    )
    stack.callback(shell.close)
    return shell


async def resolve_api_access(backends: ClusterTarget, what: str) -> ClusterAccess:
    """Return the address and credentials of the cluster's API.

    Raises SettingsError, in which `what` names the feature that needs them.
    """
    try:
        return await asyncio.to_thread(load_cluster_access, backends.kubeconfig, backends.context)
    except CtlError as problem:
        raise SettingsError(f"{what}: {problem}") from problem


async def attach_data_plane(
    own: Path | None, backends: ClusterTarget, clock: Clock, stack: AsyncExitStack
) -> None:
    """Put the embedded data plane behind the pods of a real cluster, while the stack lasts.

    It stands in for kubelet, cni and proxies, and may have a kubeconfig of its `own`, with
    the rights that they have.
    """
    backends = replace(backends, kubeconfig=str(own), context="") if own else backends
    client = HttpClient(await resolve_api_access(backends, "--data-plane"))
    stack.push_async_callback(client.close)
    attachment = Attachment(
        client, clock, create_programs_without_istiod(clock, DataPlane(clock.for_requests()))
    )
    stack.push_async_callback(attachment.stop)
    await attachment.start()


def load_sandbox_settings(
    options: argparse.Namespace,
    workspace: Workspace,
    backends: ClusterTarget,
    *,
    home: Path,
    links: Mapping[str, str],
) -> Settings:
    """Return the settings of a bot in the embedded workspace; whatever else is set stays.

    `home` is a directory for its files, and `links` are the settings that lead to the consoles.
    """
    wanted = {
        "MESHBOT_SLACK__BOT_TOKEN": workspace.bot_token,
        "MESHBOT_SLACK__APP_TOKEN": workspace.app_token,
        "MESHBOT_SLACK__BASE_URL": workspace.api_url.rstrip("/"),
        "MESHBOT_CLUSTER__KUBECONFIG": backends.kubeconfig,
        "MESHBOT_CLUSTER__CONTEXT": backends.context,
        "MESHBOT_ISTIO__HOME": backends.istio_home,
        "MESHBOT_ISTIO__GATEWAY_API": backends.gateway_api,
        "MESHBOT_ROLES__HOSTS": workspace.get_user("host").id,
        "MESHBOT_LEDGER__STATE_DIR": str(home),
        # Any free port, so that several can run beside each other, and a bot besides.
        "MESHBOT_HEALTH__PORT": "0",
        # Nobody loses work here, and whoever presses Ctrl-C waits for it.
        "MESHBOT_DRAIN_SECONDS": "2",
        **links,
    }
    return load_settings(
        options.config,
        exclude_slack_settings(os.environ) | {key: value for key, value in wanted.items() if value},
    )


async def serve_until_stopped(workspace: Workspace, stop: asyncio.Event) -> None:
    """Serve until the stop event, or until Ctrl-D when standard input is a terminal.

    The terminal is the channel too; what comes through a pipe is typed, and serving goes
    on.
    """
    prompt = asyncio.create_task(run_prompt(workspace))
    stopping = asyncio.create_task(stop.wait())
    awaited = {prompt, stopping} if sys.stdin.isatty() else {stopping}
    await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
    for task in (prompt, stopping):
        task.cancel()
    await asyncio.gather(prompt, stopping, return_exceptions=True)
