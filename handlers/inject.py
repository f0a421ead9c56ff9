"""`/mesh inject`: puts the application into the mesh by sidecars, or takes it out, until no old pod is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from bot.knowledge import bookinfo, installation, sidecars
from bot.knowledge.answering import at_kiali
from bot.knowledge.deploying import missing, not_ready
from bot.knowledge.offers import offer
from bot.knowledge.workloads import name
from bot.steps import Context, Options, Role, Scope, State, Step, Verdict


class InjectOptions(Options):
    """What can be chosen."""

    off: Annotated[bool, Field(default=False, description="remove the label and the sidecars")]


async def run(context: Context, options: InjectOptions) -> Verdict:
    """Labels, restarts what is not as wanted, and watches the old pods go."""
    on = not options.off
    if on and not await installation.all_ready(context):
        what = f"istiod is not ready in {context.workshop.mesh_namespace}: nobody would inject the pods"
        return missing(context, what, "install")
    if absent := await bookinfo.absent(context):
        return missing(context, absent, "bookinfo")
    whole = await bookinfo.shown(context)
    context.progress.say("labelling the namespace" if on else "removing the label")
    labelled = await sidecars.relabel(context, on=on)
    restarted, lagging = await sidecars.roll(context, on=on)
    if lagging:
        words = "the label is right, but not every pod has been replaced."
        return not_ready(context, words, lagging, "inject" if on else "inject off")
    seen = bookinfo.Page()
    if whole and restarted:
        context.progress.say("asking for the product page; reviews takes a while to start")
        seen = await bookinfo.page(context)
    return await proven(context, Moved(on, labelled, restarted, seen))


@dataclass(frozen=True)
class Moved:
    """What was done: labels, restarted workloads, and the page afterwards, if it was whole before."""

    on: bool
    labelled: tuple[str, ...]
    restarted: tuple[str, ...]
    page: bookinfo.Page


async def proven(context: Context, moved: Moved) -> Verdict:
    """Counts the sidecars again, pod by pod."""
    on, labelled, restarted = moved.on, moved.labelled, moved.restarted
    namespace, found = context.workshop.app_namespace, await sidecars.now(context, on=on)
    fine, total = found.counted
    how = "native sidecars" if on and any(map(sidecars.native, found.pods)) else "containers of their own"
    every = [w for w in await bookinfo.workloads(context) if sidecars.refuses(w)] if on else []
    evidence = (
        f"{fine} of {total} application pods carry a sidecar, by their annotation ({how})"
        if on
        else f"{fine} of {total} application pods are without sidecar",
        "no old pod is left",
        *([moved.page.words] if moved.page.words else []),
        *labelled,
        f"restarted: {', '.join(restarted)}" if restarted else "nothing had to be restarted",
        *(f"{name(workload)} asks not to be injected" for workload in every),
    )
    links, lines = await at_kiali(context, "workloads", lambda console: console.workloads(namespace))
    state = "in the mesh" if on else "out of the mesh"
    done = f"Bookinfo is {state}." if labelled or restarted else f"Bookinfo was already {state}; nothing was changed."
    why = ("It is a label on the namespace, and it counts when a pod is created: hence the restart.",)
    lost = (f"The page showed reviews before, and does not now: {moved.page.cause}.",) if moved.page.cause else ()
    following = ("expose", "traffic", "graph", "status") if on else ("inject", "ambient", "status")
    notes = (*lost, *(why if on and labelled else ()))
    return Verdict(State.DONE, done, "", evidence, links, offer(context, *following), lines, notes)


STEP = Step(
    id="inject",
    title="Sidecars",
    summary="puts the application into the mesh by sidecars; `off` takes it out",
    run=run,
    options=InjectOptions,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    aliases=("sidecars",),
    examples=("inject", "inject off"),
)
