"""The message of a schedule, and the notes in its thread. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from bot.language.localizer import Localizer
from bot.ledger import Schedule, ScheduleState
from bot.messages import Message
from bot.slackrules import escape
from bot.text import EMPTY, Moment, Text, counted, in_context, join
from bot.view.blocks import (
    actions,
    build_message,
    build_verdict_block,
    button,
    context,
    escape_code,
    format_slack_date,
    format_warnings,
    section,
    write,
)
from bot.view.origins import describe_request
from bot.view.result_messages import ICONS as RUN_ICONS
from bot.when import Timing

PREFIX = "mesh:schedule:"
"""What the action ids of a schedule's buttons begin with; the rest is the verb."""

PAUSE, RESUME, REMOVE = "pause", "resume", "remove"
LABELS = {
    PAUSE: in_context("button", "Pause"),
    RESUME: in_context("button", "Resume"),
    REMOVE: in_context("button", "Remove"),
}
BUTTONS = {ScheduleState.ACTIVE: (PAUSE, REMOVE), ScheduleState.PAUSED: (RESUME, REMOVE)}
ICONS = {
    ScheduleState.ACTIVE: "🗓️",
    ScheduleState.PAUSED: "⏸️",
    ScheduleState.ENDED: "🏁",
    ScheduleState.REMOVED: "✖️",
}
STATE_NAMES = {
    ScheduleState.ACTIVE: in_context("schedule", "goes on"),
    ScheduleState.PAUSED: in_context("schedule", "paused"),
    ScheduleState.ENDED: in_context("schedule", "over"),
    ScheduleState.REMOVED: in_context("schedule", "removed"),
}


def describe_unchanged_state(schedule: str, state: ScheduleState) -> Text:
    """Return a sentence that says that a schedule (by id) is in that state already."""
    return {
        ScheduleState.ACTIVE: Text("{schedule} goes on already.", schedule=schedule),
        ScheduleState.PAUSED: Text("{schedule} is paused already.", schedule=schedule),
        ScheduleState.ENDED: Text("{schedule} is over already.", schedule=schedule),
        ScheduleState.REMOVED: Text("{schedule} is removed already.", schedule=schedule),
    }[state]


def render_schedule(
    say: Localizer,
    schedule: Schedule,
    title: Text,
    *,
    command: str,
    remarks: Sequence[Text] = (),
) -> Message:
    """Return the message of a schedule: command, times, next slot, last result, and buttons."""
    timing = Timing.from_json(schedule.timing)
    head = format_schedule_headline(say, schedule, title, f"{command} {schedule.words}")
    shown = [
        build_verdict_block("done", schedule.id, head),
        section("\n".join(format_schedule_lines(say, schedule, timing))),
    ]
    if remarks:
        shown.append(section(format_warnings(say, remarks)))
    if verbs := BUTTONS.get(schedule.state):
        shown.append(
            actions(*(button(say(LABELS[verb]), f"{PREFIX}{verb}", schedule.id) for verb in verbs))
        )
    typed = f"{command} {schedule.typed}"
    made = describe_request(schedule.user, typed, schedule.request_key)
    lists = Text("`{command} schedule` lists all", command=escape_code(command))
    shown.append(context(say(join("dots", made, lists))))
    text = Text(
        "Schedule {schedule}, {title}: {state}. {times}",
        schedule=schedule.id,
        title=title,
        state=STATE_NAMES[schedule.state],
        times=timing.describe(),
    )
    return build_message(say(text), shown)


def format_schedule_headline(say: Localizer, schedule: Schedule, title: Text, typed: str) -> str:
    """Return the first line: `🗓️ *Schedule s1: Digest* — goes on: `/mesh digest``."""
    name = Text("Schedule {schedule}: {title}", schedule=schedule.id, title=title)
    state = write(say, describe_state(schedule))
    return f"{ICONS[schedule.state]} *{escape(say(name))}* — {state}: `{escape_code(typed)}`"


def describe_state(schedule: Schedule) -> Text:
    """Return the state of a schedule, with its reason where there is one."""
    name = STATE_NAMES[schedule.state]
    if not schedule.reason:
        return name
    return Text("{state} ({reason})", state=name, reason=schedule.reason)


def format_schedule_lines(say: Localizer, schedule: Schedule, timing: Timing) -> list[str]:
    """Return the lines with times, next slot, last result, and the counts."""
    times = say(timing.describe())
    first = escape(times[:1].upper() + times[1:])
    if schedule.next_at is not None and schedule.state is ScheduleState.ACTIVE:
        moment = format_date(say, schedule.next_at, timing)
        following = say(Text("next {moment}", moment=moment))
        first += f" · {following}"
    said = [first]
    if schedule.last_at is not None:
        last = Text(
            "Last, {moment}: {icon} {summary}",
            moment=format_date(say, schedule.last_at, timing),
            icon=RUN_ICONS.get(schedule.last_state, "•"),
            summary=write(say, schedule.last_summary),
        )
        said.append(say(last))
    if counts := describe_counts(schedule):
        said.append(say(counts))
    return said


def describe_counts(schedule: Schedule) -> Text:
    """Return `12 times, 1 with errors, 3 missed while I was away or busy`, or EMPTY."""
    fired, failed, cut, missed = (
        schedule.fired,
        schedule.failed,
        schedule.cut,
        schedule.missed,
    )
    return join(
        "comma",
        counted("{n} time", "{n} times", n=fired) if fired else EMPTY,
        counted("{n} with errors", "{n} with errors", n=failed) if failed else EMPTY,
        counted("{n} cut off by a restart", "{n} cut off by a restart", n=cut) if cut else EMPTY,
        counted(
            "{n} missed while I was away or busy", "{n} missed while I was away or busy", n=missed
        )
        if missed
        else EMPTY,
    )


def format_date(say: Localizer, moment: datetime, timing: Timing) -> str:
    """Return a moment as Slack shows it in the reader's own time.

    Where that cannot be shown, it is in the schedule's time zone.
    """
    there = Text("{value}", value=Moment(moment.timestamp(), timing.zone))
    return format_slack_date(math.floor(moment.timestamp()), "time_secs", write(say, there))


def render_note(say: Localizer, schedule: Schedule, words: Text) -> Message:
    """Return a line for the thread; `words` may name people (`bot.steps.mark_person`)."""
    text = Text("Schedule {schedule}: {words}", schedule=schedule.id, words=words)
    return build_message(say(text), [section(f"{schedule.id}: {write(say, words)}")])
