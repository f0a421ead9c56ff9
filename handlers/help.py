"""`/mesh help`: what can be typed, and each step's options. Generated from the steps themselves."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.fields import FieldInfo

from bot.errors import UserError
from bot.steps import ROLE_NAMES, Context, Role, Shared, State, Step, StepKind, Verdict
from bot.steps import describe_option as describe_field
from bot.text import Listed, Text, join


class HelpOptions(Shared):
    """Options of `help`."""

    step: Annotated[
        str,
        Field(
            default="",
            max_length=40,
        ),
        Text("the step to explain"),
    ]


async def run(context: Context, options: HelpOptions) -> Verdict:
    """List all steps, or explain one."""
    if options.step:
        return explain_step(context, options.step.lower())
    lines = tuple(
        Text(
            "`{command}` — {summary}", command=f"{context.command} {step.id}", summary=step.summary
        )
        if step.role is Role.ATTENDEE
        else Text(
            "`{command}` — {summary} ({role})",
            command=f"{context.command} {step.id}",
            summary=step.summary,
            role=ROLE_NAMES[step.role],
        )
        for step in context.steps
    )
    words = Text(
        "`{command} help STEP` shows a step's options. Start with `{command} workshop`.",
        command=context.command,
    )
    return Verdict(State.DONE, words, evidence=lines)


def explain_step(context: Context, wanted: str) -> Verdict:
    """Return what one step does, its options and examples. Raises UserError when there is no
    such step.
    """
    found = [step for step in context.steps if wanted in (step.id, *step.aliases)]
    if not found:
        raise UserError(
            Text("There is no step called “{wanted}”.", wanted=wanted),
            Text("`{command} help` lists what there is.", command=context.command),
        )
    step = found[0]
    options = [
        describe_option(step, name, field) for name, field in step.options.model_fields.items()
    ]
    evidence = (
        describe_who_may(context, step),
        *options,
        *describe_scheduling(context, step),
        *(
            Text("example: `{command} {words}`", command=context.command, words=words)
            for words in step.examples
        ),
    )
    summary = Text("`{step}`: {summary}.", step=step.id, summary=step.summary)
    also = Text("Also understood: {aliases}.", aliases=Listed(step.aliases, "comma"))
    return Verdict(
        State.DONE,
        join("sentences", summary, also) if step.aliases else summary,
        evidence=evidence,
    )


def describe_who_may(context: Context, step: Step) -> Text:
    """Return a line that says who may run the step."""
    if context.caller.confined and step.id in context.caller.own_steps and context.caller.own:
        return Text(
            "who may: needs the role {role}; you may in your own namespace {own}",
            role=ROLE_NAMES[step.role],
            own=context.caller.own,
        )
    if step.role is Role.ATTENDEE:
        return Text("who may: everyone")
    return Text("who may: needs the role {role}", role=ROLE_NAMES[step.role])


def describe_scheduling(context: Context, step: Step) -> tuple[Text, ...]:
    """Return a line that says how the step can be scheduled; empty when it cannot."""
    if step.regular is None:
        return ()
    who = (
        Text("needs the role {role}", role=ROLE_NAMES[step.regular.role])
        if step.regular.role is not Role.ATTENDEE
        else Text("everyone may")
    )
    examples = ("every 10m until 17:00", "weekdays 09:00 Europe/Madrid", "at 14:00")
    times = Listed([f"`{typed}`" for typed in (*examples, 'cron "0 9 * * 1-5"')], "or")
    return (
        Text(
            "by schedule ({who}): {times} behind it; `{command} schedule` lists what goes on",
            who=who,
            times=times,
            command=context.command,
        ),
    )


def describe_option(step: Step, name: str, field: FieldInfo) -> Text:
    """Return one option as a line: how it is typed, what it is for, its default."""
    key = field.alias or name
    typed = key if field.annotation is bool else f"{key}=…"
    words = Text("option `{typed}` — {description}", typed=typed, description=describe_field(field))
    if name in step.positional:
        words = Text("{option} (the word alone will do)", option=words)
    if field.is_required() or field.default in ("", (), False, None):
        return words
    return Text("{option}; default: `{default}`", option=words, default=str(field.default))


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
