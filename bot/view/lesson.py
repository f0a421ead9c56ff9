"""What a page of the tour asks before its step is run and tells after it, as blocks and as answers
to one person; and the tour's clock. Pure functions.
"""

from __future__ import annotations

from datetime import UTC, datetime
from string import ascii_uppercase

from bot.knowledge.workshop.tour_pages import TourPage, TourQuestion
from bot.knowledge.workshop.tour_plan import FULL, TourPlan
from bot.language.localizer import Localizer
from bot.messages import Message
from bot.slackrules import escape
from bot.steps import Step
from bot.text import Listed, Text, in_context
from bot.view.blocks import (
    Block,
    actions,
    build_message,
    build_verdict_block,
    button,
    context,
    format_bullets,
    section,
    write,
)

TOUR = "mesh:tour:"
"""action_ids of the tour's buttons begin with it; the verb follows, and a number where a verb has
several buttons."""
ANSWER, HINT, NOTES = f"{TOUR}answer", f"{TOUR}hint", f"{TOUR}notes"

AFTERWARDS = in_context("title", "What you should see")
IN_KIALI = in_context("title", "In Kiali")
REMEMBER = in_context("title", "To remember")
STALE = 12 * 3600.0
"""Seconds after which a tour is not one session any more, and its clock says nothing."""


def build_question_blocks(say: Localizer, page: TourPage) -> list[Block]:
    """Return the page's question with a button for each choice, and one for a hint."""
    question = page.question
    if question is None:
        return []
    lines = [
        f"{letter}  {write(say, choice)}"
        for letter, choice in zip(ascii_uppercase, question.choices, strict=False)
    ]
    asked = say(Text("❓ *Before you run it:* {question}", question=write(say, question.asked)))
    shown = [section("\n".join([asked, *lines]))]
    found = [
        button(
            ascii_uppercase[number],
            f"{ANSWER}:{number}",
            f"{page.step} {number}",
            accessibility_label=f"{ascii_uppercase[number]}: {say(choice)}"[:75],
        )
        for number, choice in enumerate(question.choices)
    ]
    if page.hints:
        found.append(button(say(in_context("button", "A hint")), HINT, f"{page.step} 0"))
    return [*shown, actions(*found)]


def build_afterwards_blocks(say: Localizer, page: TourPage, url: str) -> list[Block]:
    """Return what is to be seen, where to look in Kiali (`url`, "" when it has no address), and
    what to remember.
    """
    lines = []
    if page.see:
        lines.append(f"👀 *{say(AFTERWARDS)}*\n{format_bullets(say, page.see)}")
    if page.look:
        label = say(in_context("link", "open it"))
        where = f" <{escape(url)}|{label}>" if url else ""
        lines.append(f"🧭 *{say(IN_KIALI)}:* {write(say, page.look)}{where}")
    if page.remember:
        lines.append(f"💡 *{say(REMEMBER)}:* {write(say, page.remember)}")
    return [section("\n".join(lines))] if lines else []


def render_answer(say: Localizer, question: TourQuestion, chosen: int) -> Message:
    """Return for one person whether their choice is right, and why."""
    right = ascii_uppercase[question.answer]
    whole = write(say, question.choices[question.answer])
    because = write(say, question.because)
    words = (
        Text("✅ *{letter} is right:* {choice}.", letter=right, choice=whole)
        if chosen == question.answer
        else Text(
            "❌ *Not {chosen}. {letter} is right:* {choice}.",
            chosen=ascii_uppercase[chosen],
            letter=right,
            choice=whole,
        )
    )
    blocks = [build_verdict_block("done", "", f"{say(words)}\n{because}")]
    return build_message(f"{say(words)} {say(question.because)}", blocks)


def render_hint(say: Localizer, page: TourPage, number: int) -> Message:
    """Return for one person a hint, counted from 0, or the solution after the last one."""
    total = len(page.hints)
    if number >= total:
        words = Text("🔑 *The solution:* {solution}", solution=write(say, page.solution))
        return build_message(say(page.solution), [build_verdict_block("done", "", say(words))])
    hint = page.hints[number]
    words = Text(
        "🔎 *Hint {number} of {total}:* {hint}",
        number=number + 1,
        total=total,
        hint=write(say, hint),
    )
    following = (
        in_context("button", "The next hint")
        if number + 1 < total
        else in_context("button", "The solution")
    )
    more = button(say(following), f"{HINT}:{number + 1}", f"{page.step} {number + 1}")
    return build_message(say(hint), [build_verdict_block("done", "", say(words)), actions(more)])


def render_notes(say: Localizer, page: TourPage, step: Step) -> Message:
    """Return the speaker's notes of a page, for one host."""
    title = Text(
        "🎤 *Notes on {title}*, {minutes} min planned",
        title=escape(say(step.title)),
        minutes=page.minutes,
    )
    shown = [build_verdict_block("done", "", say(title))]
    if page.notes:
        shown.append(section(format_bullets(say, page.notes)))
    if page.question is not None:
        right = Text(
            "The answer is {letter}. {because}",
            letter=ascii_uppercase[page.question.answer],
            because=write(say, page.question.because),
        )
        shown.append(context(say(right)))
    return build_message(say(Text("Notes on {title}", title=step.title)), shown)


def format_clock(
    say: Localizer, plan: TourPlan, page: TourPage, *, begun: float, now: float
) -> str:
    """Return the planned, spent and left minutes of a tour, and what its plan leaves out.

    Times are in epoch seconds; a tour that has stood for half a day has no clock.
    """
    given = plan.minutes if plan.given in (0, FULL) else plan.given
    spent, need = round((now - begun) / 60), plan.get_minutes_from(page)
    lines = []
    if 0 <= now - begun < STALE:
        end = format_time_of_day(begun + given * 60)
        words = (
            Text(
                "⏱ {given} min planned, until {end}: {spent} spent, {left} left; "
                "the steps from here take {need}",
                given=given,
                end=end,
                spent=spent,
                left=given - spent,
                need=need,
            )
            if spent <= given
            else Text(
                "⏱ {given} min planned, until {end}: {over} over; the steps from here take {need}",
                given=given,
                end=end,
                over=spent - given,
                need=need,
            )
        )
        lines.append(say(words))
    if plan.is_too_long:
        lines.append(say(Text("what cannot be left out takes {minutes} min", minutes=plan.minutes)))
    # Optional pages are no part of the usual plan: nobody misses them.
    missed = [each.step for each in plan.left_out if not each.optional]
    if plan.given and missed:
        steps = Listed(missed, "comma")
        lines.append(say(Text("left out: {steps}", steps=steps)))
    return " · ".join(lines)


def format_time_of_day(at: float) -> str:
    """Return a moment (epoch seconds) as the time of the reader's clock, in UTC where Slack
    cannot.
    """
    return f"<!date^{round(at)}^{{time}}|{datetime.fromtimestamp(at, UTC):%H:%M} UTC>"
