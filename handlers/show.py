"""`/mesh show`: the manifests that the bot applied last, or last for a step; only the one who asks
sees them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.errors import UserError
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.workshop import manifest_text, undo
from bot.knowledge.workshop.step_lookup import get_step
from bot.records import Change
from bot.steps import Context, Role, Shared, State, Step, StepKind, Verdict
from bot.text import Listed, Text, counted, join


class ShowOptions(Shared):
    """Options of `show`."""

    step: Annotated[
        str, Field(default="", max_length=40), Text("the step whose manifests are wanted")
    ]
    only: Annotated[
        str, Field(default="", max_length=253), Text("a kind or a name, e.g. HTTPRoute")
    ]


async def run(context: Context, options: ShowOptions) -> Verdict:
    """Print the manifests of the newest change that matches.

    Raises UserError for an unknown step and for an object that the change does not hold.
    """
    wanted = get_step(context, options.step, STEP.id).id if options.step else ""
    changes = [
        change
        for change in await undo.list_recorded_changes(context)
        if wanted in ("", change.step)
    ]
    if not changes:
        return build_nothing_applied_verdict(context, wanted)
    change = changes[0]
    images = manifest_text.select_images(change, options.only)
    if not images:
        there = Listed([manifest_text.describe_image(image) for image in change.images], "comma")
        raise UserError(
            Text(
                "`{typed}` applied nothing called “{only}”.", typed=change.typed, only=options.only
            ),
            Text("It applied {there}.", there=there),
        )
    found = manifest_text.format_manifests(images)
    words = counted(
        "what `{typed}` applied: {n} object.",
        "what `{typed}` applied: {n} objects.",
        n=len(images),
        typed=change.typed,
    )
    notes = (explain_left_out(context, change, found.left_out),) if found.left_out else ()
    return Verdict(State.DONE, words, lines=found.lines, notes=notes)


def build_nothing_applied_verdict(context: Context, step: str) -> Verdict:
    """Return the verdict when a step, or with "" the bot, has applied nothing that can be shown."""
    if not step:
        words = Text("this bot has applied nothing here that is still in force.")
        return Verdict(State.NORMAL, words, next=suggest_commands(context, "status"))
    words = Text("{step} has applied nothing here that is still in force.", step=step)
    return Verdict(State.NORMAL, words, next=suggest_commands(context, step, "status"))


def explain_left_out(context: Context, change: Change, left_out: tuple[str, ...]) -> Text:
    """Return which objects did not fit, and the command that prints one of them."""
    return join(
        "sentences",
        Text("Left out for want of room: {objects}.", objects=Listed(left_out, "comma")),
        Text(
            "`{command} show {step} {name}` prints one of them.",
            command=context.command,
            step=change.step,
            name=left_out[0].split(" ")[1],
        ),
    )


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
