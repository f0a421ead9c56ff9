"""`/mesh traffic`: requests for the application's page: once, as a burst, or as a stream,
logged in or not; reports codes, versions of reviews, ratings and times, and for a burst
a plot of them.
"""

from __future__ import annotations

import time
from dataclasses import replace

from bot.diagnosis.verdicts import explain_failure
from bot.knowledge.bookinfo import traffic_burst, traffic_stream, traffic_verdict
from bot.knowledge.bookinfo.traffic_options import Action, TrafficOptions
from bot.knowledge.graph import burst_plot
from bot.ports import LoadSpec
from bot.steps import (
    Context,
    Recurrence,
    Role,
    Scope,
    SlotContext,
    SlotReport,
    State,
    Step,
    Verdict,
)
from bot.text import Text, counted


async def run(context: Context, options: TrafficOptions) -> Verdict:
    """Send requests, or start or stop a stream."""
    if options.action is Action.STOP:
        return await traffic_stream.stop_streams(context)
    if options.action is Action.START:
        lasts = traffic_stream.compute_duration(context, options.how_long, options.until)
        return await traffic_stream.start_stream(
            context, every=options.every, user=options.user, seconds=lasts
        )
    load, namespace = options.build_load(), context.workshop.app_namespace
    if options.action is Action.BURST:
        context.progress.say(describe_sending(load))
    before = context.traffic.last_burst(namespace)
    seen = await context.traffic.send(namespace, load)
    verdict = await traffic_verdict.build_verdict(context, seen, load)
    if verdict.state is State.DONE and not seen.is_whole:
        cause = await explain_failure(context, STEP)
        verdict = replace(verdict, notes=(*([cause] if cause else []), *verdict.notes))
    plot = burst_plot.build_burst_plot(seen, load, namespace, time.time(), before)
    return replace(verdict, picture=plot)


def describe_sending(load: LoadSpec) -> Text:
    """Return `sending 200 requests at 20/s, 10 s`."""
    return counted(
        "sending {n} request at {rate:g}/s, {seconds:.0f} s",
        "sending {n} requests at {rate:g}/s, {seconds:.0f} s",
        n=load.count,
        rate=load.rate,
        seconds=load.count / load.rate,
    )


async def check(context: Context, options: TrafficOptions) -> None:
    """Raise UserError when the end of the stream is not valid."""
    traffic_stream.compute_duration(context, options.how_long, options.until)


async def run_scheduled(
    context: Context, options: TrafficOptions, occasion: SlotContext
) -> SlotReport:
    """Send the same load again."""
    return await traffic_burst.send_burst(context, options.build_load(), occasion)


def compute_shortest_interval(options: TrafficOptions) -> float:
    """Return the seconds between two slots: one burst must be over before the next begins."""
    load = options.build_load()
    return load.count / load.rate


STEP = Step(
    id="traffic",
    title=Text("Traffic"),
    summary=Text("requests for the page: once, a burst, or going on; as nobody or as a user"),
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
