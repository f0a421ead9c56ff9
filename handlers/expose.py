"""`/mesh expose`: a Gateway and a route to the application, until the page answers through them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.kinds import GATEWAY
from bot.knowledge.bookinfo import app, gateway, gateway_removal
from bot.knowledge.istio import gateway_api_crds
from bot.knowledge.objects.apply import ApplyResult, ensure_objects
from bot.knowledge.objects.conflicts import build_plan, find_write_conflicts
from bot.knowledge.objects.pod_causes import suggest_remedies
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.observe.endpoints import APP, find_web_address
from bot.knowledge.observe.probes import link_to_kiali
from bot.steps import Context, Link, Options, Plan, Role, Scope, State, Step, Verdict
from bot.text import Listed, Text


class ExposeOptions(Options):
    """Options of `expose`."""

    off: Annotated[bool, Field(default=False), Text("take the Gateway and its route away")]


async def plan(context: Context, options: ExposeOptions) -> Plan | None:
    """Return what others lose by the Gateway and its route, or by their end; else None."""
    if options.off:
        return await gateway_removal.plan_removal(context)
    if await gateway_api_crds.check_prerequisites(context) is not None:
        return None
    objects = await gateway.load_gateway_objects(context)
    return build_plan(context, await find_write_conflicts(context, objects, exact=True))


async def run(context: Context, options: ExposeOptions) -> Verdict:
    """Write what differs, wait until the Gateway is programmed, and ask for the page through it."""
    if options.off:
        return await gateway_removal.remove_gateway(context)
    if (verdict := await gateway_api_crds.check_prerequisites(context)) is not None:
        return verdict
    context.progress.say(Text("applying the Gateway and its route"))
    objects = await gateway.load_gateway_objects(context)
    made = await ensure_objects(context, objects, exact=True, asked=True)
    context.progress.say(Text("waiting until istiod has deployed the gateway"))
    status = await gateway.wait_until_programmed(context)
    if status.causes:
        notes = [part.note for part in status.lagging]
        return Verdict(
            State.NOT_YET,
            Text("the Gateway is applied, but does not lead to the page yet."),
            Text("{causes}.", causes=Listed(status.causes, "semicolon")),
            notes=suggest_remedies(notes) if notes else (),
            next=suggest_commands(context, "expose", "status"),
        )
    return await verify_and_report(context, made, status.lines)


async def verify_and_report(
    context: Context, made: ApplyResult, lines: tuple[Text, ...]
) -> Verdict:
    """Ask for the page through the gateway and return the verdict, with the cause when it does
    not answer.
    """
    context.progress.say(Text("asking for the page through the gateway"))
    page = await app.wait_for_page(context, gateway.SERVICE, 80)
    if page.cause:
        return Verdict(
            State.NOT_YET,
            Text("the Gateway is programmed, but the page does not come through it."),
            Text("{cause}.", cause=page.cause),
            (*lines, made.words),
            next=suggest_commands(context, "expose", "status"),
        )
    namespace, address = context.workshop.app_namespace, await find_web_address(context, APP)
    kiali, more = await link_to_kiali(
        context,
        Text("the Gateway"),
        lambda console: console.object_url(namespace, GATEWAY, gateway.NAME),
    )
    through = Text("through {service}: {page}", service=gateway.SERVICE, page=page.words)
    page_link = (Link(Text("Bookinfo"), address.base),) if address.base else ()
    return Verdict(
        State.DONE,
        Text("the page answers through the gateway.")
        if made or context.resumed
        else Text("the page was already exposed; nothing was changed."),
        evidence=(*lines, through, made.words),
        links=(*page_link, *kiali),
        lines=tuple(line for line in (address.line, *more) if line),
        next=suggest_commands(context, "traffic", "graph", "route", "status"),
    )


STEP = Step(
    id="expose",
    title=Text("Expose"),
    summary=Text(
        "a Gateway and a route, until the page answers through them; `off` takes them away"
    ),
    run=run,
    plan=plan,
    options=ExposeOptions,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    aliases=("gateway",),
    examples=("expose", "expose off"),
)
