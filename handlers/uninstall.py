"""`/mesh uninstall`: takes the mesh away in the order that breaks nothing, and says what is left."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.knowledge import removal, standing, takingback
from bot.knowledge.demolition import demolish
from bot.knowledge.offers import offer
from bot.steps import Context, Options, Plan, Role, State, Step, Verdict


class UninstallOptions(Options):
    """What can be chosen."""

    app: Annotated[bool, Field(default=False, description="delete the application's namespace as well")]


async def plan(context: Context, options: UninstallOptions) -> Plan | None:
    """Counts what would go; nothing to ask when nothing is there."""
    context.progress.say("counting what there is")
    found = await removal.survey(context)
    if not found:
        return None
    going = tuple(f"ends: {line}" for line in await standing.all_planned(context))
    return Plan(
        summary="this will be removed.",
        items=(*removal.items(found, context, with_app=options.app), *stays(found, context, options), *going),
        warnings=removal.warnings(found),
        confirm="Confirm",
        digest=found.digest,
    )


def stays(found: removal.Found, context: Context, options: UninstallOptions) -> tuple[str, ...]:
    """What is said of an application that is kept."""
    words = removal.kept(found, context, with_app=options.app)
    return (f"kept: {words}",) if words else ()


async def run(context: Context, options: UninstallOptions) -> Verdict:
    """Removes, waits, and looks again."""
    found = await removal.survey(context)
    if not found:
        return Verdict(State.DONE, "there is no mesh here; nothing was changed.", next=offer(context, "install"))
    ended = await standing.everything_ends(context, "the mesh was uninstalled")
    stopped = await demolish(context, found, with_app=options.app)
    context.progress.say("looking for what is left")
    left = await removal.leftovers(context)
    if stopped or left.mesh:
        return unfinished(context, stopped, left)
    await takingback.forget(context, but="" if options.app else "bookinfo")
    removed = removal.items(found, context, with_app=options.app)
    evidence = (*(f"removed: {line}" for line in removed), *stays(found, context, options), *ended)
    words = "the mesh is gone; what is left is listed." if left.other else "the mesh is gone, and nothing is left over."
    left_lines = tuple(f"left: {line}" for line in left.other)
    return Verdict(State.DONE, words, evidence=(*evidence, *left_lines), next=offer(context, "install", "status"))


def unfinished(context: Context, stopped: str, left: removal.Left) -> Verdict:
    """What is still there, and why it stopped or what may hold it."""
    held = f"still there: {', '.join(left.mesh)}. Something may hold it by a finalizer; type it again in a minute."
    return Verdict(
        State.NOT_YET,
        "it stopped before it was through." if stopped else "not everything is gone.",
        f"{stopped}." if stopped else held,
        tuple(f"left: {line}" for line in (*left.mesh, *left.other)),
        next=offer(context, "uninstall", "status"),
    )


STEP = Step(
    id="uninstall",
    title="Uninstall Istio",
    summary="takes the mesh away in the order that breaks nothing; asks first",
    run=run,
    plan=plan,
    options=UninstallOptions,
    role=Role.HOST,
    changes=True,
    recorded=False,
    resumable=False,
    examples=("uninstall", "uninstall app"),
)
