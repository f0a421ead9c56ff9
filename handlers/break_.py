"""`/mesh break destinationrule`: removes the DestinationRule of a route, and shows the
effect on the page and in Kiali.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bot.kinds import DESTINATION_RULE
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.routing import broken_route, enforce
from bot.knowledge.routing.manifests import DataPath, find_data_path
from bot.knowledge.routing.request_proof import wait_for_expectations
from bot.knowledge.snapshot import Snapshot, take_snapshot
from bot.steps import Context, Options, Role, Scope, State, Step, Verdict


class BreakOptions(Options):
    """Options of `break`."""

    what: Annotated[
        Literal["destinationrule"],
        Field(default="destinationrule", description="what is removed: destinationrule"),
    ]


async def run(context: Context, options: BreakOptions) -> Verdict:
    """Remove the DestinationRule, check the page, then ask Kiali."""
    now = await take_snapshot(context)
    if (
        verdict := enforce.check_prerequisites(context, now)
        or explain_nothing_to_break(context, now)
    ) is not None:
        return verdict
    gone = await enforce.delete_rules(context, (DESTINATION_RULE, broken_route.SERVICE))
    observed = await wait_for_expectations(context, broken_route.expect_no_reviews())
    shown, words = await broken_route.wait_for_kiali_check(context, shows=True)
    evidence = (*(gone or ["DestinationRule reviews was already gone"]), *observed.lines, words)
    links, lines = await enforce.link_to_rules(
        context, [now.virtual_services[broken_route.SERVICE]]
    )
    if not observed.holds or not shown:
        why = observed.because if not observed.holds else f"{words}."
        following = suggest_commands(context, "mend", *([] if shown else ["kiali"]), "status")
        summary = "DestinationRule reviews is removed, but not all that it does was seen."
        return Verdict(
            State.NOT_YET, summary, why, evidence, links, following, lines, broken_route.EXPLANATION
        )
    summary = (
        "without its DestinationRule the route breaks: nobody gets reviews, and Kiali shows why."
    )
    return Verdict(
        State.DONE,
        summary,
        "",
        evidence,
        links,
        suggest_commands(context, "mend"),
        lines,
        broken_route.EXPLANATION,
    )


def explain_nothing_to_break(context: Context, now: Snapshot) -> Verdict | None:
    """Return a verdict when there is no VirtualService that would break, else None."""
    if broken_route.SERVICE in now.virtual_services:
        return None
    if find_data_path(now) is DataPath.WAYPOINT and broken_route.SERVICE in now.routes:
        because = (
            "with a waypoint, version Services stand for subsets, and no DestinationRule is needed."
        )
        return Verdict(State.NORMAL, "there is nothing to break; nothing was changed.", because)
    return enforce.build_unchanged_verdict(
        context, "there is no VirtualService for reviews that could break.", "route jason"
    )


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
