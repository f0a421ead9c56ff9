"""`/mesh bookinfo`: the application in its namespace, until its page really shows reviews; `off`
takes it away."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.knowledge.bookinfo import app, remove
from bot.knowledge.bookinfo.app import BOOKINFO
from bot.knowledge.objects import namespaces
from bot.knowledge.objects.apply import (
    ApplyResult,
    build_not_ready_verdict,
    ensure_objects,
    list_deployment_names,
    wait_for_deployments,
)
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.observe.probes import link_to_kiali
from bot.steps import Context, Options, Plan, Role, Scope, State, Step, Verdict


class BookinfoOptions(Options):
    """Options of `bookinfo`."""

    off: Annotated[bool, Field(default=False, description="take the application away; asks first")]


async def plan(context: Context, options: BookinfoOptions) -> Plan | None:
    """Return what `bookinfo off` would remove; deploying needs no confirmation."""
    return await remove.plan_removal(context) if options.off else None


async def run(context: Context, options: BookinfoOptions) -> Verdict:
    """Apply what differs, wait for six Deployments, and check the page."""
    if options.off:
        return await remove.remove_bookinfo(context)
    held = await namespaces.wait_until_usable(context, context.workshop.app_namespace)
    if held is not None:
        return held
    context.progress.say(f"applying Bookinfo in {context.workshop.app_namespace}")
    made = await ensure_objects(context, await app.build_namespace(context))
    objects = await app.load_objects(context)
    more = await ensure_objects(context, objects)
    lagging = await wait_for_deployments(
        context, context.workshop.app_namespace, list_deployment_names(objects)
    )
    if lagging:
        return build_not_ready_verdict(
            context, "Bookinfo is applied, but not ready.", lagging, "bookinfo"
        )
    return await verify_and_report(
        context,
        ApplyResult((*made.new, *more.new), (*made.changed, *more.changed), made.same + more.same),
    )


async def verify_and_report(context: Context, made: ApplyResult) -> Verdict:
    """Ask for the product page and return the verdict: it shows reviews, or why it does not."""
    context.progress.say("asking for the product page; reviews takes a while to start")
    seen = await app.wait_for_page(context)
    apart = await app.find_workloads_outside_mesh(context)
    mesh = (
        f"outside the mesh, without sidecar: {', '.join(apart)}"
        if apart
        else "all workloads are in the mesh"
    )
    evidence = (
        f"{len(BOOKINFO)} Deployments available",
        *([seen.words] if seen.words else []),
        mesh,
        made.words,
    )
    if seen.cause:
        words = "Bookinfo's pods are ready, but the page does not show reviews."
        return Verdict(
            State.NOT_YET,
            words,
            f"{seen.cause}.",
            evidence,
            next=suggest_commands(context, "bookinfo", "status"),
        )
    namespace = context.workshop.app_namespace
    links, lines = await link_to_kiali(
        context, "workloads", lambda console: console.workloads_url(namespace)
    )
    summary = (
        f"Bookinfo answers in {namespace}."
        if made
        else f"Bookinfo was already in {namespace}; nothing changed."
    )
    following = ("inject", "status") if apart else ("expose", "status")
    return Verdict(
        State.DONE, summary, "", evidence, links, suggest_commands(context, *following), lines
    )


STEP = Step(
    id="bookinfo",
    title="Bookinfo",
    summary="the application, until its page shows reviews; `off` takes it away",
    run=run,
    plan=plan,
    options=BookinfoOptions,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    positional=(),
    examples=("bookinfo", "bookinfo off", "bookinfo in=bookinfo"),
)
