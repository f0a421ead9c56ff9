"""The pages of the guided tour as messages: pure functions, and the values of its buttons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.knowledge.workshop.progress import StepStatus
from bot.knowledge.workshop.session_log import VALUE_NAMES
from bot.knowledge.workshop.tour_pages import TourPage
from bot.knowledge.workshop.tour_plan import TourPlan
from bot.language.localizer import Localizer
from bot.ledger import Run
from bot.messages import Message
from bot.slackrules import escape
from bot.steps import Role, Step, StepKind
from bot.text import EMPTY, Listed, Text, in_context, join
from bot.view.blocks import (
    Block,
    actions,
    build_message,
    build_verdict_block,
    button,
    context,
    escape_code,
    format_bullets,
    mention_user,
    section,
    write,
)
from bot.view.lesson import (
    NOTES,
    TOUR,
    build_afterwards_blocks,
    build_question_blocks,
    format_clock,
)
from bot.view.result_messages import ICONS, STATE_NAMES, TYPE

KIND = "tour"
"""Ends the block_id of the tour's first block, in place of a run's id."""

WHAT_IT_DOES = in_context("title", "What it does")
WHERE_IT_GOES_WRONG = in_context("title", "Where it goes wrong")


@dataclass(frozen=True)
class PageContent:
    """A page with what was read for it.

    `rows` are the live rows by step, or `trouble` says why there are none; `reached` are the
    steps that were done in this workshop. `run` is the newest run of its step in this channel
    and `link` its message. The tour has been going on since `begun`, and it is `now` (epoch
    seconds); `kiali` is the URL of the page of Kiali's to look at.
    """

    page: TourPage
    step: Step
    plan: TourPlan
    rows: Mapping[str, StepStatus]
    trouble: Text = EMPTY
    run: Run | None = None
    link: str = ""
    options: bool = False
    reached: frozenset[str] = frozenset()
    begun: float = 0.0
    now: float = 0.0
    kiali: str = ""

    @property
    def pages(self) -> tuple[TourPage, ...]:
        """The pages of the tour."""
        return self.plan.pages

    @property
    def number(self) -> int:
        """The number of the page, from 1."""
        return self.pages.index(self.page) + 1

    @property
    def done(self) -> bool:
        """The state of the page's step: True when it is in place, or was done before.

        For a step that leaves nothing in the cluster, True when one of its runs was done, or found
        what is normal; for one that only answers, when it has answered, whatever there is to be
        asked.
        """
        if self.step.shape is StepKind.ANSWER and not self.trouble:
            return self.page.step in self.reached
        row = self.rows.get(self.page.step)
        if row is not None:
            return row.done or row.is_behind
        ended = self.run is not None and self.run.state in ("done", "normal")
        return ended or self.page.step in self.reached

    @property
    def state(self) -> str:
        """The state of the page: that of its run while the run goes on, else `done`."""
        return self.run.state.value if self.run is not None and self.run.is_active else "done"


def render_page(say: Localizer, content: PageContent, command: str) -> Message:
    """Return one page: command, purpose, progress, present state, and buttons."""
    page, typed = content.page, f"{command} {content.page.typed}"
    title = Text(
        "🧭 *Workshop, step {number} of {total}: {title}* — `{command}`",
        number=content.number,
        total=len(content.pages),
        title=escape(say(content.step.title)),
        command=typed,
    )
    shown = [
        section(say(title), block_id=f"verdict:{content.state}:{KIND}"),
        context(format_progress(say, content)),
        section(write(say, page.why)),
        section(format_step_state(say, content)),
        *build_lesson_blocks(say, content),
        actions(*build_page_buttons(say, content)),
    ]
    if page.also and content.done:
        also = [
            button(f"{command} {other}", f"{TOUR}run:{n}", build_button_value(page, other))
            for n, other in enumerate(page.also, start=1)
        ]
        shown.append(actions(*also))
    hint = Text("Hosts run steps and turn pages. Answers and Explain are for everybody, privately.")
    clock = format_clock(say, content.plan, page, begun=content.begun, now=content.now)
    shown.append(context("\n".join(filter(None, (clock, say(hint))))))
    return build_message(f"{say(describe_page(content))} {typed}", shown)


def build_lesson_blocks(say: Localizer, content: PageContent) -> list[Block]:
    """Return what is asked before the step is run, or what is to be seen when it is done."""
    if content.done and content.state == "done":
        return build_afterwards_blocks(say, content.page, content.kiali)
    return build_question_blocks(say, content.page)


def describe_page(content: PageContent) -> Text:
    """Return the page for a notification: its number, its step, and whether that is in place."""
    number, total, title = content.number, len(content.pages), content.step.title
    row = content.rows.get(content.page.step)
    if row is not None and row.is_behind:
        return Text(
            "Workshop, step {number} of {total}: {title}, done.",
            number=number,
            total=total,
            title=title,
        )
    if content.done:
        return Text(
            "Workshop, step {number} of {total}: {title}, in place.",
            number=number,
            total=total,
            title=title,
        )
    return Text(
        "Workshop, step {number} of {total}: {title}, to do.",
        number=number,
        total=total,
        title=title,
    )


def format_progress(say: Localizer, content: PageContent) -> str:
    """Return a mark for each page, and the same in words."""
    marks = " ".join(get_page_mark(content, page) for page in content.pages)
    if content.trouble:
        words = Text("the cluster cannot be read: {why}", why=write(say, content.trouble))
        return f"{marks}  {say(words)}"
    known = [page.step for page in content.pages if page.step in content.rows]
    ready = [step for step in known if content.rows[step].done]
    words = (
        Text(
            "in place, {ready} of {total}: {steps}",
            ready=len(ready),
            total=len(known),
            steps=Listed(ready, "comma"),
        )
        if ready
        else Text("in place, {ready} of {total}", ready=0, total=len(known))
    )
    behind = [step for step in known if content.rows[step].is_behind]
    past = Text("done, not in force now: {steps}", steps=Listed(behind, "comma"))
    broken = [step for step in known if is_broken(content.rows[step])]
    hurt = Text("done, broken now: {steps}", steps=Listed(broken, "comma"))
    found = join("semicolon", words, past if behind else EMPTY, hurt if broken else EMPTY)
    return f"{marks}  {say(found)}"


def is_broken(row: StepStatus) -> bool:
    """Tell whether a step was done, and something keeps what it made from working."""
    return row.reached and row.broken and not row.done


def get_page_mark(content: PageContent, page: TourPage) -> str:
    """Return the mark of a page: the present one, in place or done, past, broken, or not done."""
    row = content.rows.get(page.step)
    if page is content.page:
        return "▶️"
    if row is None:
        return "✅" if page.step in content.reached else "⬜"
    return get_row_mark(row)


def get_row_mark(row: StepStatus) -> str:
    """Return the mark of a step: in place, done and past, done and broken, or not done."""
    if is_broken(row):
        return "⚠️"
    return "✅" if row.done else "☑️" if row.is_behind else "⬜"


def format_step_state(say: Localizer, content: PageContent) -> str:
    """Return the step's live state, and the state or end of its newest run."""
    lines = []
    row = content.rows.get(content.page.step)
    if row is not None:
        icon, words = get_row_mark(row), write(say, row.words)
        lines.append(say(Text("{icon} now: {words}", icon=icon, words=words)))
    if content.run is not None:
        lines.append(format_run(say, content.run, content.link))
    return "\n".join(lines) or say(Text("⬜ not run in this channel yet"))


