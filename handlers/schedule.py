"""`/mesh schedule`: lists, pauses, resumes and removes schedules. A step that can be
scheduled is scheduled by typing the times behind it: `/mesh ping every 1m`.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from bot.errors import UserError
from bot.knowledge.bookinfo import background
from bot.knowledge.objects.suggestions import suggest_commands
from bot.records import ScheduleSummary
from bot.steps import ROLE_NAMES, Context, Role, Shared, State, Step, StepKind, Verdict
from bot.text import Listed, Text, counted

ALL = "all"


class Action(StrEnum):
    """Actions that can be typed after `schedule`."""

    LIST = "list"
    PAUSE = "pause"
    RESUME = "resume"
    REMOVE = "remove"


SAME = {
    "stop": "remove",
    "delete": "remove",
    "rm": "remove",
    "cancel": "remove",
    "continue": "resume",
    "ls": "list",
}


class ScheduleOptions(Shared):
    """Options of `schedule`."""

    action: Annotated[
        Action,
        BeforeValidator(lambda typed: SAME.get(str(typed).lower(), str(typed).lower())),
        Field(
            default=Action.LIST,
        ),
        Text("list, pause, resume or remove"),
    ]
    id: Annotated[
        str,
        Field(
            default="",
            max_length=12,
        ),
        Text("which one, such as s3; `all` for every one"),
    ]

    @model_validator(mode="before")
    @classmethod
    def accept_bare_id(cls, typed: dict[str, Any]) -> dict[str, Any]:
        """Take `schedule s3` as a request to list that schedule."""
        if re.fullmatch(r"[sS]\d+", str(typed.get("action", ""))) and "id" not in typed:
            return {**typed, "action": "list", "id": typed["action"]}
        return typed


async def run(context: Context, options: ScheduleOptions) -> Verdict:
    """List the schedules, or change one or all. Raises UserError when the caller may not or
    names none.
    """
    if options.action is Action.LIST:
        return list_schedules(context, await context.schedules.entries(), options.id)
    if not context.caller.role.is_at_least(Role.HOST):
        words = Text(
            "Changing a schedule needs the role host; you are {role}.",
            role=ROLE_NAMES[context.caller.role],
        )
        raise UserError(
            words, Text("A host can. `{command} whoami` explains.", command=context.command)
        )
    if not options.id:
        typed = f"{context.command} schedule"
        raise UserError(
            Text("{action} which one?", action=options.action),
            Text(
                "Write `{typed} {action} s3`; `{typed}` lists them.",
                typed=typed,
                action=options.action,
            ),
        )
    return await change_schedules(context, options)


def describe_done(action: Action, ids: list[str]) -> Text:
    """Return a sentence on what became of these schedules."""
    names = Listed(ids, "comma")
    if action is Action.PAUSE:
        return counted("{names} is paused.", "{names} are paused.", n=len(ids), names=names)
    if action is Action.RESUME:
        return counted("{names} goes on.", "{names} go on.", n=len(ids), names=names)
    return counted("{names} is removed.", "{names} are removed.", n=len(ids), names=names)


async def change_schedules(context: Context, options: ScheduleOptions) -> Verdict:
    """Pause, resume or remove one schedule or all."""
    there = context.schedules
    turn = {Action.PAUSE: there.pause, Action.RESUME: there.resume, Action.REMOVE: there.remove}[
        options.action
    ]
    fits = "paused" if options.action is Action.RESUME else "active"
    ids = [options.id]
    if options.id.lower() == ALL:
        entries = await there.entries()
        ids = [one.id for one in entries if options.action is Action.REMOVE or one.state == fits]
    entries = [await turn(id_, context.caller.user) for id_ in ids]
    if not entries:
        return Verdict(
            State.DONE,
            Text("there is none to which that would apply."),
            next=suggest_commands(context, "schedule"),
        )
    lines = tuple(
        Text("{id}: {typed}, {when}", id=one.id, typed=one.typed, when=one.when) for one in entries
    )
    words = describe_done(options.action, [one.id for one in entries])
    return Verdict(
        State.DONE,
        words,
        evidence=lines,
        next=suggest_commands(context, "schedule"),
    )


def list_schedules(context: Context, entries: list[ScheduleSummary], only: str) -> Verdict:
    """Return a verdict with one line for each schedule. Raises UserError when the one named
    does not exist.
    """
    found = [one for one in entries if not only or only.lower() in (one.id, ALL)]
    if only and not found:
        raise UserError(
            Text("There is no schedule {only}.", only=only),
            Text("`{command} schedule` lists them all.", command=context.command),
        )
    if not found:
        able = ", ".join(
            f"`{context.command} {step.regular.examples[0]}`"
            for step in context.steps
            if step.regular is not None
        )
        return Verdict(State.DONE, Text("nothing is scheduled. Such can be: {able}.", able=able))
    actions = (
        ("schedule pause", "schedule remove")
        if len(found) > 1
        else tuple(
            f"schedule {verb} {found[0].id}"
            for verb in ("pause" if found[0].state == "active" else "resume", "remove")
        )
    )
    count = counted("{n} schedule", "{n} schedules", n=len(found))
    return Verdict(
        State.DONE,
        Text(
            "{count}. `{command} schedule pause {id}`, `resume` and `remove` change one.",
            count=count,
            command=context.command,
            id=found[0].id,
        ),
        evidence=tuple(map(background.describe_schedule, found)),
        next=suggest_commands(context, *actions)
        if len(found) == 1 and context.caller.role.is_at_least(Role.HOST)
        else (),
    )


STEP = Step(
    id="schedule",
    title=Text("Schedules"),
    summary=Text("what is done again and again: lists it, pauses, resumes, removes"),
    run=run,
    options=ScheduleOptions,
    role=Role.ATTENDEE,
    shape=StepKind.ANSWER,
    aliases=("schedules", "cron", "jobs"),
    positional=("action", "id"),
    examples=(
        "schedule",
        "schedule pause s3",
        "schedule resume s3",
        "schedule remove s3",
        "schedule remove all",
    ),
)
