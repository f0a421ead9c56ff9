"""The lines of a digest: state of the workshop, changes since the last one, traffic, who
did what, and what comes next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.knowledge.workshop.progress import StepStatus
from bot.records import RunSummary, ScheduleSummary
from bot.steps import mark_person
from bot.text import EMPTY, Listed, Moment, Text, counted, join

DAY = 86400.0
MAX_ITEMS = 8
"""Runs of one person, and schedules, that are listed."""
MAX_PEOPLE = 3
ICONS = {"done": "✅", "not_yet": "🟡", "normal": "ℹ️", "error": "❌"}


def describe_progress(rows: Sequence[StepStatus]) -> tuple[Text, ...]:
    """Return a line for each step in place, and one each that lists those that are past and the
    others.
    """
    done = [Text("✅ {step}: {words}", step=row.step, words=row.words) for row in rows if row.done]
    behind = [row.step for row in rows if row.is_behind]
    waiting = [row.step for row in rows if not row.done and not row.is_behind]
    if behind:
        done.append(Text("☑️ done, not in force now: {steps}", steps=Listed(behind, "comma")))
    if waiting:
        done.append(Text("▫️ not in place: {steps}", steps=Listed(waiting, "comma")))
    return tuple(done)


def build_memory(rows: Sequence[StepStatus], now: float) -> dict[str, Any]:
    """Return the state with which the next digest compares."""
    return {"at": now, "rows": {row.step: row.done for row in rows}}


def describe_changes(rows: Sequence[StepStatus], memory: Mapping[str, Any]) -> Text:
    """Describe which steps came into place and which went since the last digest; "" for the
    first.
    """
    before = memory.get("rows")
    if before is None:
        return EMPTY
    came = [row.step for row in rows if row.done and not before.get(row.step)]
    went = [row.step for row in rows if not row.done and before.get(row.step)]
    changes = [
        Text("in place now: {steps}", steps=Listed(came, "comma")) if came else EMPTY,
        Text("no longer in place: {steps}", steps=Listed(went, "comma")) if went else EMPTY,
    ]
    since = Moment(float(memory["at"]), date="weekday", time="minutes", named="plain")
    if not any(changes):
        return Text("🔁 since {since}: nothing changed", since=since)
    return Text("🔁 since {since}: {changes}", since=since, changes=Listed(changes, "semicolon"))


def describe_runs(found: Sequence[RunSummary]) -> tuple[Text, ...]:
    """Return a line for each person with their runs in order of time, at most `MAX_PEOPLE`
    lines.
    """
    by_user: dict[str, list[RunSummary]] = {}
    for run in reversed(found):
        by_user.setdefault(run.user, []).append(run)
    return tuple(
        Text("{person}: {runs}", person=mark_person(user), runs=format_runs(done))
        for user, done in list(by_user.items())[:MAX_PEOPLE]
    )


def format_runs(done: Sequence[RunSummary]) -> Text:
    """Return runs as `install ✅, expose 🟡`; older ones beyond `MAX_ITEMS` are counted."""
    last = done[-MAX_ITEMS:]
    runs = [f"{shorten_command(run.typed)} {ICONS.get(run.state, '•')}" for run in last]
    if len(done) == len(last):
        return join("comma", *runs)
    return counted(
        "{n} more, and last: {runs}",
        "{n} more, and last: {runs}",
        n=len(done) - len(last),
        runs=Listed(runs, "comma"),
    )


def shorten_command(typed: str) -> str:
    """Return a command of at most 40 characters."""
    return typed if len(typed) <= 40 else f"{typed[:39]}…"


def describe_next_schedules(entries: Sequence[ScheduleSummary]) -> Text:
    """Describe the next slots of the schedules; "" when there are none."""
    found = sorted(
        (one for one in entries if one.next_at is not None), key=lambda one: one.next_at or 0.0
    )
    told = [
        Text("{id} {typed}, {moment}", id=one.id, typed=one.typed, moment=one.next)
        for one in found[:MAX_ITEMS]
    ]
    return Text("⏭️ next: {slots}", slots=Listed(told, "semicolon")) if told else EMPTY
