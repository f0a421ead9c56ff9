"""The pages of the guided tour as messages: pure functions, and the values that its buttons carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot import blocks
from bot.knowledge.board import Row
from bot.knowledge.tour import Page
from bot.ledger import Run
from bot.messages import Message
from bot.slackrules import escape
from bot.steps import Role, Step

TOUR = "mesh:tour:"
"""action_ids of the tour's buttons; the verb follows, and a number where there are several of one."""

KIND = "tour"
"""Ends the block_id of the tour's first block, in place of a run's id."""

Block = dict[str, Any]


@dataclass(frozen=True)
class Leaf:
    """A page with what was read for it: the live rows by step, or in `trouble` why there are none, and the newest run
    of its step in this channel with a link to its message."""

    page: Page
    step: Step
    number: int
    pages: tuple[Page, ...]
    rows: Mapping[str, Row]
    trouble: str = ""
    run: Run | None = None
    link: str = ""
    options: bool = False

    @property
    def done(self) -> bool:
        """Whether the page's step is in place; for one that leaves nothing in the cluster, whether it was done."""
        row = self.rows.get(self.page.step)
        return row.done if row is not None else self.run is not None and self.run.state == "done"

    @property
    def state(self) -> str:
        """How the page stands: as its run does while that goes on, done otherwise."""
        return self.run.state.value if self.run is not None and self.run.active else "done"


def page_message(leaf: Leaf, command: str) -> Message:
    """One page: what, why, where one is, how it stands, and the buttons."""
    where = f"step {leaf.number} of {len(leaf.pages)}"
    title = f"🧭 *Workshop, {where}: {escape(leaf.step.title)}* — `{command} {leaf.page.typed}`"
    shown = [
        blocks.section(title, block_id=f"verdict:{leaf.state}:{KIND}"),
        blocks.context(progress(leaf)),
        blocks.section(escape(leaf.page.why)),
        blocks.section(standing(leaf)),
        {"type": "actions", "elements": turning(leaf)},
    ]
    if leaf.page.also and leaf.done:
        also = [f"{command} {typed}" for typed in leaf.page.also]
        buttons = [
            blocks.button(typed, f"{TOUR}run:{n}", carried(leaf.page, typed.removeprefix(f"{command} ")))
            for n, typed in enumerate(also, start=1)
        ]
        shown += [{"type": "actions", "elements": buttons}]
    shown.append(blocks.context("Hosts run steps and turn pages, Explain is for everybody. Runs go on in the thread."))
    state = "in place" if leaf.done else "to do"
    return blocks.shown(f"Workshop, {where}: {leaf.step.title}, {state}. {command} {leaf.page.typed}", shown)


def progress(leaf: Leaf) -> str:
    """A mark for each page, and the same in words."""
    marks = [mark(leaf, page) for page in leaf.pages]
    if leaf.trouble:
        return f"{' '.join(marks)}  the cluster cannot be read: {escape(leaf.trouble)}"
    there = [page.step for page in leaf.pages if page.step in leaf.rows and leaf.rows[page.step].done]
    count = sum(page.step in leaf.rows for page in leaf.pages)
    named = f": {', '.join(there)}" if there else ""
    return f"{' '.join(marks)}  in place, {len(there)} of {count}{named}"


def mark(leaf: Leaf, page: Page) -> str:
    """Where the tour is, what is in place, and what is not."""
    row = leaf.rows.get(page.step)
    return "▶️" if page is leaf.page else "✅" if row is not None and row.done else "⬜"


def standing(leaf: Leaf) -> str:
    """The step's live state, and how its newest run stands or ended."""
    lines = []
    row = leaf.rows.get(leaf.page.step)
    if row is not None:
        lines.append(f"{'✅' if row.done else '⬜'} now: {escape(row.words)}")
    if (run := leaf.run) is not None:
        state = run.state.value
        words = f": {escape(blocks.inside(run.summary))}" if run.summary else ""
        where = f" — <{leaf.link}|its message>" if leaf.link else ""
        typed = f"`{blocks.code(run.arguments)}` by <@{escape(run.user)}>"
        lines.append(f"{blocks.ICONS[state]} {typed} — {blocks.WORDS[state]}{words}{where}")
    return "\n".join(lines) or "⬜ not run in this channel yet"


