"""`/mesh whoami`: your role, why you have it, and what it allows."""

from __future__ import annotations

from bot.steps import Context, Role, Shape, Shared, State, Step, Verdict


async def run(context: Context, options: Shared) -> Verdict:
    """From the settings and the user groups; nothing of the cluster is asked."""
    asker = context.asker
    may = [step.id for step in context.steps if asker.role.covers(step.role)]
    may_not = [step.id for step in context.steps if not asker.role.covers(step.role)]
    evidence = [f"why: {asker.why}", f"you may: {', '.join(may)}"]
    if may_not:
        evidence.append(f"a host may also: {', '.join(may_not)}")
    notes = () if asker.hosts or asker.role.covers(Role.HOST) else ("No host is named in the settings by user id.",)
    return Verdict(State.DONE, f"you are {asker.role} (user id {asker.user}).", evidence=tuple(evidence), notes=notes)


STEP = Step(
    id="whoami",
    title="Who am I",
    summary="your role, why you have it, and what it allows",
    run=run,
    options=Shared,
    role=Role.ATTENDEE,
    shape=Shape.ANSWER,
    examples=("whoami",),
)
