"""`/mesh bookinfo`: the application in its namespace, until its page really shows reviews; `off` takes it away."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.knowledge import board, bookinfo, bookinfo_off, namespaces
from bot.knowledge.answering import at_kiali
from bot.knowledge.deploying import Made, available, deployments, ensure, not_ready
from bot.knowledge.offers import offer
from bot.steps import Context, Options, Plan, Role, Scope, State, Step, Verdict


class BookinfoOptions(Options):
    """What can be chosen."""

    off: Annotated[bool, Field(default=False, description="take the application away; asks first")]


async def plan(context: Context, options: BookinfoOptions) -> Plan | None:
    """Only taking away asks."""
    return await bookinfo_off.plan(context) if options.off else None


async def run(context: Context, options: BookinfoOptions) -> Verdict:
    """Applies what differs, waits for six Deployments, and looks at the page."""
    if options.off:
        return await bookinfo_off.run(context)
    held = await namespaces.held(context, context.workshop.app_namespace)
    if held is not None:
        return held
    context.progress.say(f"applying Bookinfo in {context.workshop.app_namespace}")
    made = await ensure(context, await bookinfo.namespace(context))
    objects = await bookinfo.objects(context)
    more = await ensure(context, objects)
    lagging = await available(context, context.workshop.app_namespace, deployments(objects))
    if lagging:
        return not_ready(context, "Bookinfo is applied, but not ready.", lagging, "bookinfo")
    return await proven(context, Made((*made.new, *more.new), (*made.changed, *more.changed), made.same + more.same))


async def proven(context: Context, made: Made) -> Verdict:
    """The page shows reviews, or why it does not."""
    context.progress.say("asking for the product page; reviews takes a while to start")
    seen = await bookinfo.page(context)
    apart = await bookinfo.outside(context)
    mesh = f"outside the mesh, without sidecar: {', '.join(apart)}" if apart else "all workloads are in the mesh"
    evidence = (
        f"{len(board.BOOKINFO)} Deployments available",
        *([seen.words] if seen.words else []),
        mesh,
        made.words,
    )
    if seen.cause:
        words = "Bookinfo's pods are ready, but the page does not show reviews."
        return Verdict(State.NOT_YET, words, f"{seen.cause}.", evidence, next=offer(context, "bookinfo", "status"))
    namespace = context.workshop.app_namespace
    links, lines = await at_kiali(context, "workloads", lambda console: console.workloads(namespace))
    summary = f"Bookinfo answers in {namespace}." if made else f"Bookinfo was already in {namespace}; nothing changed."
    following = ("inject", "status") if apart else ("expose", "status")
    return Verdict(State.DONE, summary, "", evidence, links, offer(context, *following), lines)


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
