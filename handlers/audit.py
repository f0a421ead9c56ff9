"""`/mesh audit`: who asked for what, where, and what became of it; only the host who asks sees
it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field

from bot.records import AuditEntry
from bot.steps import Context, Role, Shared, State, Step, StepKind, Verdict
from bot.text import Text

MENTION = re.compile(r"<?@?([UW][A-Z0-9]{2,})(?:\|[^>]*)?>?", re.IGNORECASE)
"""A user id, alone or as Slack writes a mention."""


def parse_mention(value: object) -> object:
    """Return the user id in a Slack mention, upper case; anything else is returned unchanged."""
    found = MENTION.fullmatch(value) if isinstance(value, str) else None
    return found[1].upper() if found else value


class AuditOptions(Shared):
    """Options of `audit`."""

    count: Annotated[
        int,
        Field(
            default=20,
            ge=1,
            le=100,
        ),
        Text("how many, the newest first"),
    ]
    user: Annotated[
        str,
        BeforeValidator(parse_mention),
        Field(
            default="",
            pattern=r"^([UW][A-Z0-9]{2,})?$",
        ),
        Text("only what this user asked (id or mention)"),
    ]
    step: Annotated[
        str,
        Field(
            default="",
            max_length=40,
        ),
        Text("only this step"),
    ]


async def run(context: Context, options: AuditOptions) -> Verdict:
    """List the newest entries, one in a line."""
    wanted = options.step.lower()
    steps = (
        [step.id for step in context.steps if wanted in (step.id, *step.aliases)]
        if wanted
        else [""]
    )
    found = await context.audit_trail.entries(
        most=options.count, user=options.user, step=(steps or [wanted])[0]
    )
    if not found:
        return Verdict(State.NORMAL, Text("nothing that fits was asked since the audit began."))
    lines = tuple(map(describe_entry, found))
    command = Text("`meshbot audit --csv` prints all of it where the bot runs.")
    return Verdict(
        State.DONE,
        Text("{found} newest entries, times in UTC. {command}", found=len(found), command=command),
        lines=fit_lines(lines),
    )


def describe_entry(entry: AuditEntry) -> str:
    """Return one entry as a line: time, user, command, outcome, duration, and who confirmed or
    cancelled it.
    """
    typed = entry.arguments or "(nothing)"
    if len(typed) > 80:
        typed = typed[:79] + "…"
    where = (
        Text(" in {namespace}", namespace=entry.namespace)
        if entry.namespace and "in=" not in typed
        else ""
    )
    by = (
        Text(", by {decided_by}", decided_by=entry.decided_by)
        if entry.decided_by and entry.decided_by != entry.user
        else ""
    )
    took = f" {entry.seconds:.0f} s" if entry.seconds >= 1 else ""
    return f"{format_timestamp(entry.at)} {entry.user} {typed}{where}: {entry.outcome}{by}{took}"


def format_timestamp(at: datetime) -> str:
    """Return a time as `2026-11-25 19:05:12`."""
    return at.strftime("%Y-%m-%d %H:%M:%S")


def fit_lines(lines: tuple[str, ...], room: int = 2400) -> tuple[str, ...]:
    """Return as many lines as fit into `room` characters; the last line counts those left out."""
    kept: list[str] = []
    for number, each in enumerate(lines):
        room -= len(each) + 1
        if room < 0:
            return (*kept, f"… +{len(lines) - number}")
        kept.append(each)
    return tuple(kept)


STEP = Step(
    id="audit",
    title=Text("Audit"),
    summary=Text("who asked for what, where, and what became of it"),
    run=run,
    options=AuditOptions,
    role=Role.HOST,
    shape=StepKind.ANSWER,
    aliases=("log",),
    positional=("count",),
    examples=("audit", "audit 50 step=fault", "audit user=U012AB3CD", "audit share"),
)