def format_run(say: Localizer, run: Run, link: str) -> str:
    """Return a run as a line: what was typed by whom, its state, and a link to its message."""
    state = run.state.value
    typed = Text(
        "`{command}` by {person}",
        command=escape_code(run.arguments),
        person=mention_user(run.user),
    )
    words = f": {write(say, run.summary)}" if run.summary else ""
    label = say(in_context("link", "the message"))
    where = f" — <{link}|{label}>" if link else ""
    return f"{ICONS[state]} {say(typed)} — {say(STATE_NAMES[state])}{words}{where}"


def build_page_buttons(say: Localizer, content: PageContent) -> list[Block]:
    """Return Run, Options, Explain, Notes, Skip or Next, Back and Refresh.

    The likeliest is the primary button.
    """
    page, done = content.page, content.done
    active = content.run is not None and content.run.is_active
    likely: Block = {"style": "primary"}
    run = button(
        say(in_context("button", "Run again") if done else in_context("button", "Run")),
        f"{TOUR}run",
        build_button_value(page, page.typed),
        **({} if done or active else likely),
    )
    found = [run]
    if content.options:
        options = say(in_context("button", "Options…"))
        found.append(button(options, f"{TOUR}options", page.step))
    found.append(button(say(in_context("button", "Explain")), f"{TOUR}explain", page.step))
    if page.notes:
        found.append(button(say(in_context("button", "Notes")), NOTES, page.step))
    found.append(build_onward_button(say, content, likely if done else {}))
    if content.number > 1:
        before = content.pages[content.number - 2].step
        found.append(button(say(in_context("button", "Back")), f"{TOUR}turn:back", before))
    found.append(button(say(in_context("button", "Refresh")), f"{TOUR}look", page.step))
    return found


