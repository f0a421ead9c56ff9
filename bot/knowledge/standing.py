"""What goes on by itself, and ends with what it goes to: streams of traffic, and schedules."""

from __future__ import annotations

from bot.knowledge.requests import who
from bot.records import Scheduled
from bot.steps import Context, person

TRAFFIC = "traffic"


async def all_planned(context: Context) -> tuple[str, ...]:
    """What would end with the mesh, in words."""
    streams = await context.traffic.streams()
    return (
        *(f"traffic to {stream.namespace} as {who(stream.user)}" for stream in streams),
        *(f"schedule {one.id}: {one.typed}, {one.when}" for one in await context.schedules.entries()),
    )


async def traffic_ends(context: Context, why: str) -> tuple[str, ...]:
    """Stops what is sent to the application, now and by schedule; what was stopped, in words."""
    namespace = context.workshop.app_namespace
    streams = await context.traffic.stop(namespace)
    ended = await context.schedules.end(why, step=TRAFFIC, namespace=namespace)
    return (
        *(f"traffic as {who(stream.user)} was stopped" for stream in streams),
        *(f"schedule {one.id} ({one.typed}) is over" for one in ended),
    )


async def everything_ends(context: Context, why: str) -> tuple[str, ...]:
    """Stops all traffic and ends all schedules; what was stopped, in words."""
    stopped = [
        stream
        for namespace in sorted({stream.namespace for stream in await context.traffic.streams()})
        for stream in await context.traffic.stop(namespace)
    ]
    ended = await context.schedules.end(why)
    return (
        *(f"traffic to {stream.namespace} as {who(stream.user)} was stopped" for stream in stopped),
        *(f"schedule {one.id} ({one.typed}) is over" for one in ended),
    )


def line(one: Scheduled) -> str:
    """`s3 — ping, every 1 min; next 18:03:09 UTC; by @host; last: all is well`."""
    stands = f"next {one.next}" if one.next and one.state == "active" else one.state
    missed = f"; {one.missed} missed" if one.missed else ""
    last = f"; last: {one.last}" if one.last else ""
    return f"{one.id} — {one.typed}, {one.when}; {stands}; by {person(one.user)}{missed}{last}"
