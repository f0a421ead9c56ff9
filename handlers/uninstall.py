"""`/mesh uninstall`: takes the mesh away in the order that breaks nothing, and says what is left."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.knowledge import removal
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
    return Plan(
        summary="this will be removed.",
        items=removal.items(found, context, with_app=options.app),
        warnings=removal.warnings(found),
        confirm="Confirm",
        digest=found.digest,
    )


async def run(context: Context, options: UninstallOptions) -> Verdict:
    """Removes, waits, and looks again."""
    found = await removal.survey(context)
    if not found:
        return Verdict(State.DONE, "there is no mesh here; nothing was changed.", next=offer(context, "install"))
    removed = removal.items(found, context, with_app=options.app)
    await demolish(context, found, with_app=options.app)
    context.progress.say("looking for what is left")
    left = await removal.leftovers(context)
    mesh_left = [line for line in left if line.startswith(("workloads", "namespace", f"{len(found.crds)} Istio CRDs"))]
    evidence = (*(f"removed: {line}" for line in removed), *(f"left: {line}" for line in left))
    if mesh_left:
        return Verdict(
            State.NOT_YET,
            "not everything is gone.",
            f"still there: {', '.join(mesh_left)}. Something may hold it by a finalizer; type it again in a minute.",
            evidence,
            next=offer(context, "uninstall", "status"),
        )
    words = "the mesh is gone; what is left is listed." if left else "the mesh is gone, and nothing is left over."
    return Verdict(State.DONE, words, evidence=evidence, next=offer(context, "install", "status"))


STEP = Step(
    id="uninstall",
    title="Uninstall Istio",
    summary="takes the mesh away in the order that breaks nothing; asks first",
    run=run,
    plan=plan,
    options=UninstallOptions,
    role=Role.HOST,
    changes=True,
    resumable=False,
    examples=("uninstall", "uninstall app"),
)