def build_onward_button(say: Localizer, content: PageContent, style: Block) -> Block:
    """Return the button that turns to the next page, or ends the tour on the last one."""
    if content.number == len(content.pages):
        label = in_context("button", "End the tour")
        return button(say(label), f"{TOUR}end", content.page.step, **style)
    following = content.pages[content.number].step
    label = in_context("button", "Next") if content.done else in_context("button", "Skip")
    return button(say(label), f"{TOUR}turn:on", following, **style)


def build_button_value(page: TourPage, typed: str) -> str:
    """Return the value of a button that gives a command on a page."""
    return f"{page.step} {typed}"


def render_explanation(say: Localizer, page: TourPage, step: Step, command: str) -> Message:
    """Return for one person what a step teaches, what it does and where it goes wrong."""
    title = escape(say(step.title))
    headline = f"💬 *{title}* — {write(say, page.why)}"
    does = f"*{say(WHAT_IT_DOES)}*\n{format_bullets(say, page.does)}"
    shown = [build_verdict_block("done", "", headline), section(does)]
    if page.pitfalls:
        pitfalls = format_bullets(say, page.pitfalls)
        shown.append(section(f"*{say(WHERE_IT_GOES_WRONG)}*\n{pitfalls}"))
    more = [f"help {step.id}", *([f"show {step.id}"] if step.changes and step.recorded else [])]
    typed = [f"{command} {words}" for words in more]
    shown.append(actions(*(button(words, f"{TYPE}:{n}", words) for n, words in enumerate(typed))))
    whole = escape_code(f"{command} {page.typed}")
    shown.append(context(say(describe_who_runs(step.role, whole))))
    return build_message(f"{say(step.title)}: {say(page.why)}", shown)


def describe_who_runs(role: Role, typed: str) -> Text:
    """Return what to type for a step and who may do it; `typed` is escaped."""
    if role is Role.ADMIN:
        return Text("Typed as `{command}`; running it needs the role admin.", command=typed)
    if role is Role.HOST:
        return Text("Typed as `{command}`; running it needs the role host.", command=typed)
    return Text("Typed as `{command}`; everyone may run it.", command=typed)


def render_short_explanation(say: Localizer, step: Step, command: str) -> Message:
    """Return the explanation of a step that the tour has no page for."""
    page = TourPage(step.id, step.id, step.summary, (step.explain or step.summary,))
    return render_explanation(say, page, step, command)


def render_tour_end(
    say: Localizer,
    number: int,
    pages: Sequence[TourPage],
    words: Text,
    command: str,
    *,
    ends: bool = False,
) -> Message:
    """Return the message that replaces a tour which ended or moved; `words` is a sentence.

    One that `ends` asks what people think of it, and offers the recap.
    """
    shown = Text(
        "🧭 *Workshop* — {words} It was at step {number} of {total}.",
        words=write(say, words),
        number=number,
        total=len(pages),
    )
    text = Text(
        "Workshop: {words} `{command} workshop` begins it again.", words=words, command=command
    )
    blocks = [section(say(shown), block_id=f"verdict:done:{KIND}")]
    if ends:
        recap = say(in_context("button", "My recap"))
        found = [
            button(say(name), f"{TYPE}:{n}", f"{command} feedback {value}")
            for n, (value, name) in enumerate(VALUE_NAMES.items())
        ]
        asked = Text(
            "*How was it?* One press, the report counts it; *My recap* is what you take home. "
            "Hosts: `{command} report`.",
            command=command,
        )
        found.append(button(recap, f"{TYPE}:{len(found)}", f"{command} recap"))
        blocks += [section(say(asked)), actions(*found)]
    return build_message(say(text), blocks)


def render_tour_pointer(say: Localizer, link: str, *, may_move: bool, command: str) -> Message:
    """Return for one person a link to the tour's message."""
    words = Text("🧭 The tour stands <{link}|here>, at the page where it was left.", link=link)
    shown = [build_verdict_block("done", "", say(words))]
    if may_move:
        label = say(in_context("button", "Move it down here"))
        shown.append(actions(button(label, f"{TYPE}:0", f"{command} workshop here")))
    text = Text("The tour of the workshop stands further up in this channel.")
    return build_message(say(text), shown)
