"""Help on one step, generated from the step itself: who may run it, its options and examples."""

from __future__ import annotations

from pydantic.fields import FieldInfo

from bot.steps import ROLE_NAMES, Context, Role, State, Step, Verdict, describe_option
from bot.text import EMPTY, Listed, Text, join

TIMES = ("every 10m until 17:00", "weekdays 09:00 Europe/Madrid", "at 14:00", 'cron "0 9 * * 1-5"')
"""Examples of what can be typed after a step that can be scheduled."""


def summarize_step(context: Context, step: Step) -> Text:
    """Return a line with the step's command, what it does, and the role that it needs."""
    command = f"{context.command} {step.id}"
    if step.role is Role.ATTENDEE:
        return Text("`{command}` — {summary}", command=command, summary=step.summary)
    return Text(
        "`{command}` — {summary} ({role})",
        command=command,
        summary=step.summary,
        role=ROLE_NAMES[step.role],
    )


def explain_step(context: Context, step: Step, meaning: Text = EMPTY) -> Verdict:
    """Return what the step does, who may run it, its options and examples.

    `meaning` is that of its name, where it is a word of the field.
    """
    summary = Text("`{step}`: {summary}.", step=step.id, summary=step.summary)
    also = Text("Also understood: {aliases}.", aliases=Listed(step.aliases, "comma"))
    evidence = (
        describe_who_may(context, step),
        *(format_option(step, name, field) for name, field in step.options.model_fields.items()),
        *describe_scheduling(context, step),
        *(
            Text("example: `{command} {words}`", command=context.command, words=words)
            for words in step.examples
        ),
    )
    words = join("sentences", summary, also if step.aliases else EMPTY)
    notes = tuple(note for note in (meaning, step.explain) if note)
    return Verdict(State.DONE, words, evidence=evidence, notes=notes)


def describe_who_may(context: Context, step: Step) -> Text:
    """Return a line that says who may run the step."""
    caller = context.caller
    if caller.confined and step.id in caller.own_steps and caller.own:
        return Text(
            "who may: needs the role {role}; you may in your own namespace {own}",
            role=ROLE_NAMES[step.role],
            own=caller.own,
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
    return (
        Text(
            "by schedule ({who}): {times} behind it; `{command} schedule` lists what goes on",
            who=who,
            times=Listed((f"`{typed}`" for typed in TIMES), "or"),
            command=context.command,
        ),
    )


def format_option(step: Step, name: str, field: FieldInfo) -> Text:
    """Return one option as a line: how it is typed, what it is for, its default."""
    key = field.alias or name
    typed = key if field.annotation is bool else f"{key}=…"
    words = Text(
        "option `{typed}` — {description}", typed=typed, description=describe_option(field)
    )
    if name in step.positional:
        words = Text("{option} (the word alone will do)", option=words)
    if field.is_required() or field.default in ("", (), False, None):
        return words
    return join("semicolon", words, Text("default: `{default}`", default=str(field.default)))
