"""`meshbot sandbox`: the whole bot in front of an embedded workspace, on an embedded cluster or a real one."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from bot.app import running
from bot.cli.run import stop_event
from bot.cli.terminal import complain, say
from bot.errors import SettingsError
from bot.sandbox.clock import Clock
from bot.sandbox.cluster.embedded import EmbeddedCluster
from bot.sandbox.istio.programs import programs
from bot.sandbox.istio.release import RELEASES, write_release
from bot.sandbox.play import Player
from bot.sandbox.prompt import run_prompt
from bot.sandbox.script import ScriptError, built_in, load_script
from bot.sandbox.workspace import Workspace
from bot.settings import Settings, load

PLAY_SPEED = 20.0
"""How much faster than life pods start when a script is played."""


@dataclass(frozen=True)
class Ground:
    """What the bot is pointed at: a kubeconfig, perhaps a context in it, a release, and Gateway API CRDs."""

    kubeconfig: str
    istio_home: str
    context: str = ""
    gateway_api: str = ""


def extend(verb: argparse.ArgumentParser) -> None:
    """The sandbox's own arguments."""
    verb.add_argument("--play", metavar="SCRIPT", help=f"type a script headless: a file, or {', '.join(built_in())}")
    verb.add_argument(
        "--istio", choices=RELEASES, default=RELEASES[0], help="the release that the embedded cluster plays"
    )
    verb.add_argument("--cluster", choices=("sandbox", "kubeconfig"), default="sandbox", help="embedded, or a real one")
    verb.add_argument("--kubeconfig", type=Path, help="with --cluster kubeconfig (default: KUBECONFIG)")
    verb.add_argument("--context", default="", help="with --cluster kubeconfig: a context of that file")
    verb.add_argument(
        "--istio-home", type=Path, help="with --cluster kubeconfig: an Istio release (default: ISTIO_HOME)"
    )
    verb.add_argument("--gateway-api", type=Path, help="Gateway API CRDs (default: GATEWAY_API_CRDS, or the release's)")
    verb.add_argument("--port", type=int, default=0, help="the page's port (default: a free one)")
    verb.add_argument("--speed", type=float, help="how fast simulated time runs (default: 1, or 20 with --play)")
    verb.add_argument("--timeout", type=float, default=600.0, help="seconds that one line of a script may take")


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without the settings of a real workspace: a rehearsal must never reach one."""
    return {key: value for key, value in environ.items() if not key.startswith(("MESHBOT_SLACK__", "SLACK_"))}


async def run(options: argparse.Namespace, settings: Settings) -> int:
    """Serves the sandbox, or plays a script and tells whether it went as expected."""
    lines = script(options.play) if options.play else None
    clock = Clock(options.speed or (PLAY_SPEED if options.play else 1.0))
    stop = stop_event()
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="meshbot-")))
        ground = await embedded(options, clock, home, stack) if options.cluster == "sandbox" else real(options)
        workspace = Workspace(clock)
        await workspace.start(port=options.port)
        stack.push_async_callback(workspace.stop)
        await stack.enter_async_context(running(rehearsal(options, workspace, ground, home)))
        if lines is not None:
            player = Player(workspace, out=say, timeout=options.timeout)
            return 0 if await ended(player.play(lines), stop) else 1
        say(f"channel:    {workspace.page_url}")
        say(f"kubeconfig: {ground.kubeconfig}   (KUBECONFIG={ground.kubeconfig} kubectl get pods -A)")
        await serve(workspace, stop)
    return 0


def script(name: str) -> list[object]:
    """The lines to play; SettingsError when they cannot be read."""
    try:
        return list(load_script(name))
    except (ScriptError, OSError) as problem:
        raise SettingsError(f"--play {name}: {problem}") from problem


async def embedded(options: argparse.Namespace, clock: Clock, home: Path, stack: AsyncExitStack) -> Ground:
    """Starts the embedded cluster and writes the release that fits it."""
    cluster = EmbeddedCluster(clock, programs=programs(clock))
    await cluster.start()
    stack.push_async_callback(cluster.stop)
    kubeconfig, release = home / "kubeconfig", home / f"istio-{options.istio}"
    await asyncio.to_thread(cluster.write_kubeconfig, kubeconfig)
    await asyncio.to_thread(write_release, release, options.istio)
    return Ground(str(kubeconfig), str(release), gateway_api=str(options.gateway_api or ""))


def real(options: argparse.Namespace) -> Ground:
    """The cluster and release that were named, or that the environment names."""
    kubeconfig = str(options.kubeconfig or os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    home = str(options.istio_home or os.environ.get("ISTIO_HOME") or "")
    if not home:
        raise SettingsError("--istio-home: name the directory of an unpacked Istio release (or set ISTIO_HOME)")
    crds = str(options.gateway_api or os.environ.get("GATEWAY_API_CRDS") or "")
    return Ground(kubeconfig, home, context=options.context, gateway_api=crds)


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
    }
    return load(options.config, environment(os.environ) | {key: value for key, value in wanted.items() if value})


async def ended(work: object, stop: asyncio.Event) -> bool:
    """The outcome of a play; False when it was stopped by a signal."""
    play = asyncio.ensure_future(work)  # type: ignore[call-overload]
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({play, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not play.done():
        play.cancel()
        await asyncio.gather(play, return_exceptions=True)
        complain("stopped")
        return False
    return bool(play.result())


async def serve(workspace: Workspace, stop: asyncio.Event) -> None:
    """The terminal is the channel too; without one, until a signal."""
    if not sys.stdin.isatty():
        await stop.wait()
        return
    prompt = asyncio.create_task(run_prompt(workspace))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({prompt, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in (prompt, stopping):
        task.cancel()
    await asyncio.gather(prompt, stopping, return_exceptions=True)
