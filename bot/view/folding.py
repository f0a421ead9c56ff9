"""What of a result stands in the channel, and what behind *Details*.

Thirty people read it on a phone: the outcome, its cause and what was seen first, in six lines. All
of it is in the message's details, which its button opens in a modal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.language.localizer import Localizer
from bot.ports import Part
from bot.slackrules import escape, truncate
from bot.steps import Verdict
from bot.text import Text, counted, in_context
from bot.view.blocks import (
    MOST_LINES,
    Block,
    button,
    escape_code,
    format_bullet_texts,
    section,
    split_lines,
)

DETAILS = "mesh:details"
"""action_id of the button that opens a message's details for whoever presses it."""
WHOLE = "mesh:whole"
"""action_id of the button that asks again, for whoever presses it, and shows all of the answer in a
modal: Slack keeps no message that only one person sees, so nothing could be found by it."""
DETAILS_LABEL = in_context("button", "Details")

MOST_SHOWN = 6
"""Lines of a message in the channel: outcome, cause, what was seen, notes and links. Buttons and
small print are not counted."""
MOST_PARTS = MOST_SHOWN - 1
MOST_LINKS = 3
"""Links that fit a line or two of a phone."""
LONGEST_NOTE = 200
"""Characters of a pod's own words in the line of a part."""


def shorten_verdict(verdict: Verdict) -> Verdict:
    """Return a verdict with as much as stands in the channel: the same one where all of it fits.

    Summary, cause, lines to type and the next commands always stay; of notes the first one does.
    """
    room = MOST_SHOWN - 1 - bool(verdict.because) - bool(verdict.links)
    if len(verdict.evidence) + len(verdict.notes) <= room:
        return replace(verdict, links=verdict.links[:MOST_LINKS])
    notes = verdict.notes[: max(1, room - len(verdict.evidence))]
    evidence = verdict.evidence[: max(0, room - len(notes))]
    return replace(verdict, evidence=evidence, notes=notes, links=verdict.links[:MOST_LINKS])


def shorten_answer(verdict: Verdict) -> Verdict:
    """Return a private answer with as much as stands in the channel: the same one where all of it
    fits, or where all of it was asked for, as a list is.
    """
    if not verdict.brief or shorten_verdict(verdict).evidence == verdict.evidence:
        return verdict
    return shorten_verdict(replace(verdict, evidence=verdict.brief))


def build_details_button(say: Localizer, run: str) -> Block:
    """Return the button that opens what the message of a run leaves out."""
    return button(say(DETAILS_LABEL), DETAILS, run)


def build_whole_button(say: Localizer, typed: str) -> Block:
    """Return the button that shows all of the answer to a command, as it is then."""
    return button(say(DETAILS_LABEL), WHOLE, typed)


def build_change_blocks(say: Localizer, title: Text, changes: Sequence[Text]) -> list[Block]:
    """Return the single changes of a plan, all of them, as blocks of a modal."""
    head = say(Text("{title}: each change of an object", title=title))
    found = [section(f"*{escape(head)}*")]
    for part in split_lines(say, changes):
        found += map(section, format_bullet_texts(say, part))
    return found


def format_parts(say: Localizer, parts: Sequence[Part]) -> list[str]:
    """Return the parts of a run as lines: each of a few its own, those of many that are ready in
    one line above those that lag.
    """
    if len(parts) <= MOST_PARTS:
        return [format_part(say, part) for part in parts]
    ready = [part for part in parts if part.done]
    lagging = [part for part in parts if not part.done]
    shown = lagging[: MOST_PARTS - bool(ready)]
    if len(shown) < len(lagging):
        shown = shown[:-1]
    lines = [f"✅ {' · '.join(format_count(say, part) for part in ready[:MOST_LINES])}"] * bool(
        ready
    )
    lines += [format_part(say, part) for part in shown]
    if rest := len(lagging) - len(shown):
        lines.append(say(counted("⏳ … and {n} more", "⏳ … and {n} more", n=rest)))
    return lines


def format_part(say: Localizer, part: Part) -> str:
    """Return one part of a run as a line: `⏳ istiod 0/1 — ImagePullBackOff: …`."""
    icon = "✅" if part.done else "⏳"
    lags = part.note and not part.done
    note = f" — {escape(truncate(say(part.note), LONGEST_NOTE))}" if lags else ""
    return f"{icon} {format_count(say, part)}{note}"


def format_count(say: Localizer, part: Part) -> str:
    """Return a part's name, and how many of its pods are ready."""
    count = f" {part.ready}/{part.wanted}" if part.wanted else ""
    return f"`{escape_code(say(part.name))}`{count}"
