"""`/mesh addons`: Prometheus, Grafana and Jaeger from the release's samples, each until it answers."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from pydantic import Field

from bot.knowledge import addons, installation
from bot.knowledge.deploying import available, deployments, ensure, missing, not_ready, sample
from bot.knowledge.offers import offer
from bot.knowledge.reach import GRAFANA, JAEGER, reach
from bot.steps import Context, Link, Options, Role, State, Step, Verdict

Addon = Literal["prometheus", "grafana", "jaeger"]


class AddonOptions(Options):
    """What can be chosen."""

    which: Annotated[tuple[Addon, ...], Field(default=(), max_length=3, description="prometheus, grafana, jaeger")]


async def run(context: Context, options: AddonOptions) -> Verdict:
    """Applies what differs, waits for the pods, and asks each for its health."""
    if await installation.present(context) is None:
        return missing(context, f"Istio is not installed: there is no istiod in {mesh(context)}", "install")
    chosen = tuple(dict.fromkeys(options.which)) or addons.NAMES
    objects = [obj for one in chosen for obj in await sample(context, f"addons/{one}.yaml", mesh(context))]
    context.progress.say(f"applying {', '.join(chosen)}")
    made = await ensure(context, objects)
    lagging = await available(context, mesh(context), deployments(objects))
    if lagging:
        return not_ready(context, "the add-ons are applied, but not all are ready.", lagging, "addons")
    context.progress.say("asking each for its health")
    healths = await asyncio.gather(*(addons.health(context, one) for one in chosen))
    silent = [health.cause for health in healths if health.cause]
    evidence = (*(health.words for health in healths if health.words), made.words)
    if silent:
        words = "the add-ons' pods are ready, but not all of them answer."
        return Verdict(State.NOT_YET, words, "; ".join(silent) + ".", evidence, next=offer(context, "addons", "status"))
    words = f"{', '.join(chosen)} {'were' if len(chosen) > 1 else 'was'} already there; nothing was changed."
    links, lines = await looks(context, chosen)
    return Verdict(
        State.DONE,
        f"{', '.join(chosen)} {'answer' if len(chosen) > 1 else 'answers'}." if made else words,
        evidence=evidence,
        links=links,
        lines=lines,
        next=offer(context, "kiali", "links", "status"),
    )


def mesh(context: Context) -> str:
    """The namespace that the add-ons live in."""
    return context.workshop.mesh_namespace


async def looks(context: Context, chosen: tuple[str, ...]) -> tuple[tuple[Link, ...], tuple[str, ...]]:
    """Where to look at those that have a page, and the lines to type first."""
    faces = [face for face in (GRAFANA, JAEGER) if face.deployment in chosen]
    found = [reached for reached in await asyncio.gather(*(reach(context, face) for face in faces)) if reached.base]
    links = tuple(Link(reached.face.title, reached.base) for reached in found)
    return links, tuple(reached.line for reached in found if reached.line)


STEP = Step(
    id="addons",
    title="Add-ons",
    summary="Prometheus, Grafana and Jaeger, each until it answers",
    run=run,
    options=AddonOptions,
    role=Role.HOST,
    changes=True,
    positional=("which",),
    examples=("addons", "addons prometheus", "addons grafana jaeger"),
)
