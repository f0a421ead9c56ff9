"""Removing the application's Gateway and its route, with the traffic that needs them."""

from __future__ import annotations

from bot.knowledge.bookinfo import background, gateway
from bot.knowledge.objects.apply import delete_objects
from bot.knowledge.objects.suggestions import suggest_commands
from bot.steps import Context, State, Verdict
from bot.text import Text


async def remove_gateway(context: Context) -> Verdict:
    """Delete the HTTPRoute and the Gateway, and wait until what istiod deployed for it is
    gone.
    """
    context.progress.say(Text("taking the Gateway away"))
    await delete_objects(context, await gateway.load_gateway_objects(context))
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
