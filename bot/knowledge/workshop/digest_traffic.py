"""The traffic of a digest: what was asked for, what failed on which way, and what the bot itself
sent, over the time of which there are numbers.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bot.errors import ClusterError
from bot.knowledge.observe import prometheus
from bot.knowledge.observe.prometheus import Series
from bot.ports import SentRequests
from bot.steps import Context
from bot.text import EMPTY, Listed, Seconds, Text, counted, join

PAGE = "productpage"
LONGEST = 86400.0
"""Seconds that a digest looks back at most."""
SHORT = 60.0
"""Seconds by which the time with numbers may fall short without a word."""
MOST_WAYS = 6
"""Ways on which something failed that are listed."""


@dataclass
class Way:
    """Calls from one workload to one service: how many there were, and what failed by result."""

    total: float = 0.0
    results: Counter[str] = field(default_factory=Counter)

    @property
    def failed(self) -> int:
        """How many failed, whole."""
        return round(sum(self.results.values()))


@dataclass(frozen=True)
class Measured:
    """What Prometheus counted in so many seconds, by source and target; `whole` when it has numbers
    of all the time that was asked for."""

    seconds: float
    whole: bool
    ways: dict[tuple[str, str], Way]


async def describe_traffic(context: Context, since: float) -> tuple[Text, ...]:
    """Return lines about the requests since then (epoch seconds), a day at most."""
    now, namespace = time.time(), context.workshop.app_namespace
    since = max(since, now - LONGEST)
    try:
        measured = await measure_traffic(context, since, now)
        lines = describe_measured(measured) if measured else [NO_REQUESTS]
    except ClusterError:
        lines = [Text("📈 traffic: Prometheus cannot be asked")]
    asked, proofs = (context.traffic.sent(namespace, since, proof=proof) for proof in (False, True))
    told = [describe_sent(asked, proof=False), describe_sent(proofs, proof=True)]
    if any(told) and asked.since - since > SHORT:
        age = Seconds(now - asked.since, "rough")
        told.append(Text("◦ what I sent is known since I was started, {age} ago", age=age))
    return (*lines, *(line for line in told if line))


NO_REQUESTS = Text("📈 traffic: none that was counted")


async def measure_traffic(context: Context, since: float, now: float) -> Measured | None:
    """Return what Prometheus counted between two moments, None when it has no numbers of them.

    Raises ClusterError.
    """
    namespace = context.workshop.app_namespace
    known = f"count({prometheus.select_requests(namespace)})"
    first = await prometheus.find_first_moment(context, known, since, now)
    if first is None:
        return None
    query = prometheus.build_counts_query(namespace, max(1, round(now - since)))
    ways = add_up_ways(await prometheus.query(context, query))
    late = first - since > SHORT
    # The first number stands for the requests of the scrape before it.
    spent = now - first + prometheus.SCRAPE if late else now - since
    return Measured(spent, not late, ways)


def add_up_ways(series: Iterable[Series]) -> dict[tuple[str, str], Way]:
    """Return the calls by source and target; what failed has code and flags as its result.

    Of the proxies at both ends the one that saw more counts: the caller's knows of calls that
    never arrived, and who has none is only known at the other end. A waypoint stands for callers
    without a proxy for requests, and is added.
    """
    seen: dict[tuple[str, str], dict[str, Way]] = {}
    for one in series:
        ends = (one["source_workload"], one["destination_service_name"])
        way = seen.setdefault(ends, {}).setdefault(one["reporter"], Way())
        way.total += one.value
        code, flags = one["response_code"], one["response_flags"]
        # As Kiali counts: a code of 4xx or 5xx, and none when the caller got no answer.
        if code[:1] in ("4", "5", "0", "") and round(one.value):
            way.results[f"{code or '0'} {flags}".removesuffix(" -").strip()] += round(one.value)
    ways = {ends: merge_reporters(reporters) for ends, reporters in seen.items()}
    return {ends: way for ends, way in ways.items() if round(way.total)}


def merge_reporters(reporters: dict[str, Way]) -> Way:
    """Return the calls of one way out of what its proxies report."""
    passed = reporters.get("waypoint", Way())
    ends = (way for name, way in reporters.items() if name != "waypoint")
    most = max(ends, key=lambda way: way.total, default=Way())
    return Way(most.total + passed.total, most.results + passed.results)


def describe_measured(measured: Measured) -> list[Text]:
    """Return how many pages were asked for in which time, and a line for each way with failures."""
    asked = [way for (_, target), way in measured.ways.items() if target == PAGE]
    total, failed = round(sum(way.total for way in asked)), sum(way.failed for way in asked)
    if not measured.ways:
        return [NO_REQUESTS]
    span = Seconds(measured.seconds, "rough")
    errors = (
        counted("{n:,} of them failed", "{n:,} of them failed", n=failed)
        if failed
        else Text("none of them failed")
    )
    rate = round(total / measured.seconds, 2)
    line = (
        counted(
            "📈 traffic in {span}: {n:,} request for the page ({rate:g}/s), {errors}",
            "📈 traffic in {span}: {n:,} requests for the page ({rate:g}/s), {errors}",
            n=total,
            span=span,
            rate=rate,
            errors=errors,
        )
        if measured.whole
        else counted(
            "📈 traffic in {span}, of which there are numbers: {n:,} request for the page "
            "({rate:g}/s), {errors}",
            "📈 traffic in {span}, of which there are numbers: {n:,} requests for the page "
            "({rate:g}/s), {errors}",
            n=total,
            span=span,
            rate=rate,
            errors=errors,
        )
    )
    return [line, *describe_failing_ways(measured)]


def describe_failing_ways(measured: Measured) -> list[Text]:
    """Return a line for each way on which calls failed, the most first."""
    failing = sorted(
        ((ends, way) for ends, way in measured.ways.items() if way.failed),
        key=lambda each: (-each[1].failed, each[0]),
    )
    lines = [
        Text(
            "◦ failed: {source} → {target}, {failed:,} of {total:,} ({results})",
            source=source,
            target=target,
            failed=way.failed,
            total=round(way.total),
            results=Listed(
                (f"{result} × {n}" for result, n in way.results.most_common(3)), "comma"
            ),
        )
        for (source, target), way in failing[:MOST_WAYS]
    ]
    if left := len(failing[MOST_WAYS:]):
        lines.append(counted("◦ and on {n} more way", "◦ and on {n} more ways", n=left))
    return lines


def describe_sent(sent: SentRequests, *, proof: bool) -> Text:
    """Return what the bot's own requests met, EMPTY when there were none."""
    if not sent.sent:
        return EMPTY
    missed: Sequence[tuple[int, Text]] = (
        (sent.failed, Text("without a page")),
        (sent.without_reviews, Text("without reviews")),
        (sent.without_ratings, Text("without ratings")),
        (sent.without_details, Text("without details")),
    )
    parts = [Text("{number:,} {what}", number=n, what=what) for n, what in missed if n]
    results = join("comma", *parts) if parts else Text("all with whole pages")
    if proof:
        return counted(
            "◦ set apart: {n:,} request of mine in proofs of steps, {results}",
            "◦ set apart: {n:,} requests of mine in proofs of steps, {results}",
            n=sent.sent,
            results=results,
        )
    return counted(
        "◦ by `traffic`: {n:,} request, {results}",
        "◦ by `traffic`: {n:,} requests, {results}",
        n=sent.sent,
        results=results,
    )
