"""`/mesh help`: what can be typed, and each step's options. Generated from the steps themselves."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.fields import FieldInfo

from bot.errors import UserError
from bot.steps import Context, Role, Shape, Shared, State, Step, Verdict


class HelpOptions(Shared):
    """What can be chosen."""

    step: Annotated[str, Field(default="", max_length=40, description="the step to explain")]


async def run(context: Context, options: HelpOptions) -> Verdict:
    """All steps, or one."""
    if options.step:
        return one(context, options.step.lower())
    lines = tuple(
        f"`{context.command} {step.id}` — {step.summary}{'' if step.role is Role.ATTENDEE else f' ({step.role})'}"
        for step in context.steps
    )
    words = f"`{context.command} help STEP` shows a step's options. Start with `{context.command} workshop`."
    return Verdict(State.DONE, words, evidence=lines)


def one(context: Context, wanted: str) -> Verdict:
    """One step: what it does, its options, examples."""
    found = [step for step in context.steps if wanted in (step.id, *step.aliases)]
    if not found:
        raise UserError(f"There is no step called “{wanted}”.", f"`{context.command} help` lists what there is.")
    step = found[0]
    options = [option(step, name, field) for name, field in step.options.model_fields.items()]
    who = "everyone" if step.role is Role.ATTENDEE else f"needs the role {step.role}"
    if context.asker.confined and step.id in context.asker.own_steps:
        who += f"; you may in your own namespace {context.asker.own}" if context.asker.own else ""
    evidence = (
        f"who may: {who}",
        *options,
        *again(context, step),
        *(f"example: `{context.command} {words}`" for words in step.examples),
    )
    also = f" Also understood: {', '.join(step.aliases)}." if step.aliases else ""
    return Verdict(State.DONE, f"`{step.id}`: {step.summary}.{also}", evidence=evidence)


def again(context: Context, step: Step) -> tuple[str, ...]:
    """That a step can be scheduled, and how often."""
    if step.regular is None:
        return ()
    who = f"needs the role {step.regular.role}" if step.regular.role is not Role.ATTENDEE else "everyone may"
    times = '`every 10m until 17:00`, `weekdays 09:00 Europe/Madrid`, `at 14:00` or `cron "0 9 * * 1-5"`'
    return (f"by schedule ({who}): {times} behind it; `{context.command} schedule` lists what goes on",)


def option(step: Step, name: str, field: FieldInfo) -> str:
    """One option in a line: how to type it, what it is for, its default."""
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
    shape=Shape.ANSWER,
    aliases=("?", "commands"),
    positional=("step",),
    examples=("help", "help install"),
)
