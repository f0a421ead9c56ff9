"""Removing the rules of a service, and the proof by requests that they are gone."""

from __future__ import annotations

from bot.kinds import DESTINATION_RULE, HTTP_ROUTE, VIRTUAL_SERVICE
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.routing.enforce import delete_rules
from bot.knowledge.routing.fault_proof import expect_no_fault
from bot.knowledge.routing.manifests import find_faulted_user
from bot.knowledge.routing.request_proof import NOBODY, Expectation, wait_for_expectations
from bot.knowledge.snapshot import take_snapshot
from bot.steps import Context, State, Verdict
from bot.text import Text


async def delete_all_rules(context: Context, service: str) -> list[Text]:
    """Delete all rules for a service; return those that existed, in words."""
    return await delete_rules(
        context, (VIRTUAL_SERVICE, service), (HTTP_ROUTE, service), (DESTINATION_RULE, service)
    )


async def remove_routes(context: Context) -> Verdict:
    """Remove the rules for reviews, and check that every version answers again."""
    gone = await delete_all_rules(context, "reviews")
    following = ("route jason", "shift v1=50 v3=50")
    if not gone:
        return Verdict(
            State.DONE,
            Text("there was no rule for reviews; nothing was changed."),
            next=suggest_commands(context, *following),
        )
    several = Expectation(
        NOBODY,
        Text("several versions"),
        lambda seen: len(seen.versions) > 1 and "none" not in seen.versions,
        20,
    )
    observed = await wait_for_expectations(context, several)
    evidence = (*gone, *observed.lines)
    suggested = suggest_commands(context, *following, "status")
    if not observed.holds:
        return Verdict(
            State.NOT_YET,
            Text("the rules for reviews are gone, but that was not seen."),
            observed.because,
            evidence,
            next=suggested,
        )
    return Verdict(
        State.DONE,
        Text("no rule for reviews is in force: every version answers everybody."),
        evidence=evidence,
        next=suggested,
    )


async def remove_fault(context: Context) -> Verdict:
    """Remove the fault, and check that everybody gets ratings."""
    user = find_faulted_user(await take_snapshot(context))
    gone = await delete_all_rules(context, "ratings")
    if not gone:
        return Verdict(
            State.DONE,
            Text("there was no fault on ratings; nothing was changed."),
            next=suggest_commands(context, "fault jason"),
        )
    observed = await wait_for_expectations(context, *expect_no_fault(user))
    evidence = (*gone, *observed.lines)
    if not observed.holds:
        return Verdict(
            State.NOT_YET,
            Text("the fault is removed, but that was not seen."),
            observed.because,
            evidence,
            next=suggest_commands(context, "status"),
        )
    return Verdict(
        State.DONE,
        Text("the fault is gone: everybody keeps ratings."),
        evidence=evidence,
        next=suggest_commands(context, "graph", "shift v1=50 v3=50"),
    )
