"""`/mesh expose`: a Gateway and a route to the application, until the page answers through them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.kinds import GATEWAY
from bot.knowledge.bookinfo import app, background, gateway
from bot.knowledge.istio import gateway_api, installation
from bot.knowledge.objects.apply import (
    ApplyResult,
    build_missing_verdict,
    delete_objects,
    ensure_objects,
)
from bot.knowledge.objects.pod_causes import suggest_remedies
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.observe.endpoints import APP, find_web_address
from bot.knowledge.observe.probes import link_to_kiali
from bot.steps import Context, Link, Options, Role, Scope, State, Step, Verdict


class ExposeOptions(Options):
    """Options of `expose`."""

    off: Annotated[bool, Field(default=False, description="take the Gateway and its route away")]


async def run(context: Context, options: ExposeOptions) -> Verdict:
    """Apply what differs, wait until the Gateway is programmed, and ask for the page through
    it.
    """
    if options.off:
        return await off(context)
    if not await installation.is_installation_ready(context):
        return build_missing_verdict(
            context, f"istiod is not ready in {context.workshop.mesh_namespace}", "install"
        )
    if not (await gateway_api.read_gateway_api_status(context)).version:
        return build_missing_verdict(
            context, "the Gateway API CRDs are missing; install applies them", "install"
        )
    if absent := await app.explain_absence(context):
        return build_missing_verdict(context, absent, "bookinfo")
    context.progress.say("applying the Gateway and its route")
    made = await ensure_objects(context, await gateway.load_gateway_objects(context))
    context.progress.say("waiting until istiod has deployed the gateway")
    gate = await gateway.wait_until_programmed(context)
    if gate.causes:
        words = "the Gateway is applied, but does not lead to the page yet."
        because = "; ".join(gate.causes) + "."
        notes = suggest_remedies([part.note for part in gate.lagging]) if gate.lagging else ()
        return Verdict(
            State.NOT_YET,
            words,
            because,
            notes=notes,
            next=suggest_commands(context, "expose", "status"),
        )
    return await verify_and_report(context, made, gate.lines)


async def verify_and_report(context: Context, made: ApplyResult, lines: tuple[str, ...]) -> Verdict:
    """Ask for the page through the gateway and return the verdict, with the cause when it does
    not answer.
    """
    context.progress.say("asking for the page through the gateway")
    page = await app.wait_for_page(context, gateway.SERVICE, 80)
    if page.cause:
        words = "the Gateway is programmed, but the page does not come through it."
        evidence = (*lines, made.words)
        return Verdict(
            State.NOT_YET,
            words,
            f"{page.cause}.",
            evidence,
            next=suggest_commands(context, "expose", "status"),
        )
    namespace, door = context.workshop.app_namespace, await find_web_address(context, APP)
    kiali, more = await link_to_kiali(
        context, "the Gateway", lambda console: console.object_url(namespace, GATEWAY, gateway.NAME)
    )
    evidence = (*lines, f"through {gateway.SERVICE}: {page.words}", made.words)
    return Verdict(
        State.DONE,
        "the page answers through the gateway."
        if made
        else "the page was already exposed; nothing was changed.",
        evidence=evidence,
        links=(*((Link("Bookinfo", door.base),) if door.base else ()), *kiali),
        lines=tuple(line for line in (door.line, *more) if line),
        next=suggest_commands(context, "traffic", "graph", "route", "status"),
    )


async def off(context: Context) -> Verdict:
    """Delete the HTTPRoute and the Gateway, and wait until what istiod deployed for it is
    gone.
    """
    if not (await gateway_api.read_gateway_api_status(context)).version or await gateway.is_absent(
        context
    ):
        return Verdict(
            State.DONE,
            "nothing is exposed; nothing was changed.",
            next=suggest_commands(context, "expose"),
        )
    context.progress.say("taking the Gateway away")
    await delete_objects(context, await gateway.load_gateway_objects(context))
    if not await gateway.wait_until_gone(context):
        words = "the Gateway is deleted, but what ran for it is still there."
        because = "istiod's Deployment for it has not gone: is the garbage collector of the cluster running?"
        return Verdict(
            State.NOT_YET, words, because, next=suggest_commands(context, "expose off", "status")
        )
    ended = await background.stop_application_traffic(
        context, "the application is not exposed any more"
    )
    evidence = ("Gateway, HTTPRoute and the gateway's Deployment and Service are gone", *ended)
    return Verdict(
        State.DONE,
        "the page is not exposed any more.",
        evidence=evidence,
        next=suggest_commands(context, "expose"),
    )


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
