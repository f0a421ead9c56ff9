"""The picture of a burst, as a value: its requests, and the same in words."""

from __future__ import annotations

from bot.drawings import PlotPicture
from bot.knowledge.bookinfo.traffic_report import describe_report
from bot.knowledge.graph.picture import format_utc_time
from bot.ports import LoadSpec, TrafficReport
from bot.text import Listed, Text, counted

LEAST_SAMPLES = 2
"""Requests below which there is nothing to plot."""


def build_burst_plot(
    seen: TrafficReport, load: LoadSpec, namespace: str, at: float
) -> PlotPicture | None:
    """Build the plot of a burst that ended at `at` (epoch seconds); None when it has too few
    samples.
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
        words=Text(
            "Times and errors of a burst. {results}",
            results=Listed(describe_report(seen, load.rate), "semicolon"),
        ),
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
