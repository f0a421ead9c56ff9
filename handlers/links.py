"""`/mesh links`: Kiali, Jaeger, Grafana and the application, and how to reach each."""

from __future__ import annotations

import asyncio

from bot.knowledge.istio import installation
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.observe.endpoints import (
    KIALI,
    WEB_INTERFACES,
    WebAddress,
    build_console,
    find_web_address,
)
from bot.steps import Context, Link, Role, Shared, State, Step, StepKind, Verdict
from bot.text import Text, verbatim


async def run(context: Context, options: Shared) -> Verdict:
    """Look up Kiali, Jaeger, Grafana and the application at once."""
    found = await asyncio.gather(
        *(find_web_address(context, interface) for interface in WEB_INTERFACES)
    )
    there = [one for one in found if one.base]
    # An address from the settings leads somewhere else, or nowhere yet.
    absent = Text("no Deployment of it is in this cluster yet")
    missing = tuple(
        Text("{title}: {why}", title=one.interface.title, why=one.why_not or absent)
        for one in found
        if not one.base or not one.installed
    )
    links = tuple(link for one in there for link in build_links(context, one))
    if not any(one.installed for one in there):
        return await say_nothing_runs(context, missing, links)
    lines = tuple(one.line for one in there if one.line)
    words = (
        Text("type these lines on your machine first, then the links work.")
        if lines
        else Text("open them.")
    )
    return Verdict(State.DONE, words, evidence=missing, links=links, lines=lines, forwards=True)


async def say_nothing_runs(
    context: Context, missing: tuple[Text, ...], links: tuple[Link, ...]
) -> Verdict:
    """Return the verdict while nothing runs; `links` are those that the settings give."""
    why = (
        Text("none of Kiali, Jaeger, Grafana and Bookinfo runs yet; they come with later steps.")
        if links
        else Text(
            "none of Kiali, Jaeger, Grafana and Bookinfo can be reached; they come with later "
            "steps."
        )
    )
    summary = Text("there is nothing to look at yet.")
    following = await suggest_next(context)
    return Verdict(State.NOT_YET, summary, why, missing, links, following)


async def suggest_next(context: Context) -> tuple[str, ...]:
    """Return the commands to type while nothing can be reached; the mesh comes first."""
    there = await installation.find_istiod(context) is not None
    return (
        suggest_commands(context, "addons", "kiali", "bookinfo", "status")[:2]
        if there
        else suggest_commands(context, "install", "status")
    )


def build_links(context: Context, one: WebAddress) -> tuple[Link, ...]:
    """Return links to the useful pages behind one address."""
    if one.interface is not KIALI:
        return (Link(verbatim(one.interface.title), one.base),)
    pages = build_console(one)
    app = context.workshop.app_namespace
    return (
        Link(
            Text("Kiali {version}", version=one.version) if one.version else Text("Kiali"),
            pages.overview_url(),
        ),
        Link(Text("Kiali: traffic graph"), pages.graph_url(app)),
        Link(Text("Kiali: mesh"), pages.mesh_url()),
        Link(Text("Kiali: workloads"), pages.workloads_url(app)),
        Link(Text("Kiali: Istio config"), pages.config_url(app)),
    )


STEP = Step(
    id="links",
    title=Text("Links"),
    summary=Text("Kiali, Jaeger, Grafana and the application, and how to reach them"),
    run=run,
    options=Shared,
    role=Role.ATTENDEE,
    shape=StepKind.ANSWER,
    aliases=("urls", "dashboards"),
    examples=("links", "links share"),
)
