"""`/mesh reset STEP`: back to the state after that step of the workshop; shows what goes, and
asks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.diagnosis.board import read_board
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.workshop import progress, undo
from bot.knowledge.workshop.step_lookup import get_step
from bot.steps import Context, Options, Plan, Role, Scope, State, Step, Verdict
from bot.text import Text


class ResetOptions(Options):
    """Options of `reset`."""

    step: Annotated[str, Field(max_length=40), Text("the step whose state is wanted")]


def resolve_step(context: Context, options: ResetOptions) -> str:
    """Return the id of the step that was meant. Raises UserError when it changes nothing."""
    among = [s.id for s in context.steps if s.id in progress.STEPS or (s.changes and s.recorded)]
    return get_step(context, options.step, STEP.id, among).id


async def check(context: Context, options: ResetOptions) -> None:
    """Raise UserError unless the step is one after which something can be taken back."""
    resolve_step(context, options)


async def plan(context: Context, options: ResetOptions) -> Plan | None:
    """Return what later steps changed and what would be restored."""
    step = resolve_step(context, options)
    context.progress.say(Text("looking at what was changed after {step}", step=step))
    back = await undo.find_later_changes(context, step)
    return await undo.build_plan(
        context,
        back,
        Text(
            "back to the state after {step}: {typed} will be taken back.",
            step=step,
            typed=back.typed,
        ),
    )


async def run(context: Context, options: ResetOptions) -> Verdict:
    """Undo what later steps changed, the newest first."""
    step = resolve_step(context, options)
    if context.confirmed:
        return await undo.restore_confirmed(context, again=f"reset {step}")
    back = await undo.find_later_changes(context, step)
    if back.differences:
        return await undo.restore_objects(context, back, again=f"reset {step}")
    statuses = (await read_board(context)).rows
    missing = next((each for each in statuses if each.step == step and not each.done), None)
    if missing is not None:
        return Verdict(
            State.NOT_YET,
            Text("nothing later is left to take back."),
            Text("{step} itself is not in place: {words}.", step=step, words=missing.words),
            next=suggest_commands(context, step, "status"),
        )
    words = Text("this is the state after {step} already; nothing was changed.", step=step)
    return Verdict(State.DONE, words, next=suggest_commands(context, "status"))


STEP = Step(
    id="reset",
    title=Text("Reset"),
    summary=Text("back to the state after a step of the workshop; asks first"),
    run=run,
    plan=plan,
    check=check,
    options=ResetOptions,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    recorded=False,
    positional=("step",),
    choices={"step": lambda context: progress.STEPS},
    examples=("reset bookinfo", "reset inject"),
)
