"""`/mesh traffic`: requests for the application's page: once, as a burst, or as a stream,
logged in or not; reports codes, versions of reviews, ratings and times, and for a burst
a plot of them.
"""

from __future__ import annotations

import time
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field

from bot.knowledge.bookinfo import traffic_burst, traffic_report, traffic_stream
from bot.knowledge.graph import picture
from bot.knowledge.objects.durations import parse_duration, strip_rate_unit
from bot.ports import LoadSpec
from bot.steps import (
    Context,
    Options,
    Recurrence,
    Role,
    Scope,
    SlotContext,
    SlotReport,
    Step,
    Verdict,
)


class Action(StrEnum):
    """Actions that can be typed after `traffic`."""

    ONCE = "once"
    START = "start"
    STOP = "stop"
    BURST = "burst"


class TrafficOptions(Options):
    """Options of `traffic`."""

    action: Annotated[Action, Field(default=Action.ONCE, description="once, start, stop or burst")]
    count: Annotated[int, Field(default=100, ge=1, le=2000, description="requests of a burst")]
    at: Annotated[
        float,
        BeforeValidator(strip_rate_unit),
        Field(default=10.0, gt=0, le=50, description="a burst's rate, e.g. 20/s"),
    ]
    every: Annotated[
        float,
        BeforeValidator(parse_duration),
        Field(default=3.0, ge=0.02, le=60, description="pause of a start, e.g. 3s"),
    ]
    user: Annotated[
        str,
        Field(
            default="",
            alias="as",
            max_length=40,
            pattern=r"^[\w.@+-]*$",
            description="logged in as this user",
        ),
    ]
    how_long: Annotated[
        float,
        BeforeValidator(parse_duration),
        Field(
            default=3600.0,
            alias="for",
            ge=1,
            le=86400,
            description="how long a start goes on, e.g. 10m",
        ),
    ]
    until: Annotated[
        str, Field(default="", max_length=20, description="when a start ends, e.g. 17:00")
    ]


async def run(context: Context, options: TrafficOptions) -> Verdict:
    """Send requests, or start or stop a stream."""
    if options.action is Action.STOP:
        return await traffic_stream.stop_streams(context)
    if options.action is Action.START:
        lasts = traffic_stream.compute_duration(context, options.how_long, options.until)
        return await traffic_stream.start_stream(
            context, every=options.every, user=options.user, seconds=lasts
        )
    burst = options.action is Action.BURST
    load = build_load(options)
    if burst:
        context.progress.say(
            f"sending {load.count} requests at {load.rate:g}/s, {load.count / load.rate:.0f} s"
        )
    seen = await context.traffic.send(context.workshop.app_namespace, load)
    verdict = await traffic_report.build_verdict(context, seen, load)
    return replace(
        verdict,
        picture=picture.build_burst_plot(seen, load, context.workshop.app_namespace, time.time()),
    )


def build_load(options: TrafficOptions) -> LoadSpec:
    """Return the load that is sent at once: one request, or a burst."""
    return LoadSpec(
        options.count if options.action is Action.BURST else 1, options.at, options.user
    )


def check(context: Context, options: TrafficOptions) -> None:
    """Raise UserError when the end of the stream is not valid."""
    traffic_stream.compute_duration(context, options.how_long, options.until)


async def run_scheduled(
    context: Context, options: TrafficOptions, occasion: SlotContext
) -> SlotReport:
    """Send the same load again."""
    return await traffic_burst.send_burst(context, build_load(options), occasion)


def compute_shortest_interval(options: TrafficOptions) -> float:
    """Return the seconds between two slots: one burst must be over before the next begins."""
    load = build_load(options)
    return load.count / load.rate


STEP = Step(
    id="traffic",
    title="Traffic",
    summary="requests for the page: once, a burst, or going on; as nobody or as a user",
    run=run,
    check=check,
    options=TrafficOptions,
    role=Role.HOST,
    scope=Scope.APPLICATION,
    aliases=("load",),
    positional=("action", "count"),
    examples=(
        "traffic once",
        "traffic start every=3s",
        "traffic start as jason for 10m",
        "traffic start every 3s until 17:00",
        "traffic burst 200 at 20/s as jason",
        "traffic burst 200 at 20/s every 10m until 23:59 as jason",
        "traffic stop",
    ),
    regular=Recurrence(
        run=run_scheduled,
        examples=("traffic burst 200 at 20/s every 10m",),
        least=compute_shortest_interval,
        longest=86400.0,
        once=frozenset({Action.START, Action.STOP}),
    ),
)
