"""`/mesh break destinationrule`: what do the page and Kiali show when the DestinationRule of a route is removed?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bot.kinds import DESTINATION_RULE
from bot.knowledge import breaking, rules
from bot.knowledge.offers import offer
from bot.knowledge.proof import observe
from bot.knowledge.routing import Path, path_of
from bot.knowledge.snapshot import Snapshot, take
from bot.steps import Context, Options, Role, Scope, State, Step, Verdict


class BreakOptions(Options):
    """What can be chosen."""

    what: Annotated[
        Literal["destinationrule"], Field(default="destinationrule", description="what is removed: destinationrule")
    ]


async def run(context: Context, options: BreakOptions) -> Verdict:
    """Removes the rule, looks at the page, then asks Kiali."""
    now = await take(context)
    if (verdict := rules.not_possible(context, now) or not_to_be_broken(context, now)) is not None:
        return verdict
    gone = await rules.take_out(context, (DESTINATION_RULE, breaking.SERVICE))
    observed = await observe(context, breaking.broken())
    shown, words = await breaking.at_kiali(context, shows=True)
    evidence = (*(gone or ["DestinationRule reviews was already gone"]), *observed.lines, words)
    links, lines = await rules.links(context, [now.virtual_services[breaking.SERVICE]])
    if not observed.holds or not shown:
        why = observed.because if not observed.holds else f"{words}."
        following = offer(context, "mend", *([] if shown else ["kiali"]), "status")
        summary = "DestinationRule reviews is removed, but not all that it does was seen."
        return Verdict(State.NOT_YET, summary, why, evidence, links, following, lines, breaking.EXPLANATION)
    summary = "without its DestinationRule the route breaks: nobody gets reviews, and Kiali shows why."
    return Verdict(State.DONE, summary, "", evidence, links, offer(context, "mend"), lines, breaking.EXPLANATION)


def not_to_be_broken(context: Context, now: Snapshot) -> Verdict | None:
    """The verdict when there is nothing that would break."""
    if breaking.SERVICE in now.virtual_services:
        return None
    if path_of(now) is Path.WAYPOINT and breaking.SERVICE in now.routes:
        because = "with a waypoint, version Services stand for subsets, and no DestinationRule is needed."
        return Verdict(State.NORMAL, "there is nothing to break; nothing was changed.", because)
    return rules.missing(context, "there is no VirtualService for reviews that could break.", "route jason")


STEP = Step(
    id="break",
    title="Break a route",
    summary="removes the DestinationRule of a route, and shows what the page and Kiali make of it",
    run=run,
    options=BreakOptions,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    positional=("what",),
    examples=("break destinationrule",),
)
