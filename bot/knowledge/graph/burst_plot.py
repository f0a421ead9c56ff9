"""The picture of a burst, as a value: its requests, and the same in words."""

from __future__ import annotations

from bot.drawings import PastBurst, PlotPicture
from bot.knowledge.bookinfo.traffic_report import describe_report
from bot.knowledge.graph.picture import format_utc_time
from bot.ports import Burst, LoadSpec, TrafficReport
from bot.text import Listed, Text, counted

LEAST_SAMPLES = 2
"""Requests below which there is nothing to plot."""


def build_burst_plot(
    seen: TrafficReport, load: LoadSpec, namespace: str, at: float, before: Burst | None = None
) -> PlotPicture | None:
    """Build the plot of a burst that ended at `at` (epoch seconds), beside the one before; None
    when it has too few samples.
    """
    if len(seen.samples) < LEAST_SAMPLES:
        return None
    return PlotPicture(
        title=describe_load(load),
        caption=describe_origin(seen, namespace, at),
        samples=tuple(sorted(seen.samples)),
        asked=load.rate,
        achieved=seen.rate,
        p50=seen.p50,
        p95=seen.p95,
        p99=seen.p99,
        words=describe_burst(seen, load, before),
        before=recall_burst(before) if before is not None else None,
    )


def describe_burst(seen: TrafficReport, load: LoadSpec, before: Burst | None) -> Text:
    """Return in words what the plot shows."""
    results = Listed(describe_report(seen, load.rate), "semicolon")
    if before is None:
        return Text("Times and errors of a burst. {results}", results=results)
    return Text(
        "Times and errors of a burst. {results}. The burst before: {before}",
        results=results,
        before=Listed(describe_report(before.seen, before.load.rate), "semicolon"),
    )


def recall_burst(before: Burst) -> PastBurst:
    """Return the burst before as the plot shows it."""
    return PastBurst(
        describe_load(before.load),
        Text("until {time}", time=format_utc_time(before.at)),
        tuple(sorted(before.seen.samples)),
        before.load.rate,
        before.seen.p50,
        before.seen.p95,
        before.seen.p99,
    )


def describe_load(load: LoadSpec) -> Text:
    """Return `200 requests at 20/s, as jason, logged in`."""
    if not load.user:
        return counted(
            "{n} request at {rate:g}/s, as nobody",
            "{n} requests at {rate:g}/s, as nobody",
            n=load.count,
            rate=float(load.rate),
        )
    return counted(
        "{n} request at {rate:g}/s, as {user}, logged in",
        "{n} requests at {rate:g}/s, as {user}, logged in",
        n=load.count,
        rate=float(load.rate),
        user=load.user,
    )


def describe_origin(seen: TrafficReport, namespace: str, at: float) -> Text:
    """Return `bookinfo through productpage, until 2026-11-25 19:05:12 UTC`."""
    time = format_utc_time(at)
    if not seen.via:
        return Text("{namespace}, until {time}", namespace=namespace, time=time)
    return Text(
        "{namespace} through {service}, until {time}",
        namespace=namespace,
        service=seen.via,
        time=time,
    )
