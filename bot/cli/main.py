"""What can be typed after `meshbot`. Exit codes: 0 well, 1 not well, 2 wrong settings or arguments."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from bot.cli import doctor, run, sandbox
from bot.cli.terminal import complain, configure_logging, say
from bot.errors import CatalogError, MeshbotError, SettingsError
from bot.settings import Settings, describe, load

Work = Callable[[argparse.Namespace, Settings], Awaitable[int]]


async def show_settings(options: argparse.Namespace, settings: Settings) -> int:
    """Prints the settings with their secrets masked."""
    say(describe(settings).rstrip())
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = argparse.ArgumentParser(
        prog="meshbot", description="Runs a service-mesh workshop with Istio and Kiali from a Slack channel."
    )
    top.add_argument("--version", action="version", version=f"meshbot {version('meshbot')}")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--config", type=Path, help="a YAML file with settings (default: MESHBOT_CONFIG, meshbot.yaml)")
    for name, text, work, extend in (
        ("run", "serve a real workspace and a real cluster", run.run, None),
        (
            "sandbox",
            "try it: an embedded workspace in front of an embedded or a real cluster",
            sandbox.run,
            sandbox.extend,
        ),
        ("doctor", "check tokens, scopes, cluster, permissions and the Istio release", doctor.run, None),
        ("settings", "print the settings, with secrets masked", show_settings, None),
    ):
        verb = verbs.add_parser(name, help=text, description=text.capitalize() + ".", parents=[shared])
        verb.set_defaults(work=work)
        if extend is not None:
            extend(verb)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; gives the exit code."""
    options = parser().parse_args(argv)
    try:
        settings = load(options.config, sandbox.environment(os.environ) if options.verb == "sandbox" else os.environ)
        configure_logging(settings.log.level if options.verb != "sandbox" else "error", lines=settings.log.json_lines)
        return asyncio.run(options.work(options, settings))
    except (SettingsError, CatalogError) as problem:
        complain(str(problem))
        return 2
    except MeshbotError as problem:
        complain(str(problem))
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
