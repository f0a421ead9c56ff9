"""The Home tab as blocks: pure functions from what was read to at most a hundred blocks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.knowledge.workshop.progress import StepStatus
from bot.records import ScheduleSummary
from bot.slackrules import escape
from bot.steps import Caller, Step, Verdict
from bot.view import messages
from bot.view.forms import OPEN
from bot.view.tour import TOUR

REFRESH = "mesh:home:refresh"
"""action_id of the button that reads everything anew."""

MOST_PLANNED = 15
Block = dict[str, Any]


@dataclass(frozen=True)
class HomeContent:
    """Content of the tab that is the same for everybody.

    That is the board, the rules in force, the links and the schedules. `trouble` says
    why the cluster was not read. `channel` is where runs go, "" when nobody knows.
    """

    rows: tuple[StepStatus, ...] = ()
    rules: tuple[str, ...] = ()
    links: Verdict | None = None
    planned: tuple[ScheduleSummary, ...] = ()
    trouble: str = ""
    channel: str = ""


def build_home_tab(
    scene: HomeContent, caller: Caller, steps: Sequence[Step], command: str
) -> tuple[Block, ...]:
    """Return the blocks of the whole tab for one person."""
    by_name = {step.id: step for step in steps}
    found = [
        build_header("Service-mesh workshop"),
        messages.context(format_caller_line(scene, caller)),
    ]
    found += build_action_blocks(scene, caller, by_name, command)
    found.append(build_header("Steps"))
    if scene.trouble:
        found.append(messages.section(f"🟡 The cluster cannot be read: {escape(scene.trouble)}"))
    found += [build_row_block(row, by_name.get(row.step)) for row in scene.rows]
    found.append(build_header("In force"))
    found.append(
        messages.section(
            messages.format_bullets(scene.rules)
            if scene.rules
            else "No rule, no fault, no traffic."
        )
    )
    found += build_link_blocks(scene.links)
    found += build_schedule_blocks(scene.planned)
    return tuple(found)


def build_header(text: str) -> Block:
    """Return a header block."""
    return {"type": "header", "text": {"type": "plain_text", "text": text}}


def format_caller_line(scene: HomeContent, caller: Caller) -> str:
    """Return a line with the caller's role, the time of reading, and the channel of runs."""
    where = (
        f"runs go to <#{escape(scene.channel)}>"
        if scene.channel
        else "type the first run in its channel"
    )
    now = int(time.time())
    return f"You are {caller.role} · read <!date^{now}^{{date_short_pretty}} {{time}}|just now> · {where}"


def build_action_blocks(
    scene: HomeContent, caller: Caller, steps: dict[str, Step], command: str
) -> list[Block]:
    """Return the next step, with buttons for those who may run it, and buttons to look."""
    found: list[Block] = []
    following = next(
        (steps[row.step] for row in scene.rows if not row.done and row.step in steps), None
    )
    if following is not None and caller.can_run(following):
        run = messages.button(
            f"Run {following.id}",
            f"{messages.TYPE}:next",
            f"{command} {following.id}",
            style="primary",
        )
        form = messages.button("Options…", OPEN, following.id)
        found.append(
            messages.section(f"👉 Next: *{escape(following.title)}* — {escape(following.summary)}.")
        )
        found.append({"type": "actions", "elements": [form] if following.needs else [run, form]})
    elif following is not None:
        found.append(
            messages.section(
                f"👉 Next: *{escape(following.title)}*, which a {following.role} runs."
            )
        )
    typed = [name for name in ("status", "links", "graph", "whoami") if name in steps]
    looks = [
        messages.button(steps[name].title, f"{messages.TYPE}:{name}", f"{command} {name}")
        for name in typed
    ]
    forms = [
        steps[name]
        for name in ("route", "fault", "shift", "traffic")
        if name in steps and caller.can_run(steps[name])
    ]
    if forms:
        looks += [messages.button(f"{step.title}…", f"{OPEN}:{step.id}", step.id) for step in forms]
    return [
        *found,
        {"type": "actions", "elements": [*looks, messages.button("Refresh", REFRESH, "home")]},
    ]


def build_row_block(row: StepStatus, step: Step | None) -> Block:
    """Return one step of the board, with a button that explains it."""
    state = "✅" if row.done else "⬜ not yet:"
    more = (
        {"accessory": messages.button("Explain", f"{TOUR}explain:{row.step}", row.step)}
        if step is not None
        else {}
    )
    return messages.section(f"{state} *{escape(row.step)}* — {escape(row.words)}", **more)


def build_link_blocks(links: Verdict | None) -> list[Block]:
    """Return the blocks with links to dashboards, and the lines to type for them."""
    if links is None or not links.links:
        return []
    found = [
        build_header("Where to look"),
        messages.section("🔗 " + " · ".join(map(messages.format_link, links.links))),
    ]
    if links.lines:
        found.append(
            messages.section("```" + "\n".join(escape(line) for line in links.lines) + "```")
        )
    return found


def build_schedule_blocks(entries: Sequence[ScheduleSummary]) -> list[Block]:
    """Return the blocks that list the schedules, at most 15 of them."""
    if not entries:
        return []
    lines = [format_schedule(entry) for entry in entries[:MOST_PLANNED]]
    if len(entries) > MOST_PLANNED:
        lines.append(f"… and {len(entries) - MOST_PLANNED} more")
    return [build_header("Schedules"), messages.section("\n".join(lines))]


def format_schedule(entry: ScheduleSummary) -> str:
    """Return a schedule as a line: `• digest — every Monday at 9:00, next …, by @host`."""
    fallback = escape(entry.next) or "soon"
    soon = (
        f", next <!date^{int(entry.next_at)}^{{date_short_pretty}} {{time}}|{fallback}>"
        if entry.next_at
        else ""
    )
    state = "" if entry.state == "active" else f", {escape(entry.state)}"
    return f"• `{messages.escape_code(entry.typed)}` — {escape(entry.when)}{soon}{state}, by <@{escape(entry.user)}>"
