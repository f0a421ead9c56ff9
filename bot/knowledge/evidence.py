"""Proof by metrics: traffic is sent, and Prometheus is asked until it shows more than before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from bot.errors import ClusterError
from bot.knowledge.observe import prometheus
from bot.ports import Load, Seen
from bot.steps import Context

PATIENCE = 60.0
"""Seconds in which two scrapes, 15 s apart, surely fall."""
PAUSE = 1.0
LOAD = Load(count=20, rate=20.0)


@dataclass(frozen=True)
class Grown:
    """Which series have grown, each in words; `missing` says why none was seen."""

    lines: tuple[str, ...] = ()
    missing: str = ""


async def grows(context: Context, expression: str, words: Callable[[prometheus.Series], str]) -> Grown:
    """Sends requests and waits until a series of the expression is larger than it was."""
    if not await prometheus.ready(context):
        return Grown(missing="Prometheus does not answer, so that nothing was measured")
    try:
        before = await values(context, expression, words)
        context.progress.say("sending requests, and waiting for Prometheus to see them")
        seen = await context.traffic.send(context.workshop.app_namespace, LOAD)
        if not seen.versions:
            return Grown(missing=silent(seen))
        return await wait(context, expression, words, before)
    except ClusterError as problem:
        return Grown(missing=f"Prometheus cannot be asked: {problem}")


async def wait(
    context: Context, expression: str, words: Callable[[prometheus.Series], str], before: dict[str, float]
) -> Grown:
    """Asks until something has grown."""
    deadline = time.monotonic() + min(PATIENCE, context.workshop.readiness_timeout)
    while True:
        after = await values(context, expression, words)
        grown = tuple(f"{said}: {n:g}" for said, n in after.items() if n > before.get(said, 0.0))
        if grown:
            return Grown(grown)
        if time.monotonic() > deadline:
            return Grown(missing="requests were answered, but Prometheus shows nothing of them yet")
        await asyncio.sleep(PAUSE)


async def values(
    context: Context, expression: str, words: Callable[[prometheus.Series], str]
) -> dict[str, float]:  # fmt: skip
    """Each series under its words."""
    return {words(series): series.value for series in await prometheus.query(context, expression)}


def silent(seen: Seen) -> str:
    """Why there was nothing to measure."""
    codes = ", ".join(f"{code}: {count}" for code, count in seen.codes.items())
    return f"no page came: {seen.trouble or codes or 'nothing answered'}"
