"""The message of a schedule, and the notes in its thread. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import datetime

from bot.ledger import Schedule, ScheduleState
from bot.messages import Message
from bot.slackrules import escape
from bot.view import messages
from bot.when import Timing

PREFIX = "mesh:schedule:"
"""What the action ids of a schedule's buttons begin with; the rest is the verb."""

PAUSE, RESUME, REMOVE = "pause", "resume", "remove"
LABELS = {PAUSE: "Pause", RESUME: "Resume", REMOVE: "Remove"}
BUTTONS = {ScheduleState.ACTIVE: (PAUSE, REMOVE), ScheduleState.PAUSED: (RESUME, REMOVE)}
ICONS = {
    ScheduleState.ACTIVE: "🗓️",
    ScheduleState.PAUSED: "⏸️",
    ScheduleState.ENDED: "🏁",
    ScheduleState.REMOVED: "✖️",
}
WORDS = {
    ScheduleState.ACTIVE: "goes on",
    ScheduleState.PAUSED: "paused",
    ScheduleState.ENDED: "over",
    ScheduleState.REMOVED: "removed",
}
STANDS = {
    ScheduleState.ACTIVE: "goes on",
    ScheduleState.PAUSED: "is paused",
    ScheduleState.ENDED: "is over",
    ScheduleState.REMOVED: "is removed",
}
"""The same, as what a sentence says of a schedule."""


def render_schedule(
    schedule: Schedule, title: str, *, command: str, remarks: Sequence[str] = ()
) -> Message:
    """Return the message of a schedule: command, times, next slot, last result, and buttons."""
    timing = Timing.from_json(schedule.timing)
    state = schedule.state
    because = f" ({schedule.reason})" if schedule.reason else ""
    typed = messages.escape_code(f"{command} {schedule.words}")
    head = f"{ICONS[state]} *Schedule {schedule.id}: {escape(title)}* — {WORDS[state]}{because}: `{typed}`"
    shown = [
        messages.build_verdict_block("done", schedule.id, head),
        messages.section("\n".join(format_schedule_lines(schedule, timing))),
    ]
    if remarks:
        shown.append(messages.section("\n".join(f"⚠️ {escape(line)}" for line in remarks)))
    if buttons := BUTTONS.get(state):
        pressed = [
            messages.button(LABELS[verb], f"{PREFIX}{verb}", schedule.id) for verb in buttons
        ]
        shown.append({"type": "actions", "elements": pressed})
    made = (
        f"<@{escape(schedule.user)}> typed `{messages.escape_code(f'{command} {schedule.typed}')}`"
    )
    shown.append(messages.context(f"{made} · `{escape(command)} schedule` lists all"))
    return messages.build_message(
        f"Schedule {schedule.id}, {title}: {strip_mentions(WORDS[state] + because)}. {timing}",
        shown,
    )


def format_schedule_lines(schedule: Schedule, timing: Timing) -> list[str]:
    """Return the lines with times, next slot, last result, and the counts."""
    words = escape(str(timing))
    said = [words[0].upper() + words[1:]]
    if schedule.next_at is not None and schedule.state is ScheduleState.ACTIVE:
        said[0] += f" · next {format_date(schedule.next_at, timing)}"
    if schedule.last_at is not None:
        icon = messages.ICONS.get(schedule.last_state, "•")
        said.append(
            f"Last, {format_date(schedule.last_at, timing)}: {icon} {escape(schedule.last_summary)}"
        )
    if counts := format_counts(schedule):
        said.append(counts)
    return said


def format_counts(schedule: Schedule) -> str:
    """Return `12 times, 1 with errors, 3 missed while I was away or busy`, or ""."""
    words = (
        [f"{schedule.fired} {'time' if schedule.fired == 1 else 'times'}"] if schedule.fired else []
    )
    words += [f"{schedule.failed} with errors"] if schedule.failed else []
    words += [f"{schedule.cut} cut off by a restart"] if schedule.cut else []
    words += [f"{schedule.missed} missed while I was away or busy"] if schedule.missed else []
    return ", ".join(words)


def format_date(moment: datetime, timing: Timing) -> str:
    """Return a moment as Slack shows it in the reader's own time.

    Where that cannot be shown, it is in the schedule's time zone.
    """
    fallback = timing.format_local(moment).replace("|", "/")
    return f"<!date^{math.floor(moment.timestamp())}^{{date_short_pretty}} {{time_secs}}|{escape(fallback)}>"


def render_note(schedule: Schedule, words: str) -> Message:
    """Return a line for the thread; `words` are the bot's own, and may name people."""
    return messages.build_message(
        f"Schedule {schedule.id}: {strip_mentions(words)}",
        [messages.section(f"{schedule.id}: {words}")],
    )


def strip_mentions(words: str) -> str:
    """Return the words without mentions, for where Slack would show people's ids."""
    return re.sub(r"\s*(\(<@\w+>\)|(by )?<@\w+>)", "", words).strip()
