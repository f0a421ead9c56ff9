"""`/mesh schedule`: what is done again and again; pauses, resumes and removes it. What can be scheduled is scheduled by
typing the times behind it: `/mesh ping every 1m`."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from bot.errors import UserError
from bot.knowledge import standing
from bot.knowledge.offers import offer
from bot.records import Scheduled
from bot.steps import Context, Role, Shape, Shared, State, Step, Verdict

ALL = "all"
DONE = {"pause": "is paused", "resume": "goes on", "remove": "is removed"}


class Action(StrEnum):
    """What can be typed after `schedule`."""

    LIST = "list"
    PAUSE = "pause"
    RESUME = "resume"
    REMOVE = "remove"


SAME = {"stop": "remove", "delete": "remove", "rm": "remove", "cancel": "remove", "continue": "resume", "ls": "list"}


class ScheduleOptions(Shared):
    """What can be chosen."""

    action: Annotated[
        Action,
        BeforeValidator(lambda typed: SAME.get(str(typed).lower(), str(typed).lower())),
        Field(default=Action.LIST, description="list, pause, resume or remove"),
    ]
    id: Annotated[str, Field(default="", max_length=12, description="which one, such as s3; `all` for every one")]

    @model_validator(mode="before")
    @classmethod
    def shown(cls, typed: dict[str, Any]) -> dict[str, Any]:
        """`schedule s3` shows that one."""
        if re.fullmatch(r"[sS]\d+", str(typed.get("action", ""))) and "id" not in typed:
            return {**typed, "action": "list", "id": typed["action"]}
        return typed


async def run(context: Context, options: ScheduleOptions) -> Verdict:
    """Lists, or changes one or all."""
    if options.action is Action.LIST:
        return listed(context, await context.schedules.entries(), options.id)
    if not context.asker.role.covers(Role.HOST):
        words = f"Changing a schedule needs the role host; you are {context.asker.role}."
        raise UserError(words, f"A host can. `{context.command} whoami` explains.")
    if not options.id:
        typed = f"{context.command} schedule"
        raise UserError(f"{options.action} which one?", f"Write `{typed} {options.action} s3`; `{typed}` lists them.")
    return await changed(context, options)


async def changed(context: Context, options: ScheduleOptions) -> Verdict:
    """Pauses, resumes or removes."""
    there = context.schedules
    turn = {Action.PAUSE: there.pause, Action.RESUME: there.resume, Action.REMOVE: there.remove}[options.action]
    fits = "paused" if options.action is Action.RESUME else "active"
    ids = [options.id]
    if options.id.lower() == ALL:
        entries = await there.entries()
        ids = [one.id for one in entries if options.action is Action.REMOVE or one.state == fits]
    entries = [await turn(id_, context.asker.user) for id_ in ids]
    if not entries:
        return Verdict(State.DONE, "there is none to which that would apply.", next=offer(context, "schedule"))
    lines = tuple(f"{one.id}: {one.typed}, {one.when}" for one in entries)
    words = f"{', '.join(one.id for one in entries)} {DONE[options.action]}."
    return Verdict(State.DONE, words, evidence=lines, next=offer(context, "schedule"))


def listed(context: Context, entries: list[Scheduled], only: str) -> Verdict:
    """All of them, each in a line."""
    found = [one for one in entries if not only or only.lower() in (one.id, ALL)]
    if only and not found:
        raise UserError(f"There is no schedule {only}.", f"`{context.command} schedule` lists them all.")
    if not found:
        able = ", ".join(
            f"`{context.command} {step.regular.examples[0]}`" for step in context.steps if step.regular is not None
        )
        return Verdict(State.DONE, f"nothing is scheduled. Such can be: {able}.")
    actions = ("schedule pause", "schedule remove") if len(found) > 1 else tuple(
        f"schedule {verb} {found[0].id}" for verb in ("pause" if found[0].state == "active" else "resume", "remove")
    )  # fmt: skip
    count = f"{len(found)} schedule{'s' if len(found) > 1 else ''}"
    return Verdict(
        State.DONE,
        f"{count}. `{context.command} schedule pause {found[0].id}`, `resume` and `remove` change one.",
        evidence=tuple(map(standing.line, found)),
        next=offer(context, *actions) if len(found) == 1 and context.asker.role.covers(Role.HOST) else (),
    )


STEP = Step(
    id="schedule",
    title="Schedules",
    summary="what is done again and again: lists it, pauses, resumes, removes",
    run=run,
    options=ScheduleOptions,
    role=Role.ATTENDEE,
    shape=Shape.ANSWER,
    aliases=("schedules", "cron", "jobs"),
    positional=("action", "id"),
    examples=("schedule", "schedule pause s3", "schedule resume s3", "schedule remove s3", "schedule remove all"),
)
