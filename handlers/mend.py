"""`/mesh mend`: puts back the DestinationRule that a route needs, just as it was, until the page is whole again."""

from __future__ import annotations

from bot.knowledge import breaking, rules
from bot.knowledge.breaking import CODE
from bot.knowledge.offers import offer
from bot.knowledge.proof import observe
from bot.knowledge.snapshot import take
from bot.steps import Context, Options, Role, Scope, State, Step, Verdict


async def run(context: Context, options: Options) -> Verdict:
    """Restores, looks at the page, then asks Kiali."""
    now = await take(context)
    if not (subsets := breaking.dangling(now)):
        words = "no route of reviews names a subset that is missing; nothing was changed."
        return Verdict(State.DONE, words, next=offer(context, "break", "status"))
    context.progress.say("putting DestinationRule reviews back")
    done = await breaking.restore(context)
    observed = await observe(context, *breaking.whole(breaking.routed_user(now)))
    clear, words = await breaking.at_kiali(context, shows=False)
    missed = f"subsets that were missing: {', '.join(subsets)}"
    evidence = (missed, *done, *observed.lines, words)
    links, lines = await rules.links(context, [now.virtual_services[breaking.SERVICE]])
    if not observed.holds:
        summary = "DestinationRule reviews is back, its effect was not seen."
        following = offer(context, "mend", "status")
        return Verdict(State.NOT_YET, summary, observed.because, evidence, links, following, lines)
    summary = "the route is whole: everybody gets reviews again."
    notes = () if clear or CODE not in words else ("Kiali may lag behind for a minute.",)
    return Verdict(State.DONE, summary, "", evidence, links, offer(context, "fault jason", "graph"), lines, notes)


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
