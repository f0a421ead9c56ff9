"""Proof by metrics: traffic is sent, and Prometheus is asked until it shows more than before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from bot.errors import ClusterError
from bot.knowledge.observe import prometheus
from bot.ports import LoadSpec, TrafficReport
from bot.steps import Context
from bot.text import EMPTY, Text, join

GROWTH_TIMEOUT = 60.0
"""Seconds in which two scrapes, 15 s apart, surely fall."""
PAUSE = 1.0
"""Seconds between two queries."""
PROOF_LOAD = LoadSpec(count=20, rate=20.0)


@dataclass(frozen=True)
class MetricGrowth:
    """Series that have grown, described; `missing` says why none was seen."""

    lines: tuple[Text, ...] = ()
    missing: Text = EMPTY


async def send_and_measure_growth(
    context: Context, expression: str, words: Callable[[prometheus.Series], Text]
) -> MetricGrowth:
    """Send requests and wait until a series of the expression is larger than before.

    Never raises ClusterError: the result's `missing` says what failed.
    """
    if not await prometheus.is_ready(context):
        return MetricGrowth(missing=await prometheus.explain_unready(context))
    try:
        before = await query_values(context, expression, words)
        context.progress.say(Text("sending requests, and waiting for Prometheus to see them"))
        seen = await context.traffic.send(context.workshop.app_namespace, PROOF_LOAD)
        if not seen.versions:
            return MetricGrowth(missing=explain_no_traffic(seen))
        return await wait_for_growth(context, expression, words, before)
    except ClusterError as problem:
        return MetricGrowth(
            missing=Text("Prometheus cannot be asked: {problem}", problem=problem.message)
        )


async def wait_for_growth(
    context: Context,
    expression: str,
    words: Callable[[prometheus.Series], Text],
    before: dict[Text, float],
) -> MetricGrowth:
    """Query until a series has grown, or GROWTH_TIMEOUT ends."""
    deadline = time.monotonic() + min(GROWTH_TIMEOUT, context.workshop.readiness_timeout)
    while True:
        after = await query_values(context, expression, words)
        grown = tuple(
            Text("{series}: {count:g}", series=series, count=n)
            for series, n in after.items()
            if n > before.get(series, 0.0)
        )
        if grown:
            return MetricGrowth(grown)
        if time.monotonic() > deadline:
            return MetricGrowth(
                missing=Text("requests were answered, but Prometheus shows nothing of them yet")
            )
        await asyncio.sleep(PAUSE)


async def query_values(
    context: Context, expression: str, words: Callable[[prometheus.Series], Text]
) -> dict[Text, float]:
    """Return the value of each series by its description."""
    return {words(series): series.value for series in await prometheus.query(context, expression)}


def explain_no_traffic(seen: TrafficReport) -> Text:
    """Return why there was nothing to measure."""
    codes = join("comma", *(f"{code}: {count}" for code, count in seen.codes.items()))
    return Text("no page came: {why}", why=seen.trouble or codes or Text("nothing answered"))
