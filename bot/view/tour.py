"""The pages of the guided tour as messages: pure functions, and the values that its buttons carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.knowledge.workshop.progress import StepStatus
from bot.knowledge.workshop.tour import TourPage
from bot.ledger import Run
from bot.messages import Message
from bot.slackrules import escape
from bot.steps import Role, Step
from bot.view import messages

TOUR = "mesh:tour:"
"""action_ids of the tour's buttons; the verb follows, and a number where there are several of one.
"""

KIND = "tour"
"""Ends the block_id of the tour's first block, in place of a run's id."""

Block = dict[str, Any]


@dataclass(frozen=True)
class PageContent:
    """A page with what was read for it.

    `rows` are the live rows by step, or `trouble` says why there are none; `run` is the
    newest run of its step in this channel and `link` its message.
    """

    page: TourPage
    step: Step
    number: int
    pages: tuple[TourPage, ...]
    rows: Mapping[str, StepStatus]
    trouble: str = ""
    run: Run | None = None
    link: str = ""
    options: bool = False

    @property
    def done(self) -> bool:
        """The state of the page's step: True when it is in place.

        For a step that leaves nothing in the cluster, True when its newest run is done.
        """
        row = self.rows.get(self.page.step)
        return row.done if row is not None else self.run is not None and self.run.state == "done"

    @property
    def state(self) -> str:
        """The state of the page: that of its run while the run goes on, else `done`."""
        return self.run.state.value if self.run is not None and self.run.is_active else "done"


def render_page(leaf: PageContent, command: str) -> Message:
    """Return one page: command, purpose, progress, present state, and buttons."""
    where = f"step {leaf.number} of {len(leaf.pages)}"
    title = f"🧭 *Workshop, {where}: {escape(leaf.step.title)}* — `{command} {leaf.page.typed}`"
    shown = [
        messages.section(title, block_id=f"verdict:{leaf.state}:{KIND}"),
        messages.context(format_progress(leaf)),
        messages.section(escape(leaf.page.why)),
        messages.section(format_step_state(leaf)),
        {"type": "actions", "elements": build_page_buttons(leaf)},
    ]
    if leaf.page.also and leaf.done:
        also = [f"{command} {typed}" for typed in leaf.page.also]
        buttons = [
            messages.button(
                typed,
                f"{TOUR}run:{n}",
                build_button_value(leaf.page, typed.removeprefix(f"{command} ")),
            )
            for n, typed in enumerate(also, start=1)
        ]
        shown += [{"type": "actions", "elements": buttons}]
    shown.append(
        messages.context(
            "Hosts run steps and turn pages, Explain is for everybody. Runs go on in the thread."
        )
    )
    state = "in place" if leaf.done else "to do"
    return messages.build_message(
        f"Workshop, {where}: {leaf.step.title}, {state}. {command} {leaf.page.typed}", shown
    )


def format_progress(leaf: PageContent) -> str:
    """Return a mark for each page, and the same in words."""
    marks = [get_page_mark(leaf, page) for page in leaf.pages]
    if leaf.trouble:
        return f"{' '.join(marks)}  the cluster cannot be read: {escape(leaf.trouble)}"
    there = [
        page.step for page in leaf.pages if page.step in leaf.rows and leaf.rows[page.step].done
    ]
    count = sum(page.step in leaf.rows for page in leaf.pages)
    named = f": {', '.join(there)}" if there else ""
    return f"{' '.join(marks)}  in place, {len(there)} of {count}{named}"


def get_page_mark(leaf: PageContent, page: TourPage) -> str:
    """Return the mark of a page: the present one, in place, or not in place."""
    row = leaf.rows.get(page.step)
    return "▶️" if page is leaf.page else "✅" if row is not None and row.done else "⬜"


def format_step_state(leaf: PageContent) -> str:
    """Return the step's live state, and the state or end of its newest run."""
    lines = []
    row = leaf.rows.get(leaf.page.step)
    if row is not None:
        lines.append(f"{'✅' if row.done else '⬜'} now: {escape(row.words)}")
    if (run := leaf.run) is not None:
        state = run.state.value
        words = f": {escape(messages.lower_first_word(run.summary))}" if run.summary else ""
        where = f" — <{leaf.link}|its message>" if leaf.link else ""
        typed = f"`{messages.escape_code(run.arguments)}` by <@{escape(run.user)}>"
        lines.append(f"{messages.ICONS[state]} {typed} — {messages.WORDS[state]}{words}{where}")
    return "\n".join(lines) or "⬜ not run in this channel yet"


