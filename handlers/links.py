"""`/mesh links`: Kiali, Jaeger, Grafana and the application, and how to reach each."""

from __future__ import annotations

import asyncio

from bot.knowledge import installation
from bot.knowledge.offers import offer
from bot.knowledge.reach import FACES, KIALI, Reached, console, reach
from bot.steps import Context, Link, Role, Shape, Shared, State, Step, Verdict


async def run(context: Context, options: Shared) -> Verdict:
    """Looks all of them up at once."""
    found = await asyncio.gather(*(reach(context, face) for face in FACES))
    there = [one for one in found if one.base]
    missing = tuple(f"{one.face.title}: {one.why_not}" for one in found if not one.base)
    links = tuple(link for one in there for link in links_to(context, one))
    if not there:
        return Verdict(
            State.NOT_YET,
            "there is nothing to look at yet.",
            "none of Kiali, Jaeger, Grafana and Bookinfo can be reached; they come with later steps.",
            missing,
            next=await after(context),
        )
    lines = tuple(one.line for one in there if one.line)
    words = "type these lines on your machine first, then the links work." if lines else "open them."
    return Verdict(State.DONE, words, evidence=missing, links=links, lines=lines)


async def after(context: Context) -> tuple[str, ...]:
    """What to type while there is nothing to look at: the mesh comes first."""
    there = await installation.present(context) is not None
    return offer(context, "addons", "kiali", "bookinfo", "status")[:2] if there else offer(context, "install", "status")


def links_to(context: Context, one: Reached) -> tuple[Link, ...]:
    """The pages worth opening behind one address."""
    if one.face is not KIALI:
        return (Link(one.face.title, one.base),)
    pages = console(one)
    app = context.workshop.app_namespace
    return (
        Link(f"Kiali {one.version}".strip(), pages.overview()),
        Link("Kiali: traffic graph", pages.graph(app)),
        Link("Kiali: mesh", pages.mesh()),
        Link("Kiali: workloads", pages.workloads(app)),
        Link("Kiali: Istio config", pages.config(app)),
    )


STEP = Step(
    id="links",
    title="Links",
    summary="Kiali, Jaeger, Grafana and the application, and how to reach them",
    run=run,
    options=Shared,
    role=Role.ATTENDEE,
    shape=Shape.ANSWER,
    aliases=("urls", "dashboards"),
    examples=("links", "links share"),
)
