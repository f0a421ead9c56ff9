"""What `--play` of the sandbox adds: the script, and the shell that runs its `$` lines."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from bot.cli.arguments import exclude_slack_settings
from bot.cli.terminal import print_error
from bot.errors import SettingsError
from sandbox.script import ScriptError, ScriptLine, find_script_folder, load_script
from sandbox.shell import Shell, build_shell_environment


def read_script(options: argparse.Namespace) -> list[ScriptLine]:
    """Return the lines to play.

    Raises SettingsError when they cannot be read, or when one of them is a shell command
    that is not allowed on this cluster.
    """
    name = options.play
    try:
        lines = load_script(name)
    except (ScriptError, OSError, UnicodeDecodeError) as problem:
        raise SettingsError(f"--play {name}: {problem}") from problem
    if not lines:
        raise SettingsError(f"--play {name}: there is nothing to play in it")
    shell_line = next((line for line in lines if line.kind == "shell"), None)
    if shell_line and options.cluster != "sandbox" and not options.allow_shell:
        raise SettingsError(
            f"--play {name}: line {shell_line.number} ({shell_line}) is a shell command, and the "
            "cluster is not the embedded one; --allow-shell lets it run there"
        )
    return lines


def build_play_shell(
    script: str, home: Path, *, kubeconfig: str, context: str, istio_home: str
) -> Shell:
    """Return the shell of a play; `home` is a directory for its own files.

    The context of the bot is that of the shell too: of several kubeconfig files the first
    one says which is current.
    """
    if context:
        choice = home / "context"
        choice.write_text(
            json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": context}),
            encoding="utf-8",
        )
        kubeconfig = os.pathsep.join([str(choice), kubeconfig])
    environment = build_shell_environment(
        exclude_slack_settings(os.environ),
        kubeconfig=kubeconfig,
        istioctl=Path(istio_home) / "bin" / "istioctl",
        cache=home / "kubectl",
    )
    return Shell(find_script_folder(script), environment)


async def wait_for_player(work: Coroutine[Any, Any, bool], stop: asyncio.Event) -> bool:
    """Return the outcome of a play; False when it was stopped by a signal."""
    play = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({play, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not play.done():
        play.cancel()
        await asyncio.gather(play, return_exceptions=True)
        print_error("stopped")
        return False
    try:
        return bool(play.result())
    except ScriptError as problem:
        raise SettingsError(f"--play: {problem}") from problem