def build_page_buttons(leaf: PageContent) -> list[Block]:
    """Return Run, Options, Explain, Skip or Next, Back and Refresh.

    The likeliest is the primary button.
    """
    page, last = leaf.page, leaf.number == len(leaf.pages)
    active = leaf.run is not None and leaf.run.is_active
    likely: Block = {"style": "primary"}
    run = messages.button(
        "Run again" if leaf.done else "Run",
        f"{TOUR}run",
        build_button_value(page, page.typed),
        **({} if leaf.done or active else likely),
    )
    found = [run]
    if leaf.options:
        found.append(messages.button("Options…", f"{TOUR}options", page.step))
    found.append(messages.button("Explain", f"{TOUR}explain", page.step))
    if not last:
        following = leaf.pages[leaf.number].step
        onward = "Next" if leaf.done else "Skip"
        found.append(
            messages.button(onward, f"{TOUR}turn:on", following, **(likely if leaf.done else {}))
        )
    else:
        found.append(
            messages.button(
                "End the tour", f"{TOUR}end", page.step, **(likely if leaf.done else {})
            )
        )
    if leaf.number > 1:
        found.append(messages.button("Back", f"{TOUR}turn:back", leaf.pages[leaf.number - 2].step))
    found.append(messages.button("Refresh", f"{TOUR}look", page.step))
    return found


def build_button_value(page: TourPage, typed: str) -> str:
    """Return the value of a button that gives a command on a page."""
    return f"{page.step} {typed}"


def render_explanation(page: TourPage, step: Step, command: str) -> Message:
    """Return for one person what a step teaches, what it does and where it goes wrong."""
    who = (
        "everyone may run it"
        if step.role is Role.ATTENDEE
        else f"running it needs the role {step.role}"
    )
    shown = [
        messages.build_verdict_block("done", "", f"💬 *{escape(step.title)}* — {escape(page.why)}"),
        messages.section("*What it does*\n" + messages.format_bullets(page.does)),
    ]
    if page.pitfalls:
        shown.append(
            messages.section("*Where it goes wrong*\n" + messages.format_bullets(page.pitfalls))
        )
    more = [f"help {step.id}", *([f"show {step.id}"] if step.changes and step.recorded else [])]
    typed = [f"{command} {words}" for words in more]
    buttons = [
        messages.button(words, f"{messages.TYPE}:{n}", words) for n, words in enumerate(typed)
    ]
    shown += [{"type": "actions", "elements": buttons}]
    shown.append(
        messages.context(f"Typed as `{command} {messages.escape_code(page.typed)}`; {who}.")
    )
    return messages.build_message(f"{step.title}: {page.why}", shown)


def render_short_explanation(step: Step, command: str) -> Message:
    """Return the explanation of a step that the tour has no page for."""
    return render_explanation(
        TourPage(step.id, step.id, f"{step.summary}.", (step.explain or step.summary,)),
        step,
        command,
    )


def render_tour_end(number: int, pages: Sequence[TourPage], words: str, command: str) -> Message:
    """Return the message that replaces a tour which ended or moved."""
    text = f"🧭 *Workshop* — {words} It was at step {number} of {len(pages)}."
    shown = (messages.section(text, block_id=f"verdict:done:{KIND}"),)
    return messages.build_message(f"Workshop: {words} {command} workshop begins it anew.", shown)


def render_tour_pointer(link: str, *, may_move: bool, command: str) -> Message:
    """Return for one person a link to the tour's message."""
    shown = [
        messages.build_verdict_block(
            "done", "", f"🧭 The tour stands <{link}|here>, at the page where it was left."
        )
    ]
    if may_move:
        here = messages.button(
            "Move it down here", f"{messages.TYPE}:0", f"{command} workshop here"
        )
        shown.append({"type": "actions", "elements": [here]})
    return messages.build_message(
        "The tour of the workshop stands further up in this channel.", shown
    )
