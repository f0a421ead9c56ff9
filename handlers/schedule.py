"""`/mesh schedule`: lists, pauses, resumes and removes schedules. A step that can be
scheduled is scheduled by typing the times behind it: `/mesh ping every 1m`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from bot.errors import UserError
from bot.knowledge.workshop.schedule_list import (
    ACTION_SYNONYMS,
    Action,
    change_schedules,
    list_schedules,
)
from bot.steps import ROLE_NAMES, Context, Role, Shared, Step, StepKind, Verdict
from bot.text import Text


class ScheduleOptions(Shared):
    """Options of `schedule`."""

    action: Annotated[
        Action,
        BeforeValidator(lambda typed: ACTION_SYNONYMS.get(str(typed).lower(), str(typed).lower())),
        Field(default=Action.LIST),
        Text("list, pause, resume or remove"),
    ]
    id: Annotated[
        str,
        Field(default="", max_length=12),
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
        return await list_schedules(context, options.id)
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
    return await change_schedules(context, options.action, options.id)


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