def turning(leaf: Leaf) -> list[Block]:
    """Run, Options, Explain, Skip or Next, Back; the likeliest stands out."""
    page, last = leaf.page, leaf.number == len(leaf.pages)
    active = leaf.run is not None and leaf.run.active
    likely: Block = {"style": "primary"}
    run = blocks.button(
        "Run again" if leaf.done else "Run",
        f"{TOUR}run",
        carried(page, page.typed),
        **({} if leaf.done or active else likely),
    )
    found = [run]
    if leaf.options:
        found.append(blocks.button("Options…", f"{TOUR}options", page.step))
    found.append(blocks.button("Explain", f"{TOUR}explain", page.step))
    if not last:
        following = leaf.pages[leaf.number].step
        onward = "Next" if leaf.done else "Skip"
        found.append(blocks.button(onward, f"{TOUR}turn:on", following, **(likely if leaf.done else {})))
    else:
        found.append(blocks.button("End the tour", f"{TOUR}end", page.step, **(likely if leaf.done else {})))
    if leaf.number > 1:
        found.append(blocks.button("Back", f"{TOUR}turn:back", leaf.pages[leaf.number - 2].step))
    found.append(blocks.button("Refresh", f"{TOUR}look", page.step))
    return found


def carried(page: Page, typed: str) -> str:
    """What a button carries that types a command on a page."""
    return f"{page.step} {typed}"


def explained(page: Page, step: Step, command: str) -> Message:
    """What a step teaches, does and trips over, for one person."""
    who = "everyone may run it" if step.role is Role.ATTENDEE else f"running it needs the role {step.role}"
    shown = [
        blocks.first("done", "", f"💬 *{escape(step.title)}* — {escape(page.why)}"),
        blocks.section("*What it does*\n" + blocks.bullets(page.does)),
    ]
    if page.pitfalls:
        shown.append(blocks.section("*Where it goes wrong*\n" + blocks.bullets(page.pitfalls)))
    more = [f"help {step.id}", *([f"show {step.id}"] if step.changes and step.recorded else [])]
    typed = [f"{command} {words}" for words in more]
    buttons = [blocks.button(words, f"{blocks.TYPE}:{n}", words) for n, words in enumerate(typed)]
    shown += [{"type": "actions", "elements": buttons}]
    shown.append(blocks.context(f"Typed as `{command} {blocks.code(page.typed)}`; {who}."))
    return blocks.shown(f"{step.title}: {page.why}", shown)


def plainly_explained(step: Step, command: str) -> Message:
    """The same for a step that the tour has no page for."""
    return explained(Page(step.id, step.id, f"{step.summary}.", (step.explain or step.summary,)), step, command)


def ended(number: int, pages: Sequence[Page], words: str, command: str) -> Message:
    """What is left of a tour that stands here no more."""
    text = f"🧭 *Workshop* — {words} It was at step {number} of {len(pages)}."
    shown = (blocks.section(text, block_id=f"verdict:done:{KIND}"),)
    return blocks.shown(f"Workshop: {words} {command} workshop begins it anew.", shown)


def pointed(link: str, *, may_move: bool, command: str) -> Message:
    """Where the tour stands, for one person."""
    shown = [blocks.first("done", "", f"🧭 The tour stands <{link}|here>, at the page where it was left.")]
    if may_move:
        here = blocks.button("Move it down here", f"{blocks.TYPE}:0", f"{command} workshop here")
        shown.append({"type": "actions", "elements": [here]})
    return blocks.shown("The tour of the workshop stands further up in this channel.", shown)
