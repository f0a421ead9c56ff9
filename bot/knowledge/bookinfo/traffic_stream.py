"""Streams of traffic: begun after one request as proof, and stopped with their results."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.errors import UserError
from bot.knowledge.bookinfo import traffic_report, traffic_verdict
from bot.knowledge.objects.suggestions import suggest_commands
from bot.ports import LoadSpec, Stream
from bot.steps import Context, State, Verdict
from bot.text import Seconds, Text
from bot.when import seconds_until

LONGEST = 86400.0
"""Seconds that traffic may go on."""


def compute_duration(context: Context, seconds: float, until: str) -> float:
    """Return how many seconds a stream goes on: `seconds`, or until a time of day.

    Raises UserError when that is more than 24 hours or no time.
    """
    if not until:
        return seconds
    left = seconds_until(until, datetime.now(UTC), context.workshop.timezone)
    if left > LONGEST:
        raise UserError(
            Text("Traffic may go on for 24 hours."), Text("Write an end that is nearer.")
        )
    return left


async def start_stream(context: Context, *, every: float, user: str, seconds: float) -> Verdict:
    """Send one request as proof, then start the stream; nothing is started when nobody
    answers.
    """
    namespace = context.workshop.app_namespace
    going = [
        s for s in await context.traffic.streams() if (s.namespace, s.user) == (namespace, user)
    ]
    if going and going[0].every == every:
        return Verdict(
            State.DONE,
            Text(
                "requests go on already: {stream}.",
                stream=traffic_report.describe_stream(going[0]),
            ),
            evidence=traffic_report.describe_report(going[0].seen),
            next=suggest_commands(context, "graph", "traffic stop"),
        )
    load = LoadSpec(user=user, proof=False)
    seen = await context.traffic.send(namespace, load)
    if not seen.versions:
        return await traffic_verdict.build_verdict(context, seen, load)
    await context.traffic.start(namespace, every=every, user=user, seconds=seconds)
    begun = describe_begun_stream(every, user, seconds)
    return await traffic_verdict.build_verdict(context, seen, load, begun)


def describe_begun_stream(every: float, user: str, seconds: float) -> Text:
    """Return `one request every 3 s as jason, logged in, for 10 min.`"""
    duration = Seconds(seconds, "rough")
    if not user:
        return Text(
            "one request every {every:g} s as nobody, for {duration}.",
            every=every,
            duration=duration,
        )
    return Text(
        "one request every {every:g} s as {user}, logged in, for {duration}.",
        every=every,
        user=user,
        duration=duration,
    )


async def stop_streams(context: Context) -> Verdict:
    """Stop all streams of the namespace, and report their results."""
    ended = await context.traffic.stop(context.workshop.app_namespace)
    if not ended:
        return Verdict(
            State.DONE,
            Text("no requests were being sent; nothing to stop."),
            next=suggest_commands(context, "traffic start"),
        )
    return Verdict(
        State.DONE,
        Text("no more requests are sent."),
        evidence=tuple(line for stream in ended for line in describe_ended_stream(stream)),
        next=suggest_commands(context, "graph", "traces"),
    )


def describe_ended_stream(stream: Stream) -> list[Text]:
    """Return the results of a stream, each line with its user."""
    return [
        Text("as {user}, logged in: {result}", user=stream.user, result=line)
        if stream.user
        else Text("as nobody: {result}", result=line)
        for line in traffic_report.describe_report(stream.seen)
    ]
