"""Removing the application's Gateway and its route, with the traffic that needs them."""

from __future__ import annotations

from bot.errors import NotFound
from bot.kinds import Object
from bot.knowledge.bookinfo import background, gateway
from bot.knowledge.objects.apply import delete_objects
from bot.knowledge.objects.conflicts import build_plan, judge_deletion, require_confirmed
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.writes import get_live
from bot.steps import Context, Plan, State, Verdict
from bot.text import Text


async def plan_removal(context: Context) -> Plan | None:
    """Return what others lose with the Gateway and its route, None when they lose nothing."""
    live = [await get_live(context, obj) for obj in await load_objects(context)]
    found = [conflict for obj in live if obj and (conflict := judge_deletion(obj))]
    return build_plan(context, found, Text("the page will not be exposed any more."))


async def load_objects(context: Context) -> list[Object]:
    """Return the manifests of what is removed; none while the Gateway API is not served."""
    try:
        return await gateway.load_gateway_objects(context)
    except NotFound:
        return []


async def remove_gateway(context: Context) -> Verdict:
    """Delete the HTTPRoute and the Gateway, if they are there, and wait until what istiod deployed
    for it is gone.
    """
    objects = await load_objects(context)
    if not objects or (await gateway.is_absent(context) and not context.resumed):
        return Verdict(
            State.DONE,
            Text("nothing is exposed; nothing was changed."),
            next=suggest_commands(context, "expose"),
        )
    for obj in objects:
        live = await get_live(context, obj)
        require_confirmed(context, judge_deletion(live) if live else None)
    context.progress.say(Text("taking the Gateway away"))
    await delete_objects(context, objects)
    if not await gateway.wait_until_gone(context):
        return Verdict(
            State.NOT_YET,
            Text("the Gateway is deleted, but what ran for it is still there."),
            Text(
                "istiod's Deployment for it has not gone: is the garbage collector of the cluster "
                "running?"
            ),
            next=suggest_commands(context, "expose off", "status"),
        )
    ended = await background.stop_application_traffic(
        context, Text("the application is not exposed any more")
    )
    gone = Text("Gateway, HTTPRoute and the gateway's Deployment and Service are gone")
    return Verdict(
        State.DONE,
        Text("the page is not exposed any more."),
        evidence=(gone, *ended),
        next=suggest_commands(context, "expose"),
    )
