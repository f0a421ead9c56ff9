"""A digest: where the workshop stands, what changed since the last, what flows, who did what, and what comes next."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from bot.errors import ClusterError
from bot.knowledge.board import Row
from bot.knowledge.observe import prometheus
from bot.records import Deed, Scheduled
from bot.steps import Context, person

WINDOW = 3600
"""Seconds over which traffic is counted."""

DAY = 86400.0
MOST = 8
MOST_PEOPLE = 3
ICONS = {"done": "✅", "not_yet": "🟡", "normal": "ℹ️", "error": "❌"}


def standing(rows: Sequence[Row]) -> tuple[str, ...]:
    """What is in place, with its state, and what is not."""
    done = [f"✅ {row.step}: {row.words}" for row in rows if row.done]
    waiting = [row.step for row in rows if not row.done]
    return (*done, *((f"▫️ not in place: {', '.join(waiting)}",) if waiting else ()))


def remember(rows: Sequence[Row], now: float) -> dict[str, Any]:
    """What the next digest compares with."""
    return {"at": now, "rows": {row.step: row.done for row in rows}}


def changed(rows: Sequence[Row], memory: Mapping[str, Any]) -> str:
    """Which steps came into place and which went since the last digest."""
    before = memory.get("rows")
    if before is None:
        return ""
    came = [row.step for row in rows if row.done and not before.get(row.step)]
    went = [row.step for row in rows if not row.done and before.get(row.step)]
    words = [f"in place now: {', '.join(came)}"] if came else []
    words += [f"no more: {', '.join(went)}"] if went else []
    since = time.strftime("%a %H:%M UTC", time.gmtime(float(memory["at"])))
    return f"🔁 since {since}: {'; '.join(words) or 'nothing changed'}"


async def traffic(context: Context) -> str:
    """Requests and errors of the last hour, as Prometheus counted them."""
    namespace = context.workshop.app_namespace
    try:
        found = await prometheus.query(context, prometheus.answered(namespace, WINDOW))
    except ClusterError:
        return "📈 traffic: Prometheus does not tell"
    counts = {series["response_code"]: series.value for series in found if round(series.value)}
    total = sum(counts.values())
    if not total:
        return "📈 traffic: none within the hour"
    failed = sum(count for code, count in counts.items() if not code.startswith(("2", "3", "4")))
    rate = f"{total / WINDOW:.2f}".rstrip("0").rstrip(".")
    errors = f"{100 * failed / total:.1f} % of them failed" if round(failed) else "none of them failed"
    return f"📈 traffic within the hour: {total:,.0f} requests ({rate}/s), {errors}"


def deeds(found: Sequence[Deed]) -> tuple[str, ...]:
    """Who did what, a line for each person, in the order in which it was done; what is too much is counted."""
    by: dict[str, list[Deed]] = {}
    for deed in reversed(found):
        by.setdefault(deed.user, []).append(deed)
    return tuple(f"{person(user)}: {listed(done)}" for user, done in list(by.items())[:MOST_PEOPLE])


def listed(done: Sequence[Deed]) -> str:
    """`install ✅, expose 🟡`."""
    more = f"{len(done) - MOST} more, and last: " if len(done) > MOST else ""
    return more + ", ".join(f"{shorter(deed.typed)} {ICONS.get(deed.state, '•')}" for deed in done[-MOST:])


def shorter(typed: str) -> str:
    """A command that fits beside others."""
    return typed if len(typed) <= 40 else f"{typed[:39]}…"


def coming(entries: Sequence[Scheduled]) -> str:
    """What comes next of itself."""
    found = sorted((one for one in entries if one.next_at is not None), key=lambda one: one.next_at or 0.0)
    told = [f"{one.id} {one.typed}, {one.next}" for one in found[:MOST]]
    return f"⏭️ next: {'; '.join(told)}" if told else ""
