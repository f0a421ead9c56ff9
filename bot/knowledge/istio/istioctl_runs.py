"""Running istioctl when it changes the cluster: its output is passed on, and outages of the cluster
are waited out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.errors import IstioError
from bot.knowledge.istio.istioctl_output import is_api_server_away
from bot.ports import Program
from bot.steps import Context
from bot.text import EMPTY, Text

MOST_TRIES = 3
"""Times that istioctl is started: it may be repeated at any point, and finds what it did before."""
LEAST_TIMEOUT = 300.0
"""Seconds that istioctl gets at least, beside what it may wait for pods."""

HandleLine = Callable[[str], None]
"""Takes one line that istioctl printed."""


@dataclass(frozen=True)
class IstioctlResult:
    """Result of istioctl: its exit code (negative for a signal), and the end of standard error.

    `trouble` is what the bot says of it itself: that it did not end in time, or printed more than
    is read; or EMPTY.
    """

    code: int
    tail: tuple[str, ...]
    trouble: Text = EMPTY


async def run_istioctl(
    context: Context, arguments: Sequence[str], handle: HandleLine
) -> IstioctlResult:
    """Run istioctl to its end, and again when the cluster was away and is back.

    Raises Unavailable when it stays away.
    """
    for attempt in range(1, MOST_TRIES + 1):
        ended = await run_istioctl_once(context, arguments, handle)
        if ended.code == 0 or not is_api_server_away(ended.tail) or attempt == MOST_TRIES:
            break
        context.progress.say(Text("the cluster went away in the middle; waiting for it"))
        await context.cluster.version()
        context.progress.say(Text("the cluster is back; going on"))
    return ended


async def run_istioctl_once(
    context: Context, arguments: Sequence[str], handle: HandleLine
) -> IstioctlResult:
    """Run istioctl once, with a time limit.

    Without one, a server that accepts connections and never answers would hold it for ever.
    """
    limit = LEAST_TIMEOUT + 3 * context.workshop.readiness_timeout
    async with context.mesh.run(arguments) as program:
        try:
            async with asyncio.timeout(limit):
                code = await read_output(program, handle)
        except TimeoutError:
            trouble = Text("istioctl did not end within {limit:.0f} s", limit=limit)
            return IstioctlResult(1, program.tail, trouble)
        except IstioError as problem:
            return IstioctlResult(1, program.tail, problem.message)
    return IstioctlResult(code, program.tail)


async def read_output(program: Program, handle: HandleLine) -> int:
    """Pass on every line of output; return the exit code."""
    async for output in program.output():
        handle(output.line)
    return await program.wait()
