"""`/mesh help`: what can be typed, and each step's options. Generated from the steps themselves."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.knowledge.workshop import step_help
from bot.knowledge.workshop.step_lookup import get_step
from bot.steps import Context, Role, Shared, State, Step, StepKind, Verdict
from bot.text import Text


class HelpOptions(Shared):
    """Options of `help`."""

    step: Annotated[str, Field(default="", max_length=40), Text("the step to explain")]


async def run(context: Context, options: HelpOptions) -> Verdict:
    """List all steps, or explain one."""
    if options.step:
        return step_help.explain_step(context, get_step(context, options.step, STEP.id))
    words = Text(
        "`{command} help STEP` shows a step's options. Start with `{command} workshop`.",
        command=context.command,
    )
    lines = tuple(step_help.summarize_step(context, step) for step in context.steps)
    return Verdict(State.DONE, words, evidence=lines)


STEP = Step(
    id="help",
    title=Text("Help"),
    summary=Text("what can be typed"),
    run=run,
    options=HelpOptions,
    role=Role.ATTENDEE,
    shape=StepKind.ANSWER,
    aliases=("?", "commands"),
    positional=("step",),
    examples=("help", "help install"),
)
