"""`/mesh uninstall`: removes the mesh in a safe order, and lists what is left."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.knowledge.bookinfo import background
from bot.knowledge.istio import uninstall_report
from bot.knowledge.istio.uninstall import remove_mesh
from bot.knowledge.istio.uninstall_report import Leftovers, find_leftovers
from bot.knowledge.istio.uninstall_survey import survey_mesh
from bot.knowledge.objects.namespace_removal import find_deletion_blocker
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.workshop import undo
from bot.steps import Context, Options, Plan, Role, State, Step, Verdict
from bot.text import Text


class UninstallOptions(Options):
    """Options of `uninstall`."""

    app: Annotated[
        bool,
        Field(default=False),
        Text("delete the application's namespace as well"),
    ]


async def plan(context: Context, options: UninstallOptions) -> Plan | None:
    """Count what would be removed; None when nothing is there."""
    context.progress.say(Text("counting what there is"))
    found = await survey_mesh(context)
    if not found:
        return None
    going = tuple(
        Text("ends: {line}", line=line)
        for line in await background.list_background_activity(context)
    )
    return Plan(
        summary=Text("this will be removed."),
        items=(
            *uninstall_report.describe_removal(found, context, with_app=options.app),
            *uninstall_report.list_kept(found, context, with_app=options.app),
            *going,
        ),
        warnings=await uninstall_report.list_warnings(context, found, with_app=options.app),
        digest=found.digest,
    )


async def run(context: Context, options: UninstallOptions) -> Verdict:
    """Remove the mesh, wait, and look for leftovers."""
    found = await survey_mesh(context)
    if not found:
        return Verdict(
            State.DONE,
            Text("there is no mesh here; nothing was changed."),
            next=suggest_commands(context, "install"),
        )
    ended = await background.stop_all_activity(context, Text("the mesh was uninstalled"))
    stopped = await remove_mesh(context, found, with_app=options.app)
    context.progress.say(Text("looking for what is left"))
    left = await find_leftovers(context)
    if stopped or left.mesh:
        why = await find_deletion_blocker(context, context.workshop.mesh_namespace)
        return build_unfinished_verdict(context, stopped, left, why)
    await undo.forget_changes(context, but="" if options.app else "bookinfo")
    removed = uninstall_report.describe_removal(found, context, with_app=options.app)
    evidence = (
        *(Text("removed: {line}", line=line) for line in removed),
        *uninstall_report.list_kept(found, context, with_app=options.app),
        *ended,
    )
    words = (
        Text("the mesh is gone; what is left is listed.")
        if left.other
        else Text("the mesh is gone, and nothing is left over.")
    )
    left_lines = tuple(Text("left: {line}", line=line) for line in left.other)
    return Verdict(
        State.DONE,
        words,
        evidence=(*evidence, *left_lines),
        next=suggest_commands(context, "install", "status"),
    )


def build_unfinished_verdict(context: Context, stopped: Text, left: Leftovers, why: str) -> Verdict:
    """Return the verdict of an unfinished removal: what is still there, and what stopped it.

    `stopped` is EMPTY when every stage went through; `why` is what Kubernetes says holds the
    mesh's namespace, "" when it says nothing.
    """
    held = uninstall_report.explain_leftovers(left.mesh, why)
    return Verdict(
        State.NOT_YET,
        Text("it stopped before it was through.") if stopped else Text("not everything is gone."),
        Text("{stopped}.", stopped=stopped) if stopped else held,
        tuple(Text("left: {line}", line=line) for line in (*left.mesh, *left.other)),
        next=suggest_commands(context, "uninstall", "status"),
    )


STEP = Step(
    id="uninstall",
    title=Text("Uninstall Istio"),
    summary=Text("takes the mesh away in the order that breaks nothing; asks first"),
    run=run,
    plan=plan,
    options=UninstallOptions,
    role=Role.HOST,
    changes=True,
    recorded=False,
    resumable=False,
    examples=("uninstall", "uninstall app"),
)
