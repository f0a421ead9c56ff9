"""`/mesh addons`: Prometheus, Grafana and Jaeger from the release's samples, each until it
answers."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from pydantic import Field

from bot.knowledge.istio import installation
from bot.knowledge.objects.apply import (
    build_missing_verdict,
    build_not_ready_verdict,
    ensure_objects,
    list_deployment_names,
    load_sample,
    wait_for_deployments,
)
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.observe import addons
from bot.knowledge.observe.endpoints import GRAFANA, JAEGER, find_web_address
from bot.steps import Context, Link, Options, Role, State, Step, Verdict
from bot.text import Listed, Text, counted, verbatim

Addon = Literal["prometheus", "grafana", "jaeger"]


class AddonOptions(Options):
    """Options of `addons`."""

    which: Annotated[
        tuple[Addon, ...],
        Field(
            default=(),
            max_length=3,
        ),
        Text("prometheus, grafana, jaeger"),
    ]


async def run(context: Context, options: AddonOptions) -> Verdict:
    """Apply what differs, wait for the pods, and ask each add-on for its health."""
    if await installation.find_istiod(context) is None:
        return build_missing_verdict(
            context,
            Text(
                "Istio is not installed: there is no istiod in {mesh_namespace}",
                mesh_namespace=get_mesh_namespace(context),
            ),
            "install",
        )
    chosen = tuple(dict.fromkeys(options.which)) or addons.NAMES
    objects = [
        obj
        for one in chosen
        for obj in await load_sample(context, f"addons/{one}.yaml", get_mesh_namespace(context))
    ]
    context.progress.say(Text("applying {chosen}", chosen=Listed(chosen, "comma")))
    made = await ensure_objects(context, objects)
    lagging = await wait_for_deployments(
        context, get_mesh_namespace(context), list_deployment_names(objects)
    )
    if lagging:
        return build_not_ready_verdict(
            context, Text("the add-ons are applied, but not all are ready."), lagging, "addons"
        )
    context.progress.say(Text("asking each for its health"))
    healths = await asyncio.gather(*(addons.check_health(context, one) for one in chosen))
    silent = [health.cause for health in healths if health.cause]
    evidence = (*(health.words for health in healths if health.words), made.words)
    if silent:
        words = Text("the add-ons' pods are ready, but not all of them answer.")
        return Verdict(
            State.NOT_YET,
            words,
            Text("{causes}.", causes=Listed(silent, "semicolon")),
            evidence,
            next=suggest_commands(context, "addons", "status"),
        )
    words = counted(
        "{names} was already there; nothing was changed.",
        "{names} were already there; nothing was changed.",
        n=len(chosen),
        names=Listed(chosen, "comma"),
    )
    links, lines = await link_to_addons(context, chosen)
    return Verdict(
        State.DONE,
        Text(
            "{join} {value}.",
            join=", ".join(chosen),
            value=Text("answer") if len(chosen) > 1 else Text("answers"),
        )
        if made
        else words,
        evidence=evidence,
        links=links,
        lines=lines,
        next=suggest_commands(context, "kiali", "links", "status"),
    )


def get_mesh_namespace(context: Context) -> str:
    """Return the namespace in which the add-ons run."""
    return context.workshop.mesh_namespace


async def link_to_addons(
    context: Context, chosen: tuple[str, ...]
) -> tuple[tuple[Link, ...], tuple[str, ...]]:
    """Return links to the chosen add-ons that have a page, and the port-forward lines to type
    first.
    """
    faces = [face for face in (GRAFANA, JAEGER) if face.deployment in chosen]
    found = [
        reached
        for reached in await asyncio.gather(*(find_web_address(context, face) for face in faces))
        if reached.base
    ]
    links = tuple(Link(verbatim(reached.face.title), reached.base) for reached in found)
    return links, tuple(reached.line for reached in found if reached.line)


STEP = Step(
    id="addons",
    title=Text("Add-ons"),
    summary=Text("Prometheus, Grafana and Jaeger, each until it answers"),
    run=run,
    options=AddonOptions,
    role=Role.HOST,
    changes=True,
    positional=("which",),
    examples=("addons", "addons prometheus", "addons grafana jaeger"),
)
