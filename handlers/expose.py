"""`/mesh expose`: a Gateway and a route to the application, until the page answers through them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.kinds import GATEWAY
from bot.knowledge import bookinfo, exposing, gatewayapi, installation, standing
from bot.knowledge.answering import at_kiali
from bot.knowledge.deploying import Made, ensure, missing, remove
from bot.knowledge.offers import offer
from bot.knowledge.reach import APP, reach
from bot.knowledge.setbacks import advice
from bot.steps import Context, Link, Options, Role, Scope, State, Step, Verdict


class ExposeOptions(Options):
    """What can be chosen."""

    off: Annotated[bool, Field(default=False, description="take the Gateway and its route away")]


async def run(context: Context, options: ExposeOptions) -> Verdict:
    """Applies what differs, waits until it is programmed, and asks for the page through it."""
    if options.off:
        return await off(context)
    if not await installation.all_ready(context):
        return missing(context, f"istiod is not ready in {context.workshop.mesh_namespace}", "install")
    if not (await gatewayapi.served(context)).version:
        return missing(context, "the Gateway API CRDs are missing; install applies them", "install")
    if absent := await bookinfo.absent(context):
        return missing(context, absent, "bookinfo")
    context.progress.say("applying the Gateway and its route")
    made = await ensure(context, await exposing.objects(context))
    context.progress.say("waiting until istiod has deployed the gateway")
    gate = await exposing.programmed(context)
    if gate.causes:
        words = "the Gateway is applied, but does not lead to the page yet."
        because = "; ".join(gate.causes) + "."
        notes = advice([part.note for part in gate.lagging]) if gate.lagging else ()
        return Verdict(State.NOT_YET, words, because, notes=notes, next=offer(context, "expose", "status"))
    return await proven(context, made, gate.lines)


async def proven(context: Context, made: Made, lines: tuple[str, ...]) -> Verdict:
    """The page answers through the gateway, or why it does not."""
    context.progress.say("asking for the page through the gateway")
    page = await bookinfo.page(context, exposing.SERVICE, 80)
    if page.cause:
        words = "the Gateway is programmed, but the page does not come through it."
        evidence = (*lines, made.words)
        return Verdict(State.NOT_YET, words, f"{page.cause}.", evidence, next=offer(context, "expose", "status"))
    namespace, door = context.workshop.app_namespace, await reach(context, APP)
    kiali, more = await at_kiali(
        context, "the Gateway", lambda console: console.object(namespace, GATEWAY, exposing.NAME)
    )
    evidence = (*lines, f"through {exposing.SERVICE}: {page.words}", made.words)
    return Verdict(
        State.DONE,
        "the page answers through the gateway." if made else "the page was already exposed; nothing was changed.",
        evidence=evidence,
        links=(*((Link("Bookinfo", door.base),) if door.base else ()), *kiali),
        lines=tuple(line for line in (door.line, *more) if line),
        next=offer(context, "traffic", "graph", "route", "status"),
    )


async def off(context: Context) -> Verdict:
    """Deletes the route and the Gateway; what istiod ran for it goes with it."""
    if not (await gatewayapi.served(context)).version or await exposing.absent(context):
        return Verdict(State.DONE, "nothing is exposed; nothing was changed.", next=offer(context, "expose"))
    context.progress.say("taking the Gateway away")
    await remove(context, await exposing.objects(context))
    if not await exposing.gone(context):
        words = "the Gateway is deleted, but what ran for it is still there."
        because = "istiod's Deployment for it has not gone: is the garbage collector of the cluster running?"
        return Verdict(State.NOT_YET, words, because, next=offer(context, "expose off", "status"))
    ended = await standing.traffic_ends(context, "the application is not exposed any more")
    evidence = ("Gateway, HTTPRoute and the gateway's Deployment and Service are gone", *ended)
    return Verdict(State.DONE, "the page is not exposed any more.", evidence=evidence, next=offer(context, "expose"))


STEP = Step(
    id="expose",
    title="Expose",
    summary="a Gateway and a route, until the page answers through them; `off` takes them away",
    run=run,
    options=ExposeOptions,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    aliases=("gateway",),
    examples=("expose", "expose off"),
)
