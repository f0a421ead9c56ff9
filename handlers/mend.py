"""`/mesh mend`: restores the DestinationRule that a route needs, as it was, until the page
shows reviews again.
"""

from __future__ import annotations

from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.routing import broken_route, enforce, losses
from bot.knowledge.routing.manifests import find_routed_user
from bot.knowledge.routing.request_proof import wait_for_expectations
from bot.knowledge.snapshot import take_snapshot
from bot.steps import Context, Options, Plan, Role, Scope, State, Step, Verdict
from bot.text import Listed, Text


async def plan(context: Context, options: Options) -> Plan | None:
    """Return what others lose when the rule is as before; None when they lose nothing."""
    return await losses.plan_mend(context)


async def run(context: Context, options: Options) -> Verdict:
    """Restore the DestinationRule, check the page, then ask Kiali."""
    now = await take_snapshot(context)
    if not (subsets := broken_route.find_dangling_subsets(now)):
        return Verdict(
            State.DONE,
            Text("no route of reviews names a subset that is missing.")
            if context.resumed
            else Text("no route of reviews names a subset that is missing; nothing was changed."),
            next=suggest_commands(context, "break", "status"),
        )
    context.progress.say(Text("putting DestinationRule reviews back"))
    done = await broken_route.restore_destination_rule(context)
    observed = await wait_for_expectations(
        context, *broken_route.expect_reviews(find_routed_user(now))
    )
    kiali = await broken_route.wait_for_kiali_check(context, shows=False)
    missed = Text("subsets that were missing: {names}", names=Listed(subsets, "comma"))
    evidence = (*observed.lines, kiali.words, done, missed)
    links, lines = await enforce.link_to_rules(
        context, [now.virtual_services[broken_route.SERVICE]]
    )
    if not observed.holds:
        summary = Text("DestinationRule reviews is back, its effect was not seen.")
        following = suggest_commands(context, "mend", "status")
        return Verdict(State.NOT_YET, summary, observed.because, evidence, links, following, lines)
    return Verdict(
        State.DONE,
        Text("the route is whole: everybody gets reviews again."),
        evidence=evidence,
        links=links,
        next=suggest_commands(context, "fault jason", "graph"),
        lines=lines,
        notes=(Text("Kiali may lag behind for a minute."),) if kiali.lags else (),
    )


STEP = Step(
    id="mend",
    title=Text("Fix the route"),
    summary=Text("puts back the DestinationRule that a route needs, just as it was"),
    run=run,
    plan=plan,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    examples=("mend",),
)
