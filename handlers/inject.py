"""`/mesh inject`: puts the application into the mesh by sidecars, or takes it out, until no old pod
is left."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.knowledge.bookinfo import app
from bot.knowledge.istio import injection, installation, sidecars
from bot.knowledge.objects.apply import build_missing_verdict, build_not_ready_verdict
from bot.steps import Context, Options, Role, Scope, Step, Verdict
from bot.text import Text


class InjectOptions(Options):
    """Options of `inject`."""

    off: Annotated[bool, Field(default=False), Text("remove the label and the sidecars")]


async def run(context: Context, options: InjectOptions) -> Verdict:
    """Set or remove the label, restart the workloads that need it, and wait until no old pod
    is left.
    """
    on = not options.off
    if on and not await installation.is_installation_ready(context):
        cause = Text(
            "istiod is not ready in {mesh_namespace}: nobody would inject the pods",
            mesh_namespace=context.workshop.mesh_namespace,
        )
        return build_missing_verdict(context, cause, "install")
    if absent := await app.explain_absence(context):
        return build_missing_verdict(context, absent, "bookinfo")
    whole = await app.is_page_whole(context)
    context.progress.say(Text("labelling the namespace") if on else Text("removing the label"))
    labelled = await sidecars.set_injection_label(context, on=on)
    restarted, lagging = await sidecars.restart_workloads(context, on=on)
    if lagging:
        words = Text("the label is right, but not every pod has been replaced.")
        return build_not_ready_verdict(context, words, lagging, "inject" if on else "inject off")
    seen = await app.wait_for_restored_page(context, wanted=whole and bool(restarted))
    result = injection.InjectionResult(on, labelled, restarted, seen)
    return await injection.verify_and_report(context, result)


STEP = Step(
    id="inject",
    title=Text("Sidecars"),
    summary=Text("puts the application into the mesh by sidecars; `off` takes it out"),
    run=run,
    options=InjectOptions,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    aliases=("sidecars",),
    examples=("inject", "inject off"),
)
