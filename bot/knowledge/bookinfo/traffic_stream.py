"""Streams of traffic: begun after one request as proof, and stopped with their results."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.errors import UserError
from bot.knowledge.bookinfo import traffic_report
from bot.knowledge.objects.durations import format_duration
from bot.knowledge.objects.suggestions import suggest_commands
from bot.ports import LoadSpec
from bot.steps import Context, State, Verdict
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
        raise UserError("Traffic may go on for 24 hours.", "Write an end that is nearer.")
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
        words = f"requests go on already: {traffic_report.describe_stream(going[0])}."
        return Verdict(
            State.DONE,
            words,
            "",
            traffic_report.describe_report(going[0].seen),
            next=suggest_commands(context, "graph", "traffic stop"),
        )
    load = LoadSpec(user=user)
    seen = await context.traffic.send(namespace, load)
    if not seen.versions:
        return await traffic_report.build_verdict(context, seen, load)
    await context.traffic.start(namespace, every=every, user=user, seconds=seconds)
    words = f"one request every {every:g} s as {traffic_report.describe_user(user)}, for {format_duration(seconds)}."
    return await traffic_report.build_verdict(context, seen, load, words)


async def stop_streams(context: Context) -> Verdict:
    """Stop all streams of the namespace, and report their results."""
    ended = await context.traffic.stop(context.workshop.app_namespace)
    if not ended:
        return Verdict(
            State.DONE,
            "no requests were being sent; nothing to stop.",
            next=suggest_commands(context, "traffic start"),
        )
    evidence = tuple(
        f"as {traffic_report.describe_user(s.user)}: {line}"
        for s in ended
        for line in traffic_report.describe_report(s.seen)
    )
    return Verdict(
        State.DONE,
        "no more requests are sent.",
        "",
        evidence,
        next=suggest_commands(context, "graph", "traces"),
    )
