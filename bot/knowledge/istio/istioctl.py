"""Running istioctl when it changes the cluster: its output is passed on, and outages of
the cluster are waited out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.knowledge.istio import failures
from bot.ports import Program
from bot.steps import Context
from bot.text import Text

MOST_TRIES = 3
"""Times that istioctl is begun: it may be repeated at any point, and finds again what it did
before."""
LEAST = 300.0
"""Seconds that istioctl gets at least, beside what it may wait for pods."""

Hear = Callable[[str], None]
"""Takes one line that istioctl printed."""


@dataclass(frozen=True)
class IstioctlResult:
    """Result of istioctl: its exit code (negative for a signal), and the last lines of its
    standard error.
    """

    code: int
    tail: tuple[str, ...]


async def run_istioctl(context: Context, arguments: Sequence[str], hear: Hear) -> IstioctlResult:
    """Run istioctl to its end, and again when the cluster was away and is back. Raises
    Unavailable when it stays away.
    """
    for attempt in range(1, MOST_TRIES + 1):
        ended = await run_istioctl_once(context, arguments, hear)
        if ended.code == 0 or not failures.is_api_server_away(ended.tail) or attempt == MOST_TRIES:
            break
        context.progress.say(Text("the cluster went away in the middle; waiting for it"))
        await context.cluster.version()
        context.progress.say(Text("the cluster is back; going on"))
    return ended


async def run_istioctl_once(
    context: Context, arguments: Sequence[str], hear: Hear
) -> IstioctlResult:
    """Run istioctl once, with a time limit: a server that keeps connections open may hold it
    for ever.
    """
    limit = LEAST + 3 * context.workshop.readiness_timeout
    async with context.mesh.run(arguments) as program:
        try:
            async with asyncio.timeout(limit):
                code = await read_output(program, hear)
        except TimeoutError:
            return IstioctlResult(
                1,
                (
                    *program.tail,
                    f"Error: istioctl did not end within {limit:.0f} s",
                ),
            )
    return IstioctlResult(code, program.tail)


async def read_output(program: Program, hear: Hear) -> int:
    """Pass on every line of output; return the exit code."""
    async for output in program.output():
        hear(output.line)
    return await program.wait()
