"""Schedules as `/mesh schedule` lists, pauses, resumes and removes them."""

from __future__ import annotations

from enum import StrEnum

from bot.errors import UserError
from bot.knowledge.bookinfo.background import describe_schedule
from bot.knowledge.objects.suggestions import suggest_commands
from bot.records import ScheduleSummary
from bot.steps import Context, Role, State, Verdict
from bot.text import Listed, Text, counted

ALL = "all"
"""Is typed in place of a schedule's id."""


class Action(StrEnum):
    """Actions that can be typed after `schedule`."""

    LIST = "list"
    PAUSE = "pause"
    RESUME = "resume"
    REMOVE = "remove"


ACTION_SYNONYMS = {
    "stop": "remove",
    "delete": "remove",
    "rm": "remove",
    "cancel": "remove",
    "continue": "resume",
    "ls": "list",
}


async def change_schedules(context: Context, action: Action, id: str) -> Verdict:
    """Pause, resume or remove the schedule of that id, or with ALL each that it applies to."""
    schedules = context.schedules
    change = {
        Action.PAUSE: schedules.pause,
        Action.RESUME: schedules.resume,
        Action.REMOVE: schedules.remove,
    }[action]
    ids = [id] if id.lower() != ALL else await find_changeable_ids(context, action)
    changed = [await change(one, context.caller.user) for one in ids]
    if not changed:
        words = Text("there is none to which that would apply.")
        return Verdict(State.DONE, words, next=suggest_commands(context, "schedule"))
    return Verdict(
        State.DONE,
        describe_change(action, [one.id for one in changed]),
        evidence=tuple(
            Text("{id}: {typed}, {when}", id=one.id, typed=one.typed, when=one.when)
            for one in changed
        ),
        next=suggest_commands(context, "schedule"),
    )


async def find_changeable_ids(context: Context, action: Action) -> list[str]:
    """Return the ids of all schedules to which an action applies."""
    state = "paused" if action is Action.RESUME else "active"
    entries = await context.schedules.entries()
    return [one.id for one in entries if action is Action.REMOVE or one.state == state]


def describe_change(action: Action, ids: list[str]) -> Text:
    """Return a sentence on what became of these schedules."""
    names = Listed(ids, "comma")
    if action is Action.PAUSE:
        return counted("{names} is paused.", "{names} are paused.", n=len(ids), names=names)
    if action is Action.RESUME:
        return counted("{names} goes on.", "{names} go on.", n=len(ids), names=names)
    return counted("{names} is removed.", "{names} are removed.", n=len(ids), names=names)


async def list_schedules(context: Context, only: str) -> Verdict:
    """Return a verdict with one line for each schedule, or for the one of that id.

    Raises UserError when the one named does not exist.
    """
    entries = await context.schedules.entries()
    found = [one for one in entries if not only or only.lower() in (one.id, ALL)]
    if only and not found:
        raise UserError(
            Text("There is no schedule {only}.", only=only),
            Text("`{command} schedule` lists them all.", command=context.command),
            ("schedule",),
        )
    if not found:
        return Verdict(State.DONE, describe_schedulable_steps(context))
    words = counted(
        "{n} schedule. `{command} schedule pause {id}`, `resume` and `remove` change one.",
        "{n} schedules. `{command} schedule pause {id}`, `resume` and `remove` change one.",
        n=len(found),
        command=context.command,
        id=found[0].id,
    )
    return Verdict(
        State.DONE,
        words,
        evidence=tuple(map(describe_schedule, found)),
        next=suggest_changes(context, found),
    )


def describe_schedulable_steps(context: Context) -> Text:
    """Return a sentence that says nothing is scheduled, with examples of what can be."""
    examples = [
        f"`{context.command} {step.regular.examples[0]}`"
        for step in context.steps
        if step.regular is not None
    ]
    return Text(
        "nothing is scheduled. These can be: {examples}.", examples=Listed(examples, "comma")
    )


def suggest_changes(context: Context, found: list[ScheduleSummary]) -> tuple[str, ...]:
    """Return the commands that change the only schedule, for those who may."""
    if len(found) > 1 or not context.caller.role.is_at_least(Role.HOST):
        return ()
    schedule = found[0]
    toggle = "pause" if schedule.state == "active" else "resume"
    return suggest_commands(
        context, f"schedule {toggle} {schedule.id}", f"schedule remove {schedule.id}"
    )
