"""Runs one command line; turns every outcome into output and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from sandbox.istio.ctl.command_tree import build_command_tree
from sandbox.istio.ctl.flags import format_usage, parse_command_line
from sandbox.istio.ctl.invocation import IstioctlInvocation, StandardStreams
from sandbox.istio.istioctl_errors import FAILED, Cancelled, CtlError
from sandbox.releases import find_release

_ENDED_BY_PIPE = 141
"""What a shell says of a program that was ended by SIGPIPE, as one in Go is."""


def main(
    argv: Sequence[str], *, version: str, speed: float = 1.0, streams: StandardStreams | None = None
) -> int:
    """Run `istioctl ARGV` of a release and return the exit code.

    An unknown version is run as the newest known.
    """
    streams = streams or StandardStreams(sys.stdin, sys.stdout, sys.stderr)
    release = find_release(version)
    root = build_command_tree(release)
    try:
        parsed = parse_command_line(root, argv)
        if parsed.help or not parsed.command.run:
            streams.stdout.write(format_usage(root, parsed) + "\n")
            return 0
        with IstioctlInvocation(release, parsed, streams, speed) as run:
            return parsed.command.run(run)
    except CtlError as error:
        streams.stderr.write(f"Error: {error.message}\n")
        return error.code
    except Cancelled:
        streams.stderr.write("Cancelled.\n")
        return FAILED
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read it has seen enough, as `head` has. Python would complain once more at its
        # end, when it flushes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _ENDED_BY_PIPE
