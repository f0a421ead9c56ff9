"""Runs what was typed after `meshbot`. Exit codes: 0 well, 1 not well, 2 wrong settings or arguments."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence

from bot.cli import audit, doctor, run
from bot.cli.arguments import environment, parser
from bot.cli.terminal import complain, configure_logging, say
from bot.errors import CatalogError, MeshbotError, SettingsError
from bot.settings import Settings, describe, load

Work = Callable[[argparse.Namespace, Settings], Awaitable[int]]


async def show_settings(options: argparse.Namespace, settings: Settings) -> int:
    """Prints the settings with their secrets masked."""
    say(describe(settings).rstrip())
    return 0


async def rehearse(options: argparse.Namespace, settings: Settings) -> int:
    """The sandbox, which is half of the program: `run` stays light by not importing it."""
    from bot.cli import sandbox

    return await sandbox.run(options, settings)


WORK: dict[str, Work] = {
    "run": run.run,
    "sandbox": rehearse,
    "doctor": doctor.run,
    "settings": show_settings,
    "audit": audit.run,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; gives the exit code."""
    options = parser().parse_args(argv)
    rehearsing = options.verb == "sandbox"
    try:
        settings = load(options.config, environment(os.environ) if rehearsing else os.environ)
        configure_logging(settings.log.level if options.verb == "run" else "error", lines=settings.log.json_lines)
        return asyncio.run(finished(WORK[options.verb](options, settings)))
    except (SettingsError, CatalogError) as problem:
        complain(str(problem))
        return 2
    except MeshbotError as problem:
        complain(str(problem))
        return 1
    except KeyboardInterrupt:
        return 130


async def finished(work: Awaitable[int]) -> int:
    """The work as a coroutine, which is what asyncio.run takes."""
    return await work
