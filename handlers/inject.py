"""`/mesh inject`: puts the application into the mesh by sidecars, or takes it out, until no old pod
is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from bot.knowledge.bookinfo import app
from bot.knowledge.istio import installation, sidecars
from bot.knowledge.objects.apply import build_missing_verdict, build_not_ready_verdict
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.workloads import get_name
from bot.knowledge.observe.probes import link_to_kiali
from bot.steps import Context, Options, Role, Scope, State, Step, Verdict
from bot.text import EMPTY, Listed, Text


class InjectOptions(Options):
    """Options of `inject`."""

    off: Annotated[
        bool,
        Field(
            default=False,
        ),
        Text("remove the label and the sidecars"),
    ]


async def run(context: Context, options: InjectOptions) -> Verdict:
    """Set or remove the label, restart the workloads that need it, and wait until no old pod
    is left.
    """
    on = not options.off
    if on and not await installation.is_installation_ready(context):
        what = Text(
            "istiod is not ready in {mesh_namespace}: nobody would inject the pods",
            mesh_namespace=context.workshop.mesh_namespace,
        )
        return build_missing_verdict(context, what, "install")
    if absent := await app.explain_absence(context):
        return build_missing_verdict(context, absent, "bookinfo")
    whole = await app.is_page_whole(context)
    context.progress.say(Text("labelling the namespace") if on else Text("removing the label"))
    labelled = await sidecars.set_injection_label(context, on=on)
    restarted, lagging = await sidecars.restart_workloads(context, on=on)
    if lagging:
        words = Text("the label is right, but not every pod has been replaced.")
        return build_not_ready_verdict(context, words, lagging, "inject" if on else "inject off")
    seen = app.PageCheck()
    if whole and restarted:
        context.progress.say(Text("asking for the product page; reviews takes a while to start"))
        seen = await app.wait_for_page(context)
    return await verify_and_report(context, InjectionResult(on, labelled, restarted, seen))


@dataclass(frozen=True)
class InjectionResult:
    """Result of injecting or removing sidecars: changed labels, restarted workloads, and the
    page afterwards, if it showed reviews before.
    """

    on: bool
    labelled: tuple[Text, ...]
    restarted: tuple[str, ...]
    page: app.PageCheck


async def verify_and_report(context: Context, moved: InjectionResult) -> Verdict:
    """Count the sidecars again, pod by pod, and return the verdict."""
    on, labelled, restarted = moved.on, moved.labelled, moved.restarted
    namespace, found = (
        context.workshop.app_namespace,
        await sidecars.read_sidecar_state(context, on=on),
    )
    fine, total = found.counted
    how = (
        Text("native sidecars")
        if on and any(map(sidecars.has_native_sidecar, found.pods))
        else Text("containers of their own")
    )
    every = [w for w in await app.find_workloads(context) if sidecars.is_opted_out(w)] if on else []
    evidence = (
        Text(
            "{fine} of {total} application pods carry a sidecar, by their annotation ({how})",
            fine=fine,
            total=total,
            how=how,
        )
        if on
        else Text("{fine} of {total} application pods are without sidecar", fine=fine, total=total),
        Text("no old pod is left"),
        *([moved.page.words] if moved.page.words else []),
        *labelled,
        Text("restarted: {restarted}", restarted=Listed(restarted, "comma"))
        if restarted
        else Text("nothing had to be restarted"),
        *(Text("{name} asks not to be injected", name=get_name(workload)) for workload in every),
    )
    links, lines = await link_to_kiali(
        context, Text("workloads"), lambda console: console.workloads_url(namespace)
    )
    state = Text("in the mesh") if on else Text("out of the mesh")
    done = (
        Text("Bookinfo is {state}.", state=state)
        if labelled or restarted
        else Text("Bookinfo was already {state}; nothing was changed.", state=state)
    )
    why = (
        Text(
            "It is a label on the namespace, and it counts when a pod is created: hence the "
            "restart."
        ),
    )
    lost = (
        (
            Text(
                "The page showed reviews before, and does not now: {cause}.", cause=moved.page.cause
            ),
        )
        if moved.page.cause
        else ()
    )
    following = ("expose", "traffic", "graph", "status") if on else ("inject", "ambient", "status")
    notes = (*lost, *(why if on and labelled else ()))
    return Verdict(
        State.DONE,
        done,
        EMPTY,
        evidence,
        links,
        suggest_commands(context, *following),
        lines,
        notes,
    )


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
