"""Background activity: streams of traffic and schedules, and ending them with what they
depend on.
"""

from __future__ import annotations

from bot.ports import Stream
from bot.records import ScheduleSummary
from bot.steps import Context, mark_person
from bot.text import EMPTY, Text, counted, in_context, join, verbatim

TRAFFIC = "traffic"
"""The id of the step whose schedules send requests to the application."""
SCHEDULE_STATES = {
    "active": in_context("schedule", "active"),
    "paused": in_context("schedule", "paused"),
    "ended": in_context("schedule", "ended"),
    "removed": in_context("schedule", "removed"),
}


async def list_background_activity(context: Context) -> tuple[Text, ...]:
    """Return all streams and schedules, which would end with the mesh, in words."""
    return (
        *map(describe_running_stream, await context.traffic.streams()),
        *(
            Text("schedule {id}: {command}, {when}", id=one.id, command=one.typed, when=one.when)
            for one in await context.schedules.entries()
        ),
    )


def describe_running_stream(stream: Stream) -> Text:
    """Return `traffic to bookinfo as jason, logged in`."""
    if not stream.user:
        return Text("traffic to {namespace} as nobody", namespace=stream.namespace)
    return Text(
        "traffic to {namespace} as {user}, logged in",
        namespace=stream.namespace,
        user=stream.user,
    )


async def stop_application_traffic(context: Context, why: Text) -> tuple[Text, ...]:
    """Stop traffic to the application, streams and schedules; return what was stopped, in
    words.
    """
    namespace = context.workshop.app_namespace
    streams = await context.traffic.stop(namespace)
    ended = await context.schedules.end(why, step=TRAFFIC, namespace=namespace)
    return (
        *(
            Text("traffic as {user}, logged in, was stopped", user=stream.user)
            if stream.user
            else Text("traffic as nobody was stopped")
            for stream in streams
        ),
        *map(describe_ended_schedule, ended),
    )


async def stop_all_activity(context: Context, why: Text) -> tuple[Text, ...]:
    """Stop all traffic and end all schedules; return what was stopped, in words."""
    stopped = [
        stream
        for namespace in sorted({stream.namespace for stream in await context.traffic.streams()})
        for stream in await context.traffic.stop(namespace)
    ]
    ended = await context.schedules.end(why)
    return (*map(describe_stopped_stream, stopped), *map(describe_ended_schedule, ended))


def describe_stopped_stream(stream: Stream) -> Text:
    """Return `traffic to bookinfo as nobody was stopped`."""
    if not stream.user:
        return Text("traffic to {namespace} as nobody was stopped", namespace=stream.namespace)
    return Text(
        "traffic to {namespace} as {user}, logged in, was stopped",
        namespace=stream.namespace,
        user=stream.user,
    )


def describe_ended_schedule(one: ScheduleSummary) -> Text:
    """Return `schedule s3 (ping) is over`."""
    return Text("schedule {id} ({command}) is over", id=one.id, command=one.typed)


def describe_schedule(one: ScheduleSummary) -> Text:
    """Return `s3 — ping, every 1 min; next 18:03:09 UTC; by @host; last: all is well`."""
    return join(
        "semicolon",
        Text("{id} — {command}, {when}", id=one.id, command=one.typed, when=one.when),
        describe_schedule_state(one),
        Text("by {person}", person=mark_person(one.user)),
        counted("{n} missed", "{n} missed", n=one.missed) if one.missed else EMPTY,
        Text("last: {result}", result=one.last) if one.last else EMPTY,
    )


def describe_schedule_state(one: ScheduleSummary) -> Text:
    """Return the next time of an active schedule, otherwise its state."""
    if one.next and one.state == "active":
        return Text("next {time}", time=one.next)
    return SCHEDULE_STATES.get(one.state, verbatim(one.state))
