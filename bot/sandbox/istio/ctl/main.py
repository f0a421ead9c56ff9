"""Runs one command line and turns every outcome into words on the right stream and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bot.sandbox.istio.catalog import NEWEST, RELEASES
from bot.sandbox.istio.ctl.commands import tree
from bot.sandbox.istio.ctl.flags import parse, usage
from bot.sandbox.istio.ctl.invocation import Invocation, Streams
from bot.sandbox.istio.errors import FAILED, Cancelled, CtlError


def main(argv: Sequence[str], *, version: str, speed: float = 1.0, streams: Streams | None = None) -> int:
    """Carries out `istioctl ARGV` of a release (an unknown version: the newest known); the exit code."""
    streams = streams or Streams(sys.stdin, sys.stdout, sys.stderr)
    release = RELEASES.get(version, NEWEST)
    root = tree(release)
    try:
        parsed = parse(root, argv)
        if parsed.help or not parsed.command.run:
            streams.stdout.write(usage(root, parsed) + "\n")
            return 0
        with Invocation(release, parsed, streams, speed) as run:
            return parsed.command.run(run)
    except CtlError as error:
        streams.stderr.write(f"Error: {error.message}\n")
        return error.code
    except Cancelled:
        streams.stderr.write("Cancelled.\n")
        return FAILED
    except KeyboardInterrupt:
        return 130
