"""`/mesh audit`: who asked for what, where, and what became of it; only the host who asks sees
it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field

from bot.knowledge.workshop.step_lookup import find_step
from bot.records import AuditEntry
from bot.steps import Context, Role, Shared, State, Step, StepKind, Verdict
from bot.text import Text, counted, join, quote_where, show_hidden

MENTION = re.compile(r"<?@?([UW][A-Z0-9]{2,})(?:\|[^>]*)?>?", re.IGNORECASE)
"""A user id, alone or as Slack writes a mention."""

SEPARATOR = re.compile(": | by=|  ")
"""What separates the parts of an entry; a command that holds one stands in quotes."""


def parse_mention(value: object) -> object:
    """Return the user id in a Slack mention, upper case; anything else is returned unchanged."""
    found = MENTION.fullmatch(value) if isinstance(value, str) else None
    return found[1].upper() if found else value


class AuditOptions(Shared):
    """Options of `audit`."""

    count: Annotated[int, Field(default=20, ge=1, le=100), Text("how many, the newest first")]
    user: Annotated[
        str,
        BeforeValidator(parse_mention),
        Field(
            default="",
            pattern=r"^([UW][A-Z0-9]{2,})?$",
        ),
        Text("only what this user asked (id or mention)"),
    ]
    step: Annotated[str, Field(default="", max_length=40), Text("only this step")]


async def run(context: Context, options: AuditOptions) -> Verdict:
    """List the newest entries, one in a line."""
    # A step that no longer exists is looked for as it was typed: its rows are still there.
    step = find_step(context, options.step)
    found = await context.audit_trail.entries(
        most=options.count, user=options.user, step=step.id if step else options.step.lower()
    )
    if not found:
        return Verdict(State.NORMAL, Text("nothing that fits was asked since the audit began."))
    words = join(
        "sentences",
        counted("{n} entry, times in UTC.", "the {n} newest entries, times in UTC.", n=len(found)),
        Text("`meshbot audit --csv` prints all of it where the bot runs."),
    )
    return Verdict(State.DONE, words, lines=fit_lines(tuple(map(format_entry, found))))


def format_entry(entry: AuditEntry) -> str:
    """Return one entry as a line: time, user, command, outcome, duration, and who confirmed or
    cancelled it.

    It is a record, the same in all languages, in the words that the CSV has too.
    """
    typed = show_hidden(entry.arguments) or "—"
    if len(typed) > 80:
        typed = typed[:79] + "…"
    typed = quote_where(typed, SEPARATOR)
    place = f" in={entry.namespace}" if entry.namespace and "in=" not in typed else ""
    decided = entry.decided_by if entry.decided_by != entry.user else ""
    by = f" by={decided}" if decided else ""
    took = f" {entry.seconds:.0f} s" if entry.seconds >= 1 else ""
    line = f"{entry.user} {typed}{place}: {entry.outcome}{by}{took}"
    return f"{format_timestamp(entry.at)} {show_hidden(line)}"


def format_timestamp(at: datetime) -> str:
    """Return a time as `2026-11-25 19:05:12`."""
    return at.strftime("%Y-%m-%d %H:%M:%S")


def fit_lines(lines: tuple[str, ...], limit: int = 2400) -> tuple[str, ...]:
    """Return as many lines as fit into `limit` characters; the last line counts those left out."""
    kept: list[str] = []
    for number, each in enumerate(lines):
        limit -= len(each) + 1
        if limit < 0:
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
