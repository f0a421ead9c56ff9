"""The Home tab as blocks: pure functions from what was read to at most a hundred blocks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot import blocks
from bot.engine.forms import OPEN
from bot.engine.pages import TOUR
from bot.knowledge.board import Row
from bot.records import Scheduled
from bot.slackrules import escape
from bot.steps import Asker, Step, Verdict

REFRESH = "mesh:home:refresh"
"""action_id of the button that reads everything anew."""

MOST_PLANNED = 15
Block = dict[str, Any]


@dataclass(frozen=True)
class Scene:
    """What is the same for everybody: the board, the rules in force, where to look, and what is planned.

    `trouble` says why the cluster was not read. `channel` is where runs go, "" when nobody knows.
    """

    rows: tuple[Row, ...] = ()
    rules: tuple[str, ...] = ()
    links: Verdict | None = None
    planned: tuple[Scheduled, ...] = ()
    trouble: str = ""
    channel: str = ""


def home(scene: Scene, asker: Asker, steps: Sequence[Step], command: str) -> tuple[Block, ...]:
    """The whole tab for one person."""
    by_name = {step.id: step for step in steps}
    found = [heading("Service-mesh workshop"), blocks.context(small_print(scene, asker))]
    found += first_buttons(scene, asker, by_name, command)
    found.append(heading("Steps"))
    if scene.trouble:
        found.append(blocks.section(f"🟡 The cluster cannot be read: {escape(scene.trouble)}"))
    found += [row_block(row, by_name.get(row.step)) for row in scene.rows]
    found.append(heading("In force"))
    found.append(blocks.section(blocks.bullets(scene.rules) if scene.rules else "No rule, no fault, no traffic."))
    found += looking(scene.links)
    found += planned(scene.planned)
    return tuple(found)


def heading(text: str) -> Block:
    """A title."""
    return {"type": "header", "text": {"type": "plain_text", "text": text}}


def small_print(scene: Scene, asker: Asker) -> str:
    """Who one is here, how fresh this is, and where runs go."""
    where = f"runs go to <#{escape(scene.channel)}>" if scene.channel else "type the first run in its channel"
    now = int(time.time())
    return f"You are {asker.role} · read <!date^{now}^{{date_short_pretty}} {{time}}|just now> · {where}"


def first_buttons(scene: Scene, asker: Asker, steps: dict[str, Step], command: str) -> list[Block]:
    """For a host the next step; for everybody what can be looked at."""
    found: list[Block] = []
    following = next((steps[row.step] for row in scene.rows if not row.done and row.step in steps), None)
    if following is not None and asker.may(following):
        run = blocks.button(f"Run {following.id}", f"{blocks.TYPE}:next", f"{command} {following.id}", style="primary")
        form = blocks.button("Options…", OPEN, following.id)
        found.append(blocks.section(f"👉 Next: *{escape(following.title)}* — {escape(following.summary)}."))
        found.append({"type": "actions", "elements": [form] if following.needs else [run, form]})
    elif following is not None:
        found.append(blocks.section(f"👉 Next: *{escape(following.title)}*, which a {following.role} runs."))
    typed = [name for name in ("status", "links", "graph", "whoami") if name in steps]
    looks = [blocks.button(steps[name].title, f"{blocks.TYPE}:{name}", f"{command} {name}") for name in typed]
    forms = [steps[name] for name in ("route", "fault", "shift", "traffic") if name in steps and asker.may(steps[name])]
    if forms:
        looks += [blocks.button(f"{step.title}…", f"{OPEN}:{step.id}", step.id) for step in forms]
    return [*found, {"type": "actions", "elements": [*looks, blocks.button("Refresh", REFRESH, "home")]}]


def row_block(row: Row, step: Step | None) -> Block:
    """One step of the board, with a button that explains it."""
    state = "✅" if row.done else "⬜ not yet:"
    more = {"accessory": blocks.button("Explain", f"{TOUR}explain:{row.step}", row.step)} if step is not None else {}
    return blocks.section(f"{state} *{escape(row.step)}* — {escape(row.words)}", **more)


def looking(links: Verdict | None) -> list[Block]:
    """Where to look, and what to type for it."""
    if links is None or not links.links:
        return []
    found = [heading("Where to look"), blocks.section("🔗 " + " · ".join(map(blocks.linked, links.links)))]
    if links.lines:
        found.append(blocks.section("```" + "\n".join(escape(line) for line in links.lines) + "```"))
    return found


def planned(entries: Sequence[Scheduled]) -> list[Block]:
    """What will be typed by itself."""
    if not entries:
        return []
    lines = [plan_line(entry) for entry in entries[:MOST_PLANNED]]
    if len(entries) > MOST_PLANNED:
        lines.append(f"… and {len(entries) - MOST_PLANNED} more")
    return [heading("Schedules"), blocks.section("\n".join(lines))]


def plan_line(entry: Scheduled) -> str:
    """`• digest — every Monday at 9:00, next …, by @host`."""
    fallback = escape(entry.next) or "soon"
    soon = f", next <!date^{int(entry.next_at)}^{{date_short_pretty}} {{time}}|{fallback}>" if entry.next_at else ""
    state = "" if entry.state == "active" else f", {escape(entry.state)}"
    return f"• `{blocks.code(entry.typed)}` — {escape(entry.when)}{soon}{state}, by <@{escape(entry.user)}>"
