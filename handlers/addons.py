"""`/mesh addons`: Prometheus, Grafana and Jaeger from the release's samples, each until it
answers."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from pydantic import Field

from bot.knowledge.istio import revisions
from bot.knowledge.objects.apply import (
    ApplyResult,
    build_missing_verdict,
    build_not_ready_verdict,
    ensure_objects,
    list_deployment_names,
    wait_for_deployments,
)
from bot.knowledge.objects.conflicts import build_plan, find_write_conflicts
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.observe import addons
from bot.steps import Context, Options, Plan, Role, State, Step, Verdict
from bot.text import Listed, Text, counted

Addon = Literal["prometheus", "grafana", "jaeger"]


class AddonOptions(Options):
    """Options of `addons`."""

    which: Annotated[
        tuple[Addon, ...],
        Field(default=(), max_length=3),
        Text("prometheus, grafana, jaeger"),
    ]


def choose_addons(options: AddonOptions) -> tuple[str, ...]:
    """Return the add-ons that were named, or all of them."""
    return tuple(dict.fromkeys(options.which)) or addons.NAMES


async def plan(context: Context, options: AddonOptions) -> Plan | None:
    """Return what of others the add-ons would change; None when it is nothing."""
    if await revisions.explain_absence(context):
        return None
    objects = await addons.load_objects(context, choose_addons(options))
    return build_plan(context, await find_write_conflicts(context, objects))


async def run(context: Context, options: AddonOptions) -> Verdict:
    """Apply what differs, wait for the pods, and ask each add-on for its health."""
    mesh = context.workshop.mesh_namespace
    if absent := await revisions.explain_absence(context):
        return build_missing_verdict(context, absent, "install")
    chosen = choose_addons(options)
    objects = await addons.load_objects(context, chosen)
    context.progress.say(Text("applying {chosen}", chosen=Listed(chosen, "comma")))
    made = await ensure_objects(context, objects, asked=True)
    lagging = await wait_for_deployments(context, mesh, list_deployment_names(objects))
    if lagging:
        return build_not_ready_verdict(
            context, Text("the add-ons are applied, but not all are ready."), lagging, "addons"
        )
    return await verify_and_report(context, chosen, made)


async def verify_and_report(
    context: Context, chosen: tuple[str, ...], made: ApplyResult
) -> Verdict:
    """Ask each add-on for its health, and return the verdict."""
    context.progress.say(Text("asking each for its health"))
    healths = await asyncio.gather(*(addons.check_health(context, one) for one in chosen))
    silent = [health.cause for health in healths if health.cause]
    evidence = (*(health.words for health in healths if health.words), made.words)
    if silent:
        return Verdict(
            State.NOT_YET,
            Text("the add-ons' pods are ready, but not all of them answer."),
            Text("{causes}.", causes=Listed(silent, "semicolon")),
            evidence,
            next=suggest_commands(context, "addons", "status"),
        )
    names = Listed(chosen, "comma")
    summary = (
        counted("{names} answers.", "{names} answer.", n=len(chosen), names=names)
        if made or context.resumed
        else counted(
            "{names} was already there; nothing was changed.",
            "{names} were already there; nothing was changed.",
            n=len(chosen),
            names=names,
        )
    )
    links, lines = await addons.link_to_addons(context, chosen)
    return Verdict(
        State.DONE,
        summary,
        evidence=evidence,
        links=links,
        lines=lines,
        next=suggest_commands(context, "kiali", "links", "status"),
    )


STEP = Step(
    id="addons",
    title=Text("Add-ons"),
    summary=Text("Prometheus, Grafana and Jaeger, each until it answers"),
    run=run,
    plan=plan,
    options=AddonOptions,
    role=Role.HOST,
    changes=True,
    positional=("which",),
    examples=("addons", "addons prometheus", "addons grafana jaeger"),
)
