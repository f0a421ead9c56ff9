"""`/mesh reset STEP`: back to the state after that step of the workshop; shows what goes, and asks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.errors import UserError
from bot.knowledge import snapshot
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.workshop import progress, undo
from bot.steps import Context, Options, Plan, Role, Scope, State, Step, Verdict


class ResetOptions(Options):
    """Options of `reset`."""

    step: Annotated[str, Field(max_length=40, description="the step whose state is wanted")]


def resolve_step(context: Context, options: ResetOptions) -> str:
    """Return the id of the step that was meant. Raises UserError when there is none."""
    for step in context.steps:
        if options.step.lower() in (step.id, *step.aliases):
            return step.id
    steps = ", ".join(step for step, _ in progress.LOOKS)
    raise UserError(f"There is no step called “{options.step}”.", f"The workshop's steps: {steps}.")


async def plan(context: Context, options: ResetOptions) -> Plan | None:
    """Return what later steps changed and what would be restored."""
    step = resolve_step(context, options)
    context.progress.say(f"looking at what was changed after {step}")
    back = await undo.find_later_changes(context, step)
    return await undo.build_plan(
        context, back, f"back to the state after {step}: {back.typed} will be taken back."
    )


async def run(context: Context, options: ResetOptions) -> Verdict:
    """Undo what later steps changed, the newest first."""
    step = resolve_step(context, options)
    back = await undo.find_later_changes(context, step)
    standing = [
        row
        for row in progress.list_step_statuses(await snapshot.take_snapshot(context))
        if row.step == step
    ]
    lacking = [row for row in standing if not row.done]
    if lacking and not back.differences:
        return Verdict(
            State.NOT_YET,
            "nothing later is left to take back.",
            f"{step} itself is not in place: {lacking[0].words}.",
            next=suggest_commands(context, step, "status"),
        )
    if not back.differences:
        words = f"this is the state after {step} already; nothing was changed."
        return Verdict(State.DONE, words, next=suggest_commands(context, "status"))
    return await undo.restore_objects(context, back, again=f"reset {step}")


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
    choices={"step": lambda context: [step for step, _ in progress.LOOKS]},
    examples=("reset bookinfo", "reset inject"),
)
