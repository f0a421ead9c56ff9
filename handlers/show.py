"""`/mesh show`: the manifests that the bot applied last, or last for a step; only the one who asks
sees them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.errors import UserError
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.workshop import manifests, undo
from bot.steps import Context, Role, Shared, State, Step, StepKind, Verdict
from bot.text import Listed, Text, counted


class ShowOptions(Shared):
    """Options of `show`."""

    step: Annotated[
        str,
        Field(
            default="",
            max_length=40,
        ),
        Text("the step whose manifests are wanted"),
    ]
    only: Annotated[
        str,
        Field(
            default="",
            max_length=253,
        ),
        Text("a kind or a name, e.g. HTTPRoute"),
    ]


async def run(context: Context, options: ShowOptions) -> Verdict:
    """Print the manifests of the newest change that matches."""
    wanted = {step.id for step in context.steps if options.step.lower() in (step.id, *step.aliases)}
    if options.step and not wanted:
        raise UserError(
            Text("There is no step called “{step}”.", step=options.step),
            Text("`{command} help` lists what there is.", command=context.command),
        )
    changes = [
        c for c in await undo.list_recorded_changes(context) if not wanted or c.step in wanted
    ]
    if not changes:
        words = (
            Text("{step} has applied nothing here that is still in force.", step=options.step)
            if options.step
            else Text("this bot has applied nothing here that is still in force.")
        )
        return Verdict(
            State.NORMAL,
            words,
            next=suggest_commands(context, *([options.step] if options.step else []), "status"),
        )
    change = changes[0]
    images = manifests.select_images(change, options.only)
    if not images:
        there = ", ".join(manifests.describe_image(image) for image in change.images)
        raise UserError(
            Text(
                "`{typed}` applied nothing called “{only}”.", typed=change.typed, only=options.only
            ),
            Text("It applied {there}.", there=there),
        )
    found = manifests.format_manifests(images)
    notes: tuple[Text, ...] = ()
    if found.left_out:
        example = found.left_out[0].split(" ")[1]
        hint = Text(
            "`{command} show {step} {example}` prints one of them.",
            command=context.command,
            step=change.step,
            example=example,
        )
        notes = (
            Text(
                "Left out for want of room: {left_out}. {hint}",
                left_out=Listed(found.left_out, "comma"),
                hint=hint,
            ),
        )
    words = counted(
        "what `{typed}` applied: {n} object.",
        "what `{typed}` applied: {n} objects.",
        n=len(images),
        typed=change.typed,
    )
    return Verdict(State.DONE, words, lines=found.lines, notes=notes)


STEP = Step(
    id="show",
    title=Text("Show"),
    summary=Text("the manifests that the bot applied last, or last for a step"),
    run=run,
    options=ShowOptions,
    role=Role.ATTENDEE,
    shape=StepKind.ANSWER,
    aliases=("manifests", "yaml"),
    positional=("step", "only"),
    examples=("show", "show expose", "show expose HTTPRoute"),
)
