"""Proof by metrics: traffic is sent, and Prometheus is asked until it shows more than before; where
it is not ready, the proxies themselves.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from bot.errors import ClusterError
from bot.knowledge.observe import prometheus
from bot.knowledge.observe.proxy_counters import CounterQuery, may_ask_pods, read_counters
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


Words = Callable[[prometheus.Series], Text]


@dataclass(frozen=True)
class Meter:
    """Where series are read, and what is said when that fails, and when none has grown."""

    read: Callable[[], Awaitable[list[prometheus.Series]]]
    waits: Text
    silent: Text
    failed: Callable[[Text], Text]


async def send_and_measure_growth(
    context: Context, expression: str, words: Words, counters: CounterQuery | None = None
) -> MetricGrowth:
    """Send requests and wait until a series of the expression is larger than before.

    `counters` is the same question to the proxies, asked where Prometheus is not ready and the
    account may. Never raises ClusterError: the result's `missing` says what failed.
    """
    if await prometheus.is_ready(context):
        meter = build_prometheus_meter(context, expression)
    elif counters is not None and await may_ask_pods(context, counters.namespace):
        meter = build_proxy_meter(context, counters)
    else:
        return MetricGrowth(missing=await prometheus.explain_unready(context))
    try:
        before = await read_values(meter, words)
        context.progress.say(meter.waits)
        seen = await context.traffic.send(context.workshop.app_namespace, PROOF_LOAD)
        if not seen.versions:
            return MetricGrowth(missing=explain_no_traffic(seen))
        return await wait_for_growth(context, meter, words, before)
    except ClusterError as problem:
        return MetricGrowth(missing=meter.failed(problem.message))


def build_prometheus_meter(context: Context, expression: str) -> Meter:
    """Return what asks Prometheus."""
    return Meter(
        partial(prometheus.query, context, expression),
        Text("sending requests, and waiting for Prometheus to see them"),
        Text("requests were answered, but Prometheus shows nothing of them yet"),
        lambda problem: Text("Prometheus cannot be asked: {problem}", problem=problem),
    )


def build_proxy_meter(context: Context, counters: CounterQuery) -> Meter:
    """Return what asks the proxies for their own counters."""
    return Meter(
        partial(read_counters, context, counters),
        Text("sending requests, and asking the proxies what they count"),
        Text("requests were answered, but the proxies count nothing of them"),
        lambda problem: Text("the proxies cannot be asked: {problem}", problem=problem),
    )


async def wait_for_growth(
    context: Context, meter: Meter, words: Words, before: dict[Text, float]
) -> MetricGrowth:
    """Read until a series has grown, or GROWTH_TIMEOUT ends."""
    deadline = time.monotonic() + min(GROWTH_TIMEOUT, context.workshop.readiness_timeout)
    while True:
        after = await read_values(meter, words)
        grown = tuple(
            Text("{series}: {count:g}", series=series, count=n)
            for series, n in after.items()
            if n > before.get(series, 0.0)
        )
        if grown:
            return MetricGrowth(grown)
        if time.monotonic() > deadline:
            return MetricGrowth(missing=meter.silent)
        await asyncio.sleep(PAUSE)


async def read_values(meter: Meter, words: Words) -> dict[Text, float]:
    """Return the value of each series by its description."""
    return {words(series): series.value for series in await meter.read()}


def explain_no_traffic(seen: TrafficReport) -> Text:
    """Return why there was nothing to measure."""
    codes = join("comma", *(f"{code}: {count}" for code, count in seen.codes.items()))
    return Text("no page came: {why}", why=seen.trouble or codes or Text("nothing answered"))
