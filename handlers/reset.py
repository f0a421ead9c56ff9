"""`/mesh reset STEP`: back to the state after that step of the workshop; shows what goes, and asks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.errors import UserError
from bot.knowledge import board, snapshot, takingback
from bot.knowledge.offers import offer
from bot.steps import Context, Options, Plan, Role, Scope, State, Step, Verdict


class ResetOptions(Options):
    """What can be chosen."""

    step: Annotated[str, Field(max_length=40, description="the step whose state is wanted")]


def known(context: Context, options: ResetOptions) -> str:
    """The step that was meant; UserError when there is none."""
    for step in context.steps:
        if options.step.lower() in (step.id, *step.aliases):
            return step.id
    steps = ", ".join(step for step, _ in board.LOOKS)
    raise UserError(f"There is no step called “{options.step}”.", f"The workshop's steps: {steps}.")


async def plan(context: Context, options: ResetOptions) -> Plan | None:
    """What later steps made, and what would be put back."""
    step = known(context, options)
    context.progress.say(f"looking at what was changed after {step}")
    back = await takingback.after(context, step)
    return await takingback.plan(context, back, f"back to the state after {step}: {back.typed} will be taken back.")


async def run(context: Context, options: ResetOptions) -> Verdict:
    """Takes back what later steps changed, the newest first."""
    step = known(context, options)
    back = await takingback.after(context, step)
    standing = [row for row in board.rows(await snapshot.take(context)) if row.step == step]
    lacking = [row for row in standing if not row.done]
    if lacking and not back.differences:
        return Verdict(
            State.NOT_YET,
            "nothing later is left to take back.",
            f"{step} itself is not in place: {lacking[0].words}.",
            next=offer(context, step, "status"),
        )
    if not back.differences:
        words = f"this is the state after {step} already; nothing was changed."
        return Verdict(State.DONE, words, next=offer(context, "status"))
    return await takingback.restore(context, back, again=f"reset {step}")


STEP = Step(
    id="reset",
    title="Reset",
    summary="back to the state after a step of the workshop; asks first",
    run=run,
    plan=plan,
    options=ResetOptions,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    recorded=False,
    positional=("step",),
    choices={"step": lambda context: [step for step, _ in board.LOOKS]},
    examples=("reset bookinfo", "reset inject"),
)
