"""`/mesh route jason v2`: one user gets a version of reviews, everybody else v1; seen by real requests."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bot.errors import UserError
from bot.kinds import DESTINATION_RULE, HTTP_ROUTE, VIRTUAL_SERVICE
from bot.knowledge import rules
from bot.knowledge.offers import offer
from bot.knowledge.proof import NOBODY, SOMEBODY, Expectation, observe, only
from bot.knowledge.routing import path_of, route_for
from bot.knowledge.snapshot import take
from bot.steps import Context, Options, Role, State, Step, Verdict


class RouteOptions(Options):
    """What can be chosen."""

    user: Annotated[
        str, Field(default="", max_length=40, pattern=r"^[\w.@+-]*$", description="who gets it, e.g. jason")
    ]
    version: Annotated[
        Literal["v1", "v2", "v3"], Field(default="v2", description="the version of reviews: v1, v2 or v3")
    ]


async def run(context: Context, options: RouteOptions) -> Verdict:
    """Applies the rules, then looks what three kinds of people get."""
    if not options.user:
        raise UserError("Whose requests?", f"Type a user: `{context.command} route jason v2`.")
    if options.user == "off":
        return await off(context)
    now = await take(context)
    if (verdict := rules.not_possible(context, now)) is not None:
        return verdict
    path, namespace = path_of(now), context.workshop.app_namespace
    await rules.prepare(context, path)
    objects = route_for(path, namespace, options.user, options.version)
    changed = await rules.put_in_force(context, objects)
    observed = await observe(
        context,
        Expectation(options.user, f"only {options.version}", lambda seen: only(seen.versions, options.version)),
        Expectation(SOMEBODY, "only v1", lambda seen: only(seen.versions, "v1")),
        Expectation(NOBODY, "only v1", lambda seen: only(seen.versions, "v1")),
    )
    evidence = (*(changed or ["the rules were already so"]), f"decided by {path}", *observed.lines)
    links = await rules.links(context, objects)
    if not observed.holds:
        why = observed.trouble or "what was seen is not what the rules say"
        return Verdict(
            State.NOT_YET,
            f"the rules for {options.user} are applied, their effect was not seen.",
            f"{why}. Whoever runs the cluster: do the pods answer?",
            evidence,
            links,
            offer(context, "status", f"route {options.user} {options.version}"),
        )
    words = f"{options.user} gets reviews {options.version}, everybody else v1."
    return Verdict(
        State.DONE, words, "", evidence, links, offer(context, f"fault {options.user}", "graph", "route off")
    )


async def off(context: Context) -> Verdict:
    """Takes the rules for reviews away: every version answers everybody again."""
    gone = await rules.take_out(
        context, (VIRTUAL_SERVICE, "reviews"), (HTTP_ROUTE, "reviews"), (DESTINATION_RULE, "reviews")
    )
    if not gone:
        return Verdict(State.DONE, "there was no route for reviews; nothing was changed.")
    seen = await observe(context, Expectation(NOBODY, "several versions", lambda s: len(s.versions) > 1, count=20))
    return Verdict(State.DONE, "no rule for reviews is in force.", evidence=(*gone, *seen.lines))


STEP = Step(
    id="route",
    title="Route a user",
    summary="one user gets a version of reviews, everybody else v1",
    run=run,
    options=RouteOptions,
    role=Role.HOST,
    changes=True,
    positional=("user", "version"),
    examples=("route jason", "route jason v3", "route off"),
)
