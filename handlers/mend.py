"""`/mesh mend`: restores the DestinationRule that a route needs, as it was, until the page
shows reviews again.
"""

from __future__ import annotations

from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.routing import broken_route, enforce
from bot.knowledge.routing.broken_route import CODE
from bot.knowledge.routing.request_proof import wait_for_expectations
from bot.knowledge.snapshot import take_snapshot
from bot.steps import Context, Options, Role, Scope, State, Step, Verdict


async def run(context: Context, options: Options) -> Verdict:
    """Restore the DestinationRule, check the page, then ask Kiali."""
    now = await take_snapshot(context)
    if not (subsets := broken_route.find_dangling_subsets(now)):
        words = "no route of reviews names a subset that is missing; nothing was changed."
        return Verdict(State.DONE, words, next=suggest_commands(context, "break", "status"))
    context.progress.say("putting DestinationRule reviews back")
    done = await broken_route.restore_destination_rule(context)
    observed = await wait_for_expectations(
        context, *broken_route.expect_reviews(broken_route.find_routed_user(now))
    )
    clear, words = await broken_route.wait_for_kiali_check(context, shows=False)
    missed = f"subsets that were missing: {', '.join(subsets)}"
    evidence = (missed, *done, *observed.lines, words)
    links, lines = await enforce.link_to_rules(
        context, [now.virtual_services[broken_route.SERVICE]]
    )
    if not observed.holds:
        summary = "DestinationRule reviews is back, its effect was not seen."
        following = suggest_commands(context, "mend", "status")
        return Verdict(State.NOT_YET, summary, observed.because, evidence, links, following, lines)
    summary = "the route is whole: everybody gets reviews again."
    notes = () if clear or CODE not in words else ("Kiali may lag behind for a minute.",)
    return Verdict(
        State.DONE,
        summary,
        "",
        evidence,
        links,
        suggest_commands(context, "fault jason", "graph"),
        lines,
        notes,
    )


STEP = Step(
    id="mend",
    title="Mend the route",
    summary="puts back the DestinationRule that a route needs, just as it was",
    run=run,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    examples=("mend",),
)
