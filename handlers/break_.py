"""`/mesh break destinationrule`: removes the DestinationRule of a route, and shows the
effect on the page and in Kiali.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.routing import broken_route, enforce, losses
from bot.knowledge.routing.manifests import DataPath, find_data_path
from bot.knowledge.routing.request_proof import wait_for_expectations
from bot.knowledge.snapshot import Snapshot, take_snapshot
from bot.steps import Context, Options, Plan, Role, Scope, State, Step, Verdict
from bot.text import Text


class BreakOptions(Options):
    """Options of `break`."""

    what: Annotated[
        Literal["destinationrule"],
        Field(default="destinationrule"),
        Text("what is removed: destinationrule"),
    ]


async def plan(context: Context, options: BreakOptions) -> Plan | None:
    """Return what others lose with the DestinationRule; None when it is all the bot's."""
    return await losses.plan_break(context)


async def run(context: Context, options: BreakOptions) -> Verdict:
    """Remove the DestinationRule, check the page, then ask Kiali."""
    now = await take_snapshot(context)
    if (
        verdict := enforce.check_prerequisites(context, now)
        or explain_nothing_to_break(context, now)
    ) is not None:
        return verdict
    gone = await enforce.delete_found_rules(context, broken_route.select_needed_rules(now))
    observed = await wait_for_expectations(context, broken_route.expect_no_reviews())
    kiali = await broken_route.wait_for_kiali_check(context, shows=True)
    removed = gone or [Text("DestinationRule reviews was already gone")]
    evidence = (*removed, *observed.lines, kiali.words)
    links, lines = await enforce.link_to_rules(
        context, [now.virtual_services[broken_route.SERVICE]]
    )
    notes = (broken_route.EXPLANATION,)
    if not observed.holds or not kiali.holds:
        summary = Text("DestinationRule reviews is removed, but not all that it does was seen.")
        why = Text("{cause}.", cause=kiali.words) if observed.holds else observed.because
        further = [] if kiali.holds else ["kiali"]
        following = suggest_commands(context, "mend", *further, "status")
        return Verdict(State.NOT_YET, summary, why, evidence, links, following, lines, notes)
    return Verdict(
        State.DONE,
        Text(
            "without its DestinationRule the route breaks: nobody gets reviews, and Kiali shows "
            "why."
        ),
        evidence=evidence,
        links=links,
        next=suggest_commands(context, "mend"),
        lines=lines,
        notes=notes,
    )


def explain_nothing_to_break(context: Context, now: Snapshot) -> Verdict | None:
    """Return a verdict when there is no VirtualService that would break, else None."""
    if broken_route.list_named_subsets(now):
        return None
    if find_data_path(now) is DataPath.WAYPOINT and broken_route.SERVICE in now.routes:
        return Verdict(
            State.NORMAL,
            Text("there is nothing to break; nothing was changed."),
            Text(
                "with a waypoint, version Services stand for subsets, and no DestinationRule is "
                "needed."
            ),
        )
    return enforce.build_unchanged_verdict(
        context, Text("there is no VirtualService for reviews that could break."), "route jason"
    )


STEP = Step(
    id="break",
    title=Text("Break a route"),
    summary=Text(
        "removes the DestinationRule of a route, and shows what the page and Kiali make of it"
    ),
    run=run,
    plan=plan,
    options=BreakOptions,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    positional=("what",),
    examples=("break destinationrule",),
)
