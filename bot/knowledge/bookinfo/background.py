"""Background activity: streams of traffic and schedules, and ending them with what they
depend on.
"""

from __future__ import annotations

from bot.knowledge.bookinfo.traffic_report import describe_user
from bot.records import ScheduleSummary
from bot.steps import Context, mark_person

TRAFFIC = "traffic"


async def list_background_activity(context: Context) -> tuple[str, ...]:
    """Return all streams and schedules, which would end with the mesh, in words."""
    streams = await context.traffic.streams()
    return (
        *(f"traffic to {stream.namespace} as {describe_user(stream.user)}" for stream in streams),
        *(
            f"schedule {one.id}: {one.typed}, {one.when}"
            for one in await context.schedules.entries()
        ),
    )


async def stop_application_traffic(context: Context, why: str) -> tuple[str, ...]:
    """Stop traffic to the application, streams and schedules; return what was stopped, in
    words.
    """
    namespace = context.workshop.app_namespace
    streams = await context.traffic.stop(namespace)
    ended = await context.schedules.end(why, step=TRAFFIC, namespace=namespace)
    return (
        *(f"traffic as {describe_user(stream.user)} was stopped" for stream in streams),
        *(f"schedule {one.id} ({one.typed}) is over" for one in ended),
    )


async def stop_all_activity(context: Context, why: str) -> tuple[str, ...]:
    """Stop all traffic and end all schedules; return what was stopped, in words."""
    stopped = [
        stream
        for namespace in sorted({stream.namespace for stream in await context.traffic.streams()})
        for stream in await context.traffic.stop(namespace)
    ]
    ended = await context.schedules.end(why)
    return (
        *(
            f"traffic to {stream.namespace} as {describe_user(stream.user)} was stopped"
            for stream in stopped
        ),
        *(f"schedule {one.id} ({one.typed}) is over" for one in ended),
    )


def describe_schedule(one: ScheduleSummary) -> str:
    """Return `s3 — ping, every 1 min; next 18:03:09 UTC; by @host; last: all is well`."""
    stands = f"next {one.next}" if one.next and one.state == "active" else one.state
    missed = f"; {one.missed} missed" if one.missed else ""
    last = f"; last: {one.last}" if one.last else ""
    return f"{one.id} — {one.typed}, {one.when}; {stands}; by {mark_person(one.user)}{missed}{last}"
