"""Entry point of the command line.

Exit codes: 0 well, 1 not well, 2 wrong settings or arguments.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from importlib.util import find_spec

from bot.cli import audit_export, doctor, run
from bot.cli.arguments import build_parser, exclude_slack_settings
from bot.cli.terminal import configure_logging, print_error, print_line
from bot.errors import CatalogError, MeshbotError, SettingsError
from bot.settings import Settings, format_settings, load_settings

Work = Callable[[argparse.Namespace, Settings], Awaitable[int]]

WITHOUT_SANDBOX = (
    "the sandbox is not part of this installation (images are built without it);"
    " run `make sandbox` in a checkout of the source"
)
WITHOUT_TRUSTME = (
    "the sandbox needs trustme, for the certificate of its API server, and it is not installed:"
    " pip install '.[sandbox]'"
)


async def show_settings(options: argparse.Namespace, settings: Settings) -> int:
    """Print the settings with their secrets masked."""
    print_line(format_settings(settings).rstrip())
    return 0


async def run_sandbox(options: argparse.Namespace, settings: Settings) -> int:
    """Run the sandbox; return 2 where it, or what it needs, is not installed, as in the image.

    It is half of the program: `run` stays light by not importing it.
    """
    if find_spec("sandbox") is None:
        print_error(WITHOUT_SANDBOX)
        return 2
    if find_spec("trustme") is None:
        print_error(WITHOUT_TRUSTME)
        return 2
    from bot.cli import sandbox

    return await sandbox.run(options, settings)


WORK: dict[str, Work] = {
    "run": run.run,
    "sandbox": run_sandbox,
    "doctor": doctor.run,
    "settings": show_settings,
    "audit": audit_export.run,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    options = build_parser().parse_args(argv)
    rehearsing = options.verb == "sandbox"
    try:
        settings = load_settings(
            options.config, exclude_slack_settings(os.environ) if rehearsing else os.environ
        )
        configure_logging(
            settings.log.level if options.verb == "run" else "error", lines=settings.log.json_lines
        )
        return asyncio.run(await_work(WORK[options.verb](options, settings)))
    except (SettingsError, CatalogError) as problem:
        print_error(str(problem))
        return 2
    except MeshbotError as problem:
        print_error(str(problem))
        return 1
    except KeyboardInterrupt:
        return 130


async def await_work(work: Awaitable[int]) -> int:
    """Return the result of the work, as a coroutine, which is what asyncio.run takes."""
    return await work
