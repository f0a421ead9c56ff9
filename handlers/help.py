"""`/mesh help`: what can be typed, and each step's options. Generated from the steps themselves."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.fields import FieldInfo

from bot.errors import UserError
from bot.steps import Context, Role, Shared, State, Step, StepKind, Verdict


class HelpOptions(Shared):
    """Options of `help`."""

    step: Annotated[str, Field(default="", max_length=40, description="the step to explain")]


async def run(context: Context, options: HelpOptions) -> Verdict:
    """List all steps, or explain one."""
    if options.step:
        return explain_step(context, options.step.lower())
    lines = tuple(
        f"`{context.command} {step.id}` — {step.summary}{'' if step.role is Role.ATTENDEE else f' ({step.role})'}"
        for step in context.steps
    )
    words = f"`{context.command} help STEP` shows a step's options. Start with `{context.command} workshop`."
    return Verdict(State.DONE, words, evidence=lines)


def explain_step(context: Context, wanted: str) -> Verdict:
    """Return what one step does, its options and examples. Raises UserError when there is no
    such step.
    """
    found = [step for step in context.steps if wanted in (step.id, *step.aliases)]
    if not found:
        raise UserError(
            f"There is no step called “{wanted}”.", f"`{context.command} help` lists what there is."
        )
    step = found[0]
    options = [
        describe_option(step, name, field) for name, field in step.options.model_fields.items()
    ]
    who = "everyone" if step.role is Role.ATTENDEE else f"needs the role {step.role}"
    if context.caller.confined and step.id in context.caller.own_steps:
        who += f"; you may in your own namespace {context.caller.own}" if context.caller.own else ""
    evidence = (
        f"who may: {who}",
        *options,
        *describe_scheduling(context, step),
        *(f"example: `{context.command} {words}`" for words in step.examples),
    )
    also = f" Also understood: {', '.join(step.aliases)}." if step.aliases else ""
    return Verdict(State.DONE, f"`{step.id}`: {step.summary}.{also}", evidence=evidence)


def describe_scheduling(context: Context, step: Step) -> tuple[str, ...]:
    """Return a line that says how the step can be scheduled; empty when it cannot."""
    if step.regular is None:
        return ()
    who = (
        f"needs the role {step.regular.role}"
        if step.regular.role is not Role.ATTENDEE
        else "everyone may"
    )
    times = '`every 10m until 17:00`, `weekdays 09:00 Europe/Madrid`, `at 14:00` or `cron "0 9 * * 1-5"`'
    return (
        f"by schedule ({who}): {times} behind it; `{context.command} schedule` lists what goes on",
    )


def describe_option(step: Step, name: str, field: FieldInfo) -> str:
    """Return one option as a line: how it is typed, what it is for, its default."""
    key = field.alias or name
    typed = key if field.annotation is bool else f"{key}=…"
    short = " (the word alone will do)" if name in step.positional else ""
    default = f"; default: `{field.default}`" if field.default not in ("", (), False, None) else ""
    return f"option `{typed}` — {field.description}{short}{default}"


STEP = Step(
    id="help",
    title="Help",
    summary="what can be typed",
    run=run,
    options=HelpOptions,
    role=Role.ATTENDEE,
    shape=StepKind.ANSWER,
    aliases=("?", "commands"),
    positional=("step",),
    examples=("help", "help install"),
)
