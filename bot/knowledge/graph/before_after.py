"""The traffic before and after a step that changes it: read while the step begins, and again when
Prometheus has asked all proxies since; a step waits for neither.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial, wraps
from typing import TypeVar

from bot.drawings import Comparison
from bot.errors import MeshbotError
from bot.kinds import DEPLOYMENT
from bot.knowledge.graph.comparison import Observed, compare_graphs
from bot.knowledge.graph.graph_report import read_graph_with_fallback
from bot.knowledge.graph.picture import build_graph_picture
from bot.knowledge.observe import prometheus
from bot.knowledge.snapshot import take_snapshot
from bot.steps import Context, Options, State, Verdict
from bot.text import Text

BEFORE = 45
"""Seconds of traffic before a step: three scrapes, and little of the step before it."""
LONGEST = 2 * prometheus.SCRAPE + 2
"""Seconds after which all proxies were surely asked twice since the step ended."""
MANY = 20.0
"""Requests that are enough to compare before that."""
FIRST_PAUSE = 1.0
"""Seconds until metrics are looked at; twice as long each time."""

log = logging.getLogger(__name__)

GivenOptions = TypeVar("GivenOptions", bound=Options)
Run = Callable[[Context, GivenOptions], Awaitable[Verdict]]


def compare_traffic(title: Text) -> Callable[[Run[GivenOptions]], Run[GivenOptions]]:
    """Make a step's `run` add to what it has done a comparison of the traffic before and after.

    `title` is that of the picture. The step never waits for it, and never fails because of it.
    """

    def decorate(run: Run[GivenOptions]) -> Run[GivenOptions]:
        @wraps(run)
        async def run_and_compare(context: Context, options: GivenOptions) -> Verdict:
            begun = int(time.time())
            reading = asyncio.create_task(read_before(context, begun), name="traffic before")
            try:
                verdict = await run(context, options)
                # A run that was taken up may have been effective before this process began.
                if verdict.state is not State.DONE or context.resumed or not reading.done():
                    return verdict
                before = reading.result()
            finally:
                reading.cancel()
            if before is None:
                return verdict
            late = partial(wait_and_compare, context, before, int(time.time()) + 1, title)
            return replace(verdict, later=late)

        return run_and_compare

    return decorate


async def read_before(context: Context, begun: int) -> Observed | None:
    """Return the traffic in the seconds before `begun` (epoch seconds); None when there was none,
    or nobody to tell.
    """
    try:
        namespace = context.workshop.app_namespace
        where = context.workshop.mesh_namespace
        if await context.cluster.get(DEPLOYMENT, "prometheus", where) is None:
            return None
        rate = prometheus.build_any_rate_query(namespace, BEFORE)
        if not await prometheus.query_number(context, rate):
            return None
        return await observe(context, BEFORE, begun)
    except MeshbotError:
        return None
    except Exception:
        # A picture is never worth a step's failure.
        log.exception("the traffic before a step could not be read")
        return None


async def observe(context: Context, seconds: int, until: int) -> Observed | None:
    """Return the traffic of so many seconds; None when there was none. Raises MeshbotError."""
    now = await take_snapshot(context)
    graph, _ = await read_graph_with_fallback(context, now, seconds, until=until)
    if not graph.calls:
        return None
    return Observed(graph, build_graph_picture(graph, now, context.workshop.app_namespace))


async def wait_and_compare(
    context: Context, before: Observed, since: int, title: Text
) -> Comparison | None:
    """Return what changed since a moment (epoch seconds), once there is enough traffic to tell."""
    pause = FIRST_PAUSE
    try:
        while True:
            await asyncio.sleep(min(pause, max(since + LONGEST - time.time(), 0.1)))
            pause *= 2
            seconds = int(time.time()) - since
            is_over = seconds >= LONGEST
            if seconds < 1 or not (is_over or await is_asked_twice(context, seconds)):
                continue
            after = await observe(context, seconds, since + seconds)
            if is_over or (after is not None and after.calls >= MANY):
                return compare_graphs(before, after, title) if after is not None else None
    except MeshbotError:
        return None


async def is_asked_twice(context: Context, seconds: int) -> bool:
    """Tell whether Prometheus has asked all proxies of the namespace twice in the last seconds: a
    rate needs two answers. Raises ClusterError.
    """
    series = prometheus.select_requests(context.workshop.app_namespace)
    once = await prometheus.query_number(context, f"count(last_over_time({series}[{seconds}s]))")
    twice = await prometheus.query_number(context, f"count(rate({series}[{seconds}s]))")
    return bool(once) and once == twice
