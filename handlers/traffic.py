"""`/mesh traffic`: requests for the application's page, once, as a burst or going on, as nobody or as a user; ends in
what they met: codes, versions of reviews, ratings, and times, and for a burst a plot of them."""

from __future__ import annotations

import time
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field

from bot.knowledge import charts, requests
from bot.knowledge.offers import offer
from bot.knowledge.typed import per_second, seconds, spoken
from bot.ports import Load
from bot.steps import Context, Options, Role, Scope, State, Step, Verdict


class Action(StrEnum):
    """What can be typed after `traffic`."""

    ONCE = "once"
    START = "start"
    STOP = "stop"
    BURST = "burst"


class TrafficOptions(Options):
    """What can be chosen."""

    action: Annotated[Action, Field(default=Action.ONCE, description="once, start, stop or burst")]
    count: Annotated[int, Field(default=100, ge=1, le=2000, description="requests of a burst")]
    at: Annotated[
        float, BeforeValidator(per_second), Field(default=10.0, gt=0, le=50, description="a burst's rate, e.g. 20/s")
    ]
    every: Annotated[
        float, BeforeValidator(seconds), Field(default=3.0, ge=0.02, le=60, description="pause of a start, e.g. 3s")
    ]
    user: Annotated[
        str, Field(default="", alias="as", max_length=40, pattern=r"^[\w.@+-]*$", description="logged in as this user")
    ]
    how_long: Annotated[
        float,
        BeforeValidator(seconds),
        Field(default=3600.0, alias="for", ge=1, le=3600, description="how long a start goes on, e.g. 10m"),
    ]


async def run(context: Context, options: TrafficOptions) -> Verdict:
    """Sends, starts or stops."""
    if options.action is Action.STOP:
        return stop(context)
    if options.action is Action.START:
        return await start(context, options)
    burst = options.action is Action.BURST
    load = Load(options.count if burst else 1, options.at, options.user)
    if burst:
        context.progress.say(f"sending {load.count} requests at {load.rate:g}/s, {load.count / load.rate:.0f} s")
    seen = await context.traffic.send(context.workshop.app_namespace, load)
    verdict = await requests.verdict(context, seen, load)
    return replace(verdict, picture=charts.of_burst(seen, load, context.workshop.app_namespace, time.time()))


async def start(context: Context, options: TrafficOptions) -> Verdict:
    """One request as proof, then the stream; nothing goes on that nobody answers."""
    namespace = context.workshop.app_namespace
    going = [s for s in context.traffic.streams() if (s.namespace, s.user) == (namespace, options.user)]
    if going and going[0].every == options.every:
        words = f"requests go on already: {requests.stream_words(going[0])}."
        return Verdict(
            State.DONE, words, "", requests.lines(going[0].seen), next=offer(context, "graph", "traffic stop")
        )
    load = Load(user=options.user)
    seen = await context.traffic.send(namespace, load)
    if not seen.versions:
        return await requests.verdict(context, seen, load)
    context.traffic.start(namespace, every=options.every, user=options.user, seconds=options.how_long)
    words = f"one request every {options.every:g} s as {requests.who(options.user)}, for {spoken(options.how_long)}."
    return await requests.verdict(context, seen, load, words)


def stop(context: Context) -> Verdict:
    """Ends all streams of the namespace, with what they saw."""
    ended = context.traffic.stop(context.workshop.app_namespace)
    if not ended:
        return Verdict(
            State.DONE, "no requests were being sent; nothing to stop.", next=offer(context, "traffic start")
        )
    evidence = tuple(f"as {requests.who(s.user)}: {line}" for s in ended for line in requests.lines(s.seen))
    return Verdict(State.DONE, "no more requests are sent.", "", evidence, next=offer(context, "graph", "traces"))


STEP = Step(
    id="traffic",
    title="Traffic",
    summary="requests for the page: once, a burst, or going on; as nobody or as a user",
    run=run,
    options=TrafficOptions,
    role=Role.HOST,
    scope=Scope.APPLICATION,
    aliases=("load",),
    positional=("action", "count"),
    examples=(
        "traffic once",
        "traffic start every=3s",
        "traffic start as jason for 10m",
        "traffic burst 200 at 20/s as jason",
        "traffic stop",
    ),
)
