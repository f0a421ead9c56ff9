"""Traffic that goes on: begun with one request as proof, and stopped with what it saw."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.errors import UserError
from bot.knowledge import requests
from bot.knowledge.offers import offer
from bot.knowledge.typed import spoken
from bot.ports import Load
from bot.steps import Context, State, Verdict
from bot.when import seconds_until

LONGEST = 86400.0
"""Seconds that traffic may go on."""


def lasts(context: Context, seconds: float, until: str) -> float:
    """How long it is to go on: so many seconds, or until a time of day. Raises UserError."""
    if not until:
        return seconds
    left = seconds_until(until, datetime.now(UTC), context.workshop.timezone)
    if left > LONGEST:
        raise UserError("Traffic may go on for 24 hours.", "Write an end that is nearer.")
    return left


async def start(context: Context, *, every: float, user: str, seconds: float) -> Verdict:
    """One request as proof, then the stream; nothing goes on that nobody answers."""
    namespace = context.workshop.app_namespace
    going = [s for s in await context.traffic.streams() if (s.namespace, s.user) == (namespace, user)]
    if going and going[0].every == every:
        words = f"requests go on already: {requests.stream_words(going[0])}."
        return Verdict(
            State.DONE, words, "", requests.lines(going[0].seen), next=offer(context, "graph", "traffic stop")
        )
    load = Load(user=user)
    seen = await context.traffic.send(namespace, load)
    if not seen.versions:
        return await requests.verdict(context, seen, load)
    await context.traffic.start(namespace, every=every, user=user, seconds=seconds)
    words = f"one request every {every:g} s as {requests.who(user)}, for {spoken(seconds)}."
    return await requests.verdict(context, seen, load, words)


async def stop(context: Context) -> Verdict:
    """Ends all streams of the namespace, with what they saw."""
    ended = await context.traffic.stop(context.workshop.app_namespace)
    if not ended:
        return Verdict(
            State.DONE, "no requests were being sent; nothing to stop.", next=offer(context, "traffic start")
        )
    evidence = tuple(f"as {requests.who(s.user)}: {line}" for s in ended for line in requests.lines(s.seen))
    return Verdict(State.DONE, "no more requests are sent.", "", evidence, next=offer(context, "graph", "traces"))
