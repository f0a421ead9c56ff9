"""The grammar of the command line, light enough to be read at every start."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

MANIFEST = Path(__file__).parents[2] / "manifests" / "slack-app.yaml"
"""The Slack app's manifest: in the checkout, and beside the packages when they are installed."""


def list_played_releases() -> tuple[str, ...]:
    """Return the Istio releases that the sandbox plays: the one that is played unless another is
    asked for, then the others, newest first; none in an installation without it.
    """
    try:
        from sandbox.releases import NEWEST, RELEASES
    except ModuleNotFoundError:
        return ()
    others = [version for version in RELEASES if version != NEWEST.version]
    return (NEWEST.version, *reversed(others))


RELEASES = list_played_releases()
"""Istio releases that the embedded cluster can play; the first is the default."""

SCRIPTS = ("install", "workshop")
"""Scripts that are built in; a test compares them with the sandbox's own."""


PAGE_PORT = 7878
"""Where the sandbox's page is served when the port is free: a bookmark of it stays good."""

UNITS = {"d": "days", "h": "hours", "m": "minutes"}
"""What an age may be counted in."""


def exclude_slack_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without the settings of a real workspace.

    A rehearsal must never reach one.
    """
    return {
        key: value
        for key, value in environ.items()
        if not key.startswith(("MESHBOT_SLACK__", "SLACK_"))
    }


def positive(text: str) -> float:
    """Parse a number above 0 that is not infinite."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number


def port(text: str) -> int:
    """Parse a TCP port, or 0 for a free one."""
    number = int(text)
    if not 0 <= number <= 65_535:
        raise argparse.ArgumentTypeError(f"{text} is not a port")
    return number


def parse_moment(text: str) -> datetime:
    """Parse `7d`, `24h`, `90m`, or a date or time such as 2026-11-25 or 2026-11-25T09:00.

    A time is UTC unless it says otherwise.
    """
    if text[:-1].isascii() and text[:-1].isdigit() and text[-1:] in UNITS and len(text) < 8:
        back = timedelta(**{UNITS[text[-1]]: int(text[:-1])})
        if back < timedelta(days=36_500):
            return datetime.now(UTC) - back
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text} is neither a time such as 2026-11-25 nor an age such as 7d"
        ) from None
    return read.replace(tzinfo=read.tzinfo or UTC)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of what can be typed after `meshbot`."""
    top = argparse.ArgumentParser(
        prog="meshbot",
        description="Runs a service-mesh workshop with Istio and Kiali from a Slack channel.",
    )
    top.add_argument("--version", action="version", version=f"meshbot {version('meshbot')}")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--config",
        type=Path,
        help="a YAML file with settings (default: MESHBOT_CONFIG, meshbot.yaml)",
    )
    added = {
        name: verbs.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}.", parents=[shared]
        )
        for name, text in (
            ("run", "serve a real workspace and a real cluster"),
            ("sandbox", "try it: an embedded workspace in front of an embedded or a real cluster"),
            ("doctor", "check tokens, scopes, cluster, permissions and the Istio release"),
            ("settings", "print the settings, with secrets masked"),
            ("audit", "print who asked for what, where, and what became of it"),
        )
    }
    added["doctor"].add_argument(
        "--mode",
        choices=("workshop", "observe"),
        default="workshop",
        help="what the bot's account is meant to do",
    )
    add_sandbox_arguments(added["sandbox"])
    add_audit_arguments(added["audit"])
    return top


def add_audit_arguments(verb: argparse.ArgumentParser) -> None:
    """Add the arguments that say which rows of the audit are printed, and how."""
    verb.add_argument("--csv", action="store_true", help="as CSV in UTF-8, with a line of names")
    verb.add_argument(
        "--since",
        type=parse_moment,
        help="a time such as 2026-11-25 (UTC), or an age such as 7d, 24h, 90m",
    )
    verb.add_argument("--user", default="", help="only what this Slack user asked, by id")
    verb.add_argument("--step", default="", help="only this step")


def add_sandbox_arguments(verb: argparse.ArgumentParser) -> None:
    """Add the sandbox's own arguments."""
    verb.add_argument(
        "--play",
        metavar="SCRIPT",
        help=f"play a script headless: a file, or {', '.join(SCRIPTS)}; it types, clicks, chooses "
        "shortcuts, and runs shell commands (lines that begin with $)",
    )
    verb.add_argument(
        "--allow-shell",
        action="store_true",
        help="with --cluster kubeconfig: let a script's shell commands run there too",
    )
    verb.add_argument(
        "--istio",
        choices=RELEASES,
        default=RELEASES[0] if RELEASES else "",
        help="what the embedded cluster plays",
    )
    add_cluster_arguments(verb)
    verb.add_argument(
        "--port",
        type=port,
        help=f"the page's port, 0 for a free one (default: {PAGE_PORT}; when taken, a free one)",
    )
    verb.add_argument("--open", action="store_true", help="open the page in the browser")
    verb.add_argument(
        "--speed",
        type=positive,
        help="how fast simulated time runs (default: 1, or 20 with --play)",
    )
    verb.add_argument(
        "--timeout", type=positive, default=600.0, help="seconds that one line of a script may take"
    )


def add_cluster_arguments(verb: argparse.ArgumentParser) -> None:
    """Add the arguments that say which cluster the sandbox's workspace works on."""
    verb.add_argument(
        "--cluster",
        choices=("sandbox", "kubeconfig"),
        default="sandbox",
        help="embedded, or a real one",
    )
    verb.add_argument(
        "--data-plane",
        choices=("none", "embedded"),
        default="none",
        help="with --cluster kubeconfig: embedded answers at the pods' own addresses, "
        "where those are local",
    )
    verb.add_argument(
        "--data-plane-kubeconfig",
        type=Path,
        help="whose account the data plane writes with (default: the bot's)",
    )
    verb.add_argument(
        "--kubeconfig", type=Path, help="with --cluster kubeconfig (default: KUBECONFIG)"
    )
    verb.add_argument(
        "--context", default="", help="with --cluster kubeconfig: a context of that file"
    )
    verb.add_argument(
        "--istio-home", type=Path, help="with --cluster kubeconfig: a release (default: ISTIO_HOME)"
    )
    verb.add_argument(
        "--gateway-api",
        type=Path,
        help="Gateway API CRDs (default: GATEWAY_API_CRDS, or the release's)",
    )
