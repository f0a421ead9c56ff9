"""The Home tab as blocks: pure functions from what was read to at most a hundred blocks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from bot.knowledge.workshop.progress import StepStatus, list_waiting_steps
from bot.language.localizer import Localizer
from bot.records import ScheduleSummary
from bot.slackrules import escape
from bot.steps import ROLE_NAMES, Caller, Role, Step, Verdict
from bot.text import EMPTY, Text, counted, in_context, join
from bot.view.blocks import (
    Block,
    actions,
    button,
    context,
    escape_code,
    format_bullets,
    format_code_lines,
    format_links,
    format_slack_date,
    header,
    mention_channel,
    mention_user,
    section,
    write,
)
from bot.view.form_inputs import OPEN
from bot.view.lesson import TOUR
from bot.view.result_messages import TYPE

REFRESH = "mesh:home:refresh"
"""action_id of the button that reads everything anew."""

MOST_SCHEDULES = 15
LOOKING_STEPS = ("status", "links", "graph", "whoami")
FORM_STEPS = ("route", "fault", "shift", "traffic")
SCHEDULE_STATES = {
    "paused": in_context("schedule", "paused"),
    "ended": in_context("schedule", "over"),
    "removed": in_context("schedule", "removed"),
}


@dataclass(frozen=True)
class HomeContent:
    """Content of the tab that is the same for everybody.

    That is the board, the rules in force, the links and the schedules. `trouble` says
    why the cluster was not read. `channel` is where runs go, "" when nobody knows.
    """

    rows: tuple[StepStatus, ...] = ()
    rules: tuple[Text, ...] = ()
    links: Verdict | None = None
    planned: tuple[ScheduleSummary, ...] = ()
    trouble: Text = EMPTY
    channel: str = ""


def build_home_tab(
    say: Localizer, content: HomeContent, caller: Caller, steps: Sequence[Step], command: str
) -> tuple[Block, ...]:
    """Return the blocks of the whole tab for one person."""
    by_name = {step.id: step for step in steps}
    found = [
        header(say(Text("Service-mesh workshop"))),
        context(format_caller_line(say, content, caller)),
    ]
    found += build_action_blocks(say, content, caller, by_name, command)
    found.append(header(say(in_context("title", "Steps"))))
    if content.trouble:
        trouble = Text("🟡 The cluster cannot be read: {why}", why=write(say, content.trouble))
        found.append(section(say(trouble)))
    found += [build_row_block(say, row, by_name.get(row.step)) for row in content.rows]
    found.append(header(say(in_context("title", "In force"))))
    rules = format_bullets(say, content.rules)
    found.append(section(rules or say(Text("No rule, no fault, no traffic."))))
    found += build_link_blocks(say, content.links)
    found += build_schedule_blocks(say, content.planned)
    return tuple(found)


def format_caller_line(say: Localizer, content: HomeContent, caller: Caller) -> str:
    """Return a line with the caller's role, the time of reading, and the channel of runs."""
    where = (
        Text("runs go to {channel}", channel=mention_channel(content.channel))
        if content.channel
        else Text("type the first run in its channel")
    )
    role = Text("You are {role}", role=ROLE_NAMES[caller.role])
    # translators: between `|` and `>` stands what is shown where Slack cannot show the time
    read = Text(
        "read <!date^{at}^{{date_short_pretty}} {{time}}|just now>",
        at=int(time.time()),
    )
    return say(join("dots", role, read, where))


def build_action_blocks(
    say: Localizer, content: HomeContent, caller: Caller, steps: dict[str, Step], command: str
) -> list[Block]:
    """Return the next step, with buttons for those who may run it, and buttons to look."""
    left = list_waiting_steps(content.rows)
    following = next((steps[name] for name in left if name in steps), None)
    found = [] if following is None else build_next_step(say, following, caller, command)
    looks = [
        button(say(steps[name].title), f"{TYPE}:{name}", f"{command} {name}")
        for name in LOOKING_STEPS
        if name in steps
    ]
    forms = [
        button(f"{say(steps[name].title)}…", f"{OPEN}:{name}", name)
        for name in FORM_STEPS
        if name in steps and caller.can_run(steps[name])
    ]
    refresh = button(say(in_context("button", "Refresh")), REFRESH, "home")
    return [*found, actions(*looks, *forms, refresh)]


def build_next_step(say: Localizer, step: Step, caller: Caller, command: str) -> list[Block]:
    """Return the step to take next, with its buttons if the caller may run it."""
    title = escape(say(step.title))
    if not caller.can_run(step):
        # Attendees who may not run a step of theirs have no namespace yet: a host can.
        who = (
            Text("👉 Next: *{title}*, which an admin runs.", title=title)
            if step.role is Role.ADMIN
            else Text("👉 Next: *{title}*, which a host runs.", title=title)
        )
        return [section(say(who))]
    words = Text("👉 Next: *{title}* — {words}.", title=title, words=write(say, step.summary))
    run = button(
        say(in_context("button", "Run {step}", step=step.id)),
        f"{TYPE}:next",
        f"{command} {step.id}",
        style="primary",
    )
    form = button(say(in_context("button", "Options…")), OPEN, step.id)
    return [section(say(words)), actions(form) if step.needs else actions(run, form)]


def build_row_block(say: Localizer, row: StepStatus, step: Step | None) -> Block:
    """Return one step of the board, with a button that explains it."""
    values = {"step": escape(row.step), "words": write(say, row.words)}
    text = (
        f"✅ *{values['step']}* — {values['words']}"
        if row.done
        else say(Text("☑️ done, not in force now: *{step}* — {words}", **values))
        if row.is_behind
        else say(Text("⬜ not yet: *{step}* — {words}", **values))
    )
    if step is None:
        return section(text)
    explain = button(say(in_context("button", "Explain")), f"{TOUR}explain:{row.step}", row.step)
    return section(text, accessory=explain)


def build_link_blocks(say: Localizer, links: Verdict | None) -> list[Block]:
    """Return the blocks with links to dashboards, and the lines to type for them."""
    if links is None or not links.links:
        return []
    found = [
        header(say(in_context("title", "Where to look"))),
        section(format_links(say, links.links)),
    ]
    if links.lines:
        found.append(section(format_code_lines(links.lines)))
    return found


def build_schedule_blocks(say: Localizer, entries: Sequence[ScheduleSummary]) -> list[Block]:
    """Return the blocks that list the schedules, at most 15 of them."""
    if not entries:
        return []
    lines = [format_schedule(say, entry) for entry in entries[:MOST_SCHEDULES]]
    if rest := len(entries[MOST_SCHEDULES:]):
        lines.append(say(counted("… and {n} more", "… and {n} more", n=rest)))
    return [header(say(in_context("title", "Schedules"))), section("\n".join(lines))]


def format_schedule(say: Localizer, entry: ScheduleSummary) -> str:
    """Return a schedule as a line: `• digest — every Monday at 9:00, next …, by @host`."""
    following = EMPTY
    if entry.next_at:
        fallback = write(say, entry.next) or say(Text("soon"))
        following = Text(
            "next {moment}", moment=format_slack_date(int(entry.next_at), "time", fallback)
        )
    by = Text("by {person}", person=mention_user(entry.user))
    state = SCHEDULE_STATES.get(entry.state, EMPTY)
    said = join("comma", write(say, entry.when), following, state, by)
    return f"• `{escape_code(entry.typed)}` — {say(said)}"
