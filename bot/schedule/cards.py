"""The message of a schedule, and what is said in its thread. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import datetime

from bot import blocks
from bot.ledger import Schedule, ScheduleState
from bot.messages import Message
from bot.slackrules import escape
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


def card(schedule: Schedule, title: str, *, command: str, remarks: Sequence[str] = ()) -> Message:
    """A schedule as it stands: what, when, what comes next, how the last time went, and buttons."""
    timing = Timing.from_json(schedule.timing)
    state = schedule.state
    because = f" ({schedule.reason})" if schedule.reason else ""
    typed = blocks.code(f"{command} {schedule.words}")
    head = f"{ICONS[state]} *Schedule {schedule.id}: {escape(title)}* — {WORDS[state]}{because}: `{typed}`"
    shown = [blocks.first("done", schedule.id, head), blocks.section("\n".join(lines(schedule, timing)))]
    if remarks:
        shown.append(blocks.section("\n".join(f"⚠️ {escape(line)}" for line in remarks)))
    if buttons := BUTTONS.get(state):
        pressed = [blocks.button(LABELS[verb], f"{PREFIX}{verb}", schedule.id) for verb in buttons]
        shown.append({"type": "actions", "elements": pressed})
    made = f"<@{escape(schedule.user)}> typed `{blocks.code(f'{command} {schedule.typed}')}`"
    shown.append(blocks.context(f"{made} · `{escape(command)} schedule` lists all"))
    return blocks.shown(f"Schedule {schedule.id}, {title}: {nameless(WORDS[state] + because)}. {timing}", shown)


def lines(schedule: Schedule, timing: Timing) -> list[str]:
    """When, next, last, and the counts."""
    words = escape(str(timing))
    said = [words[0].upper() + words[1:]]
    if schedule.next_at is not None and schedule.state is ScheduleState.ACTIVE:
        said[0] += f" · next {date(schedule.next_at, timing)}"
    if schedule.last_at is not None:
        icon = blocks.ICONS.get(schedule.last_state, "•")
        said.append(f"Last, {date(schedule.last_at, timing)}: {icon} {escape(schedule.last_summary)}")
    if counts := tally(schedule):
        said.append(counts)
    return said


def tally(schedule: Schedule) -> str:
    """`12 times, 1 with errors, 3 missed while I was away`, or ""."""
    words = [f"{schedule.fired} {'time' if schedule.fired == 1 else 'times'}"] if schedule.fired else []
    words += [f"{schedule.failed} with errors"] if schedule.failed else []
    words += [f"{schedule.cut} cut off by a restart"] if schedule.cut else []
    words += [f"{schedule.missed} missed while I was away or busy"] if schedule.missed else []
    return ", ".join(words)


def date(moment: datetime, timing: Timing) -> str:
    """A moment in the reader's own time, and for whoever cannot show that in the schedule's."""
    fallback = timing.local(moment).replace("|", "/")
    return f"<!date^{math.floor(moment.timestamp())}^{{date_short_pretty}} {{time_secs}}|{escape(fallback)}>"


def note(schedule: Schedule, words: str) -> Message:
    """A line in the thread; `words` are the bot's own, and may name people."""
    return blocks.shown(f"Schedule {schedule.id}: {nameless(words)}", [blocks.section(f"{schedule.id}: {words}")])


def nameless(words: str) -> str:
    """Words without people, for where Slack would show their ids."""
    return re.sub(r"\s*(\(<@\w+>\)|(by )?<@\w+>)", "", words).strip()
