"""`/mesh inject`: puts the application into the mesh by sidecars, or takes it out, until no old pod
is left."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.knowledge.bookinfo import app
from bot.knowledge.graph.before_after import compare_traffic
from bot.knowledge.istio import injection_verdict, installation, sidecar_rollout, sidecars
from bot.knowledge.objects.apply import build_missing_verdict, build_not_ready_verdict
from bot.steps import Context, Options, Plan, Role, Scope, Step, Verdict
from bot.text import Text


class InjectOptions(Options):
    """Options of `inject`."""

    off: Annotated[bool, Field(default=False), Text("remove the labels and the sidecars")]


async def plan(context: Context, options: InjectOptions) -> Plan | None:
    """Return which labels of others, in the namespace or in pod templates, would be changed; None
    when none would.
    """
    if options.off:
        return await injection_verdict.plan_removal(context)
    if not await installation.is_installation_ready(context) or await app.explain_absence(context):
        return None
    return await injection_verdict.plan_injection(context)


@compare_traffic(Text("Before and after the sidecars"))
async def run(context: Context, options: InjectOptions) -> Verdict:
    """Change the labels, restart the workloads that need it, and wait until no old pod is left."""
    on = not options.off
    if on and not await installation.is_installation_ready(context):
        cause = Text(
            "istiod is not ready in {mesh_namespace}: nobody would inject the pods",
            mesh_namespace=context.workshop.mesh_namespace,
        )
        return build_missing_verdict(context, cause, "install")
    if absent := await app.explain_absence(context):
        return build_missing_verdict(context, absent, "bookinfo")
    if on and (cause := await injection_verdict.explain_missing_injector(context)):
        return build_missing_verdict(context, cause, "install")
    whole = await app.is_page_whole(context)
    context.progress.say(Text("labelling the namespace") if on else Text("removing the label"))
    labelled = await sidecars.set_injection_labels(context, on=on)
    if not on:
        labelled += await sidecars.withdraw_own_requests(context)
    done = await sidecar_rollout.restart_workloads(context, on=on)
    if done.lagging:
        words = Text("the label is right, but not every pod has been replaced.")
        again = "inject" if on else "inject off"
        return build_not_ready_verdict(context, words, done.lagging, again)
    seen = await app.wait_for_restored_page(context, wanted=whole and bool(done.restarted))
    result = injection_verdict.InjectionResult(on, labelled, done, seen, again=context.resumed)
    return await injection_verdict.verify_and_report(context, result)


STEP = Step(
    id="inject",
    title=Text("Sidecars"),
    summary=Text("puts the application into the mesh by sidecars; `off` takes it out"),
    run=run,
    plan=plan,
    options=InjectOptions,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    aliases=("sidecars",),
    examples=("inject", "inject off"),
)
