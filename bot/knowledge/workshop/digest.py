"""The lines of a digest: state of the workshop, changes since the last one, traffic, who
did what, and what comes next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.errors import ClusterError
from bot.knowledge.observe import prometheus
from bot.knowledge.workshop.progress import StepStatus
from bot.records import RunSummary, ScheduleSummary
from bot.steps import Context, mark_person
from bot.text import EMPTY, Listed, Moment, Text

WINDOW = 3600
"""Seconds over which traffic is counted."""

DAY = 86400.0
MOST = 8
MOST_PEOPLE = 3
ICONS = {"done": "✅", "not_yet": "🟡", "normal": "ℹ️", "error": "❌"}


def describe_progress(rows: Sequence[StepStatus]) -> tuple[Text, ...]:
    """Return a line for each step in place, and one that lists the others."""
    done = [Text("✅ {step}: {words}", step=row.step, words=row.words) for row in rows if row.done]
    waiting = [row.step for row in rows if not row.done]
    return (
        *done,
        *(
            (Text("▫️ not in place: {waiting}", waiting=Listed(waiting, "comma")),)
            if waiting
            else ()
        ),
    )


def build_memory(rows: Sequence[StepStatus], now: float) -> dict[str, Any]:
    """Return the memory with which the next digest compares."""
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
    words = [Text("in place now: {came}", came=Listed(came, "comma"))] if came else []
    words += [Text("no more: {went}", went=Listed(went, "comma"))] if went else []
    since = Moment(float(memory["at"]), date="weekday", time="minutes", named="plain")
    if not words:
        return Text("🔁 since {since}: nothing changed", since=since)
    return Text("🔁 since {since}: {changes}", since=since, changes=Listed(words, "semicolon"))


async def describe_traffic(context: Context) -> Text:
    """Describe requests and errors of the last hour, as Prometheus counted them."""
    namespace = context.workshop.app_namespace
    try:
        found = await prometheus.query(
            context, prometheus.build_page_requests_query(namespace, WINDOW)
        )
    except ClusterError:
        return Text("📈 traffic: Prometheus does not tell")
    counts = {series["response_code"]: series.value for series in found if round(series.value)}
    total = sum(counts.values())
    if not total:
        return Text("📈 traffic: none within the hour")
    failed = sum(count for code, count in counts.items() if not code.startswith(("2", "3", "4")))
    rate = f"{total / WINDOW:.2f}".rstrip("0").rstrip(".")
    errors = (
        Text("{share:.1f} % of them failed", share=100 * failed / total)
        if round(failed)
        else Text("none of them failed")
    )
    return Text(
        "📈 traffic within the hour: {total:,.0f} requests ({rate}/s), {errors}",
        total=total,
        rate=rate,
        errors=errors,
    )


def describe_runs(found: Sequence[RunSummary]) -> tuple[Text, ...]:
    """Return a line for each person with their runs in order of time, at most `MOST_PEOPLE`
    lines.
    """
    by: dict[str, list[RunSummary]] = {}
    for run in reversed(found):
        by.setdefault(run.user, []).append(run)
    return tuple(
        Text("{person}: {runs}", person=mark_person(user), runs=format_runs(done))
        for user, done in list(by.items())[:MOST_PEOPLE]
    )


def format_runs(done: Sequence[RunSummary]) -> Text:
    """Return runs as `install ✅, expose 🟡`; older ones beyond `MOST` are counted."""
    runs = [f"{shorten_command(run.typed)} {ICONS.get(run.state, '•')}" for run in done[-MOST:]]
    if len(done) <= MOST:
        return Text("{runs}", runs=Listed(runs, "comma"))
    return Text("{more} more, and last: {runs}", more=len(done) - MOST, runs=Listed(runs, "comma"))


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
        for one in found[:MOST]
    ]
    return Text("⏭️ next: {slots}", slots=Listed(told, "semicolon")) if told else EMPTY
