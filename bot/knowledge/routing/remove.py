"""Removing the rules of a service, and the proof by requests that they are gone.

Only rules that steps make are removed, which are called like the Service; rules of others with
another name stay, and are named.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.kinds import DESTINATION_RULE, HTTP_ROUTE, VIRTUAL_SERVICE, Object
from bot.knowledge.objects.conflicts import build_plan, judge_deletion, list_setters
from bot.knowledge.objects.diff import describe_object
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.workloads import get_name
from bot.knowledge.routing.enforce import (
    apply_rules,
    delete_found_rules,
    get_rule_kind,
)
from bot.knowledge.routing.fault_proof import expect_no_fault
from bot.knowledge.routing.hosts import find_rules_for
from bot.knowledge.routing.manifests import find_faulted_user, has_fault
from bot.knowledge.routing.request_proof import NOBODY, Expectation, wait_for_expectations
from bot.knowledge.routing.route_settings import is_plain, list_left_rules
from bot.knowledge.routing.rules_in_the_way import select_rules
from bot.knowledge.snapshot import Snapshot, take_snapshot
from bot.steps import Context, Plan, State, Verdict
from bot.text import Listed, Text

EVERY_KIND = (VIRTUAL_SERVICE, HTTP_ROUTE, DESTINATION_RULE)
"""First what routes, then what it names: a route whose subsets are gone before it answers 503 in
the meantime."""


def select_routes(now: Snapshot) -> list[Object]:
    """Return the rules that `route off` removes: those for reviews; of DestinationRules, those
    that define versions.
    """
    found = select_rules(now, "reviews", *EVERY_KIND)
    return [
        rule
        for rule in found
        if rule["kind"] != DESTINATION_RULE.kind or rule["spec"].get("subsets")
    ]


def select_fault_rules(now: Snapshot) -> list[Object]:
    """Return the rules that `fault off` removes: those for ratings, where they hold a fault or all
    of them is the bot's.
    """
    found = select_rules(now, "ratings", *EVERY_KIND)
    faulty = any(map(has_fault, found))
    return [rule for rule in found if faulty or judge_deletion(rule) is None]


async def plan_removal(context: Context, *, fault: bool) -> Plan | None:
    """Return what others lose when the rules for reviews, or those of the fault, are removed; None
    when they lose nothing.
    """
    now = await take_snapshot(context)
    chosen = select_fault_rules(now) if fault else select_routes(now)
    summary = (
        Text("the fault on ratings ends.") if fault else Text("the rules for reviews are removed.")
    )
    found = [conflict for rule in chosen if (conflict := judge_deletion(rule))]
    return build_plan(context, found, summary)


async def remove_rules(context: Context, now: Snapshot, chosen: Sequence[Object]) -> list[Text]:
    """Delete rules, but for the settings in them that other steps made; return what was done.

    A rule that decides nothing but such settings stays as it is.
    """
    left = {rule["kind"]: rule for rule in list_left_rules(now, chosen)}
    done = list[Text]()
    # One after the other, in the order in which they may go.
    for rule in chosen:
        if rule["kind"] in left:
            done += await apply_rules(context, [left[rule["kind"]]])
        else:
            done += await delete_found_rules(context, [rule])
    return done


async def remove_routes(context: Context) -> Verdict:
    """Remove the rules for reviews, and check that every version answers again."""
    now = await take_snapshot(context)
    gone = await remove_rules(context, now, select_routes(now))
    following = ("route jason", "shift v1=50 v3=50")
    found = await find_rules_for(context, "reviews")
    # What is left of the bot's own decides nothing; one with another name stays whatever it says.
    if others := [r for r in found if get_name(r) != "reviews" or not is_plain(r)]:
        return name_other_rules(context, others, gone)
    if not (gone or context.resumed):
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
    evidence = (*observed.lines, *gone)
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
    now = await take_snapshot(context)
    user = find_faulted_user(now)
    gone = await remove_rules(context, now, select_fault_rules(now))
    if others := [r for r in await find_rules_for(context, "ratings") if has_fault(r)]:
        return name_other_rules(context, others, gone)
    if not (gone or context.resumed):
        return Verdict(
            State.DONE,
            Text("there was no fault on ratings; nothing was changed."),
            next=suggest_commands(context, "fault jason"),
        )
    observed = await wait_for_expectations(context, *expect_no_fault(user))
    evidence = (*observed.lines, *gone)
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


def name_other_rules(context: Context, others: Sequence[Object], gone: Sequence[Text]) -> Verdict:
    """Return the verdict when rules of others still decide, with the lines that delete them."""
    named = [
        Text(
            "{object} in {namespace}, set by {managers}",
            object=describe_object(rule),
            namespace=rule["metadata"]["namespace"],
            managers=list_setters(rule),
        )
        for rule in others
    ]
    lines = tuple(
        f"kubectl delete {get_rule_kind(rule).plural}.{get_rule_kind(rule).group} {get_name(rule)}"
        f" -n {rule['metadata']['namespace']}"
        for rule in others
    )
    return Verdict(
        State.NOT_YET,
        Text("another rule is still in force."),
        Text(
            "{rules}: no step here made that, and none removes it. Delete it, or ask whoever made "
            "it.",
            rules=Listed(named, "semicolon"),
        ),
        tuple(gone),
        lines=lines,
        next=suggest_commands(context, "why", "status"),
    )
