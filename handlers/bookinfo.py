"""`/mesh bookinfo`: the application in its namespace, until its page really shows reviews; `off`
takes it away."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from bot.knowledge.bookinfo import app, remove_bookinfo
from bot.knowledge.objects import namespace_removal
from bot.knowledge.objects.apply import (
    ApplyResult,
    build_not_ready_verdict,
    ensure_objects,
    list_deployment_names,
    wait_for_deployments,
)
from bot.knowledge.objects.conflicts import build_plan, find_write_conflicts
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.observe.probes import link_to_kiali
from bot.steps import Context, Options, Plan, Role, Scope, State, Step, Verdict
from bot.text import Listed, Text, counted


class BookinfoOptions(Options):
    """Options of `bookinfo`."""

    off: Annotated[bool, Field(default=False), Text("take the application away; asks first")]


async def plan(context: Context, options: BookinfoOptions) -> Plan | None:
    """Return what `bookinfo off` would remove, or what of others would be changed; else None."""
    if options.off:
        return await remove_bookinfo.plan_removal(context)
    objects = await app.load_objects(context)
    return build_plan(context, await find_write_conflicts(context, objects))


async def run(context: Context, options: BookinfoOptions) -> Verdict:
    """Apply what differs, wait for six Deployments, and check the page."""
    if options.off:
        return await remove_bookinfo.remove_bookinfo(context)
    namespace = context.workshop.app_namespace
    if (verdict := await namespace_removal.wait_until_usable(context, namespace)) is not None:
        return verdict
    context.progress.say(Text("applying Bookinfo in {namespace}", namespace=namespace))
    made = await ensure_objects(context, await app.build_namespace(context))
    objects = await app.load_objects(context)
    more = await ensure_objects(context, objects, asked=True)
    lagging = await wait_for_deployments(context, namespace, list_deployment_names(objects))
    if lagging:
        return build_not_ready_verdict(
            context, Text("Bookinfo is applied, but not ready."), lagging, "bookinfo"
        )
    applied = replace(more, new=(*made.new, *more.new), same=made.same + more.same)
    return await verify_and_report(context, applied)


async def verify_and_report(context: Context, made: ApplyResult) -> Verdict:
    """Ask for the product page and return the verdict: it shows reviews, or why it does not."""
    context.progress.say(Text("asking for the product page; reviews takes a while to start"))
    page = await app.wait_for_page(context)
    outside = await app.find_workloads_outside_mesh(context)
    mesh = (
        Text("outside the mesh, without sidecar: {names}", names=Listed(outside, "comma"))
        if outside
        else Text("all workloads are in the mesh")
    )
    available = counted(
        "{n} Deployment available", "{n} Deployments available", n=len(app.BOOKINFO)
    )
    evidence = (available, *([page.words] if page.words else []), mesh, made.words)
    if page.cause:
        return Verdict(
            State.NOT_YET,
            Text("Bookinfo's pods are ready, but the whole page was not seen."),
            Text("{cause}.", cause=page.cause),
            evidence,
            next=suggest_commands(context, "bookinfo", "status"),
        )
    namespace = context.workshop.app_namespace
    links, lines = await link_to_kiali(
        context, Text("workloads"), lambda console: console.workloads_url(namespace)
    )
    summary = (
        Text("Bookinfo answers in {namespace}.", namespace=namespace)
        if made or context.resumed
        else Text("Bookinfo was already in {namespace}; nothing changed.", namespace=namespace)
    )
    return Verdict(
        State.DONE,
        summary,
        evidence=evidence,
        links=links,
        next=suggest_commands(context, "inject" if outside else "expose", "status"),
        lines=lines,
    )


STEP = Step(
    id="bookinfo",
    title=Text("Bookinfo"),
    summary=Text("the application, until its page shows reviews; `off` takes it away"),
    run=run,
    plan=plan,
    options=BookinfoOptions,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    positional=(),
    examples=("bookinfo", "bookinfo off", "bookinfo in=bookinfo"),
)
