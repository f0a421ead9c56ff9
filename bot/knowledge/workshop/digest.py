"""The lines of a digest: state of the workshop, changes since the last one, traffic, who
did what, and what comes next.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from bot.errors import ClusterError
from bot.knowledge.observe import prometheus
from bot.knowledge.workshop.progress import StepStatus
from bot.records import RunSummary, ScheduleSummary
from bot.steps import Context, mark_person

WINDOW = 3600
"""Seconds over which traffic is counted."""

DAY = 86400.0
MOST = 8
MOST_PEOPLE = 3
ICONS = {"done": "✅", "not_yet": "🟡", "normal": "ℹ️", "error": "❌"}


def describe_progress(rows: Sequence[StepStatus]) -> tuple[str, ...]:
    """Return a line for each step in place, and one that lists the others."""
    done = [f"✅ {row.step}: {row.words}" for row in rows if row.done]
    waiting = [row.step for row in rows if not row.done]
    return (*done, *((f"▫️ not in place: {', '.join(waiting)}",) if waiting else ()))


def build_memory(rows: Sequence[StepStatus], now: float) -> dict[str, Any]:
    """Return the memory with which the next digest compares."""
    return {"at": now, "rows": {row.step: row.done for row in rows}}


def describe_changes(rows: Sequence[StepStatus], memory: Mapping[str, Any]) -> str:
    """Describe which steps came into place and which went since the last digest; "" for the
    first.
    """
    before = memory.get("rows")
    if before is None:
        return ""
    came = [row.step for row in rows if row.done and not before.get(row.step)]
    went = [row.step for row in rows if not row.done and before.get(row.step)]
    words = [f"in place now: {', '.join(came)}"] if came else []
    words += [f"no more: {', '.join(went)}"] if went else []
    since = time.strftime("%a %H:%M UTC", time.gmtime(float(memory["at"])))
    return f"🔁 since {since}: {'; '.join(words) or 'nothing changed'}"


async def describe_traffic(context: Context) -> str:
    """Describe requests and errors of the last hour, as Prometheus counted them."""
    namespace = context.workshop.app_namespace
    try:
        found = await prometheus.query(
            context, prometheus.build_page_requests_query(namespace, WINDOW)
        )
    except ClusterError:
        return "📈 traffic: Prometheus does not tell"
    counts = {series["response_code"]: series.value for series in found if round(series.value)}
    total = sum(counts.values())
    if not total:
        return "📈 traffic: none within the hour"
    failed = sum(count for code, count in counts.items() if not code.startswith(("2", "3", "4")))
    rate = f"{total / WINDOW:.2f}".rstrip("0").rstrip(".")
    errors = (
        f"{100 * failed / total:.1f} % of them failed" if round(failed) else "none of them failed"
    )
    return f"📈 traffic within the hour: {total:,.0f} requests ({rate}/s), {errors}"


def describe_runs(found: Sequence[RunSummary]) -> tuple[str, ...]:
    """Return a line for each person with their runs in order of time, at most `MOST_PEOPLE`
    lines.
    """
    by: dict[str, list[RunSummary]] = {}
    for deed in reversed(found):
        by.setdefault(deed.user, []).append(deed)
    return tuple(
        f"{mark_person(user)}: {format_runs(done)}" for user, done in list(by.items())[:MOST_PEOPLE]
    )


def format_runs(done: Sequence[RunSummary]) -> str:
    """Return runs as `install ✅, expose 🟡`; older ones beyond `MOST` are counted."""
    more = f"{len(done) - MOST} more, and last: " if len(done) > MOST else ""
    return more + ", ".join(
        f"{shorten_command(deed.typed)} {ICONS.get(deed.state, '•')}" for deed in done[-MOST:]
    )


def shorten_command(typed: str) -> str:
    """Return a command of at most 40 characters."""
    return typed if len(typed) <= 40 else f"{typed[:39]}…"


def describe_next_schedules(entries: Sequence[ScheduleSummary]) -> str:
    """Describe the next slots of the schedules; "" when there are none."""
    found = sorted(
        (one for one in entries if one.next_at is not None), key=lambda one: one.next_at or 0.0
    )
    told = [f"{one.id} {one.typed}, {one.next}" for one in found[:MOST]]
    return f"⏭️ next: {'; '.join(told)}" if told else ""
