"""Messages of runs and answers as pure functions of results, in the language of the channel.

The first block of each message carries `block_id` `verdict:STATE…`, so that anything
that reads a channel (a test, a rehearsal) can tell how a command ended without
understanding the words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bot.language.localizer import Localizer
from bot.messages import Message
from bot.ports import Part
from bot.slackrules import escape
from bot.steps import Plan, State, Verdict
from bot.text import EMPTY, Listed, Seconds, Text, in_context, join
from bot.view.blocks import (
    LONGEST_LABEL,
    MOST_LINES,
    Block,
    actions,
    build_message,
    build_verdict_block,
    button,
    context,
    escape_code,
    format_bullet_texts,
    format_code_lines,
    format_links,
    format_warnings,
    mention_channel,
    mention_user,
    section,
    write,
)
from bot.view.folding import (
    build_change_blocks,
    build_details_button,
    build_whole_button,
    format_parts,
    shorten_answer,
    shorten_verdict,
)
from bot.view.origins import describe_request
from bot.view.waiting_messages import build_next_button

ICONS = {
    "running": "⏳",
    "asks": "❓",
    "done": "✅",
    "not_yet": "🟡",
    "normal": "ℹ️",
    "error": "❌",
    "cancelled": "✖️",
    "interrupted": "⏸️",
    "expired": "⌛",
}
STATE_NAMES = {
    "running": in_context("state", "Working"),
    "asks": in_context("state", "Please confirm"),
    "done": in_context("state", "Done"),
    "not_yet": in_context("state", "Not yet"),
    "normal": in_context("state", "This is normal"),
    "error": in_context("state", "Failed"),
    "cancelled": in_context("state", "Cancelled"),
    "interrupted": in_context("state", "Interrupted"),
    "expired": in_context("state", "Expired"),
}
"""The states of a run as its message names them."""
STARTING = Text("starting")
ONLY_HOSTS = Text("Only a host can confirm.")
NOTHING_CHANGED = Text("Nothing was changed.")

TYPE = "mesh:type"
"""action_id of a button that types its value, a whole command, for whoever presses it."""
LINKS = "links"
"""The command that lists the port-forwards."""
FORWARD = "kubectl port-forward "
"""Begins the lines that lead to a link on the reader's own machine."""
CONFIRM = "mesh:confirm"
CANCEL = "mesh:cancel"


@dataclass(frozen=True)
class Heading:
    """Heading that every message of a run starts with.

    `seconds` is how long it has taken; `request_key` tells how it was asked for.
    """

    run: str
    title: Text
    user: str
    seconds: float = 0.0
    typed: str = ""
    attempt: int = 1
    request_key: str = ""


@dataclass(frozen=True)
class RunProgress:
    """A run in progress: the newest words, and the parts in the order they were first named."""

    text: Text = EMPTY
    parts: tuple[Part, ...] = field(default=())


def format_headline(say: Localizer, state: str, heading: Heading, words: Text) -> str:
    """Return `✅ *Install Istio* — Done: words`: the outcome in words as well as by icon."""
    name = say(STATE_NAMES[state])
    return f"{ICONS[state]} *{escape(say(heading.title))}* — {name}: {write(say, words)}"


def build_run_footer(say: Localizer, heading: Heading) -> Block:
    """Return the context block that says who asked for the run and how long it took."""
    asked = describe_request(heading.user, heading.typed, heading.request_key)
    took = Text("{value}", value=Seconds(heading.seconds)) if heading.seconds >= 1 else EMPTY
    again = Text("taken up again after a restart") if heading.attempt > 1 else EMPTY
    return context(say(join("dots", asked, took, again)))


def render_running(say: Localizer, heading: Heading, doing: RunProgress) -> Message:
    """Return the message of a run in progress."""
    words = doing.text or STARTING
    headline = format_headline(say, "running", heading, words)
    blocks = [build_verdict_block("running", heading.run, headline)]
    if doing.parts:
        blocks.append(section("\n".join(format_parts(say, doing.parts))))
    blocks.append(build_run_footer(say, heading))
    text = f"{say(heading.title)}: {say(words)}"
    if doing.parts:
        counted = Text(
            "{title}: {words} ({ready} of {total} ready)",
            title=heading.title,
            words=words,
            ready=sum(part.done for part in doing.parts),
            total=len(doing.parts),
        )
        text = say(counted)
    return build_message(text, blocks)


def render_question(
    say: Localizer, heading: Heading, plan: Plan, minutes: float, *, who: Text = ONLY_HOSTS
) -> Message:
    """Return the message of a plan that waits for a confirmation.

    It expires in `minutes`; `who` is a sentence that says who can confirm.
    """
    headline = format_headline(say, "asks", heading, plan.summary)
    blocks = [build_verdict_block("asks", heading.run, headline)]
    blocks += map(section, format_bullet_texts(say, plan.items))
    if plan.warnings:
        blocks.append(section(format_warnings(say, plan.warnings[:MOST_LINES])))
    confirm = button(say(plan.confirm), CONFIRM, heading.run, style="danger")
    cancel = button(say(in_context("button", "Cancel")), CANCEL, heading.run)
    details = build_change_blocks(say, heading.title, plan.details) if plan.details else []
    more = [build_details_button(say, heading.run)] if details else []
    blocks.append(actions(confirm, cancel, *more))
    expiry = Text("This expires in {time}.", time=Seconds(minutes * 60))
    blocks.append(context(write(say, join("sentences", who, expiry))))
    blocks.append(build_run_footer(say, heading))
    text = Text("{title}: please confirm. {plan}", title=heading.title, plan=plan.summary)
    return build_message(say(text), blocks, details)


def render_verdict(say: Localizer, heading: Heading, verdict: Verdict, *, command: str) -> Message:
    """Return the message of a run that ended with a verdict; what does not fit into a few lines
    is in its details.
    """
    state = verdict.state.value
    headline = format_headline(say, state, heading, verdict.summary)
    shown, details = shorten_verdict(verdict), list[Block]()
    blocks = [
        build_verdict_block(state, heading.run, headline),
        *build_verdict_details(say, shown, command),
    ]
    if shown != verdict:
        whole = build_verdict_details(say, replace(verdict, next=()), command)
        details = [section(headline), *whole]
        add_button(blocks, build_details_button(say, heading.run))
    blocks.append(build_run_footer(say, heading))
    why = Text("Because: {why}", why=verdict.because) if verdict.because else EMPTY
    said = format_outcome(say, state, heading, verdict.summary, why)
    return build_message(said, blocks, details)


def add_button(blocks: list[Block], element: Block) -> None:
    """Add a button to the last block where that holds buttons, else in a block of its own."""
    if blocks[-1]["type"] == "actions":
        blocks[-1] = actions(*blocks[-1]["elements"], element)
    else:
        blocks.append(actions(element))


def format_outcome(
    say: Localizer, state: str, heading: Heading, summary: Text, more: Text = EMPTY
) -> str:
    """Return the outcome of a run for a notification: `Install Istio: Done. Istio is there.`"""
    words = say(join("sentences", summary, more))
    return f"{say(heading.title)}: {say(STATE_NAMES[state])}. {words}"


def build_verdict_details(say: Localizer, verdict: Verdict, command: str) -> list[Block]:
    """Return the blocks for cause, evidence, notes, links, lines to type and the next step.

    Each is there only when the verdict has it.
    """
    found: list[Block] = []
    if verdict.because:
        found.append(section(say(Text("*Because* {why}", why=write(say, verdict.because)))))
    found += map(section, format_bullet_texts(say, verdict.evidence))
    if verdict.notes:
        found.append(section(format_warnings(say, verdict.notes)))
    found += build_link_blocks(say, verdict, command)
    if verdict.next:
        found += build_next_blocks(say, verdict.next, command)
    return found


def build_link_blocks(say: Localizer, verdict: Verdict, command: str) -> list[Block]:
    """Return the blocks for links and for lines to type.

    Port-forwards stand only where they were asked for: the same lines under every message would
    hide what is new.
    """
    lines = [each for each in verdict.lines if verdict.forwards or not each.startswith(FORWARD)]
    # Said once: where a button leads there, the links need no words for it.
    told = len(lines) == len(verdict.lines) or LINKS in verdict.next
    hint = Text("first the port-forward of `{command} links`", command=escape_code(command))
    found = []
    if verdict.links:
        after = "" if told else f" ({say(hint)})"
        found.append(section(f"{format_links(say, verdict.links)}{after}"))
    if lines:
        found.append(section(format_code_lines(lines)))
    return found


def build_next_blocks(say: Localizer, commands: Sequence[str], command: str) -> list[Block]:
    """Return the commands to go on with as buttons, at most five; in words as well where a button
    does not show all of its command.
    """
    whole = [f"{command} {typed}" for typed in commands[:5]]
    buttons = build_command_buttons(whole)
    if all(len(typed) <= LONGEST_LABEL for typed in whole):
        return [buttons]
    listed = Listed([f"`{escape_code(typed)}`" for typed in whole], "or")
    return [section(say(Text("👉 Next: {commands}", commands=listed))), buttons]


def build_command_buttons(commands: Sequence[str]) -> Block:
    """Return a button for each whole command, which types it for whoever presses it."""
    return actions(*(button(c, f"{TYPE}:{n}", c) for n, c in enumerate(commands)))


def render_failure(  # noqa: PLR0913 - the language, and six words that say why
    say: Localizer,
    heading: Heading,
    summary: Text,
    *,
    state: str = "error",
    turn: Text = EMPTY,
    command: str,
    again: str,
) -> Message:
    """Return the message of a run that ended without a verdict.

    It says what happened, who has to act (`turn`), and the command to go on with
    (`again`).
    """
    headline = format_headline(say, state, heading, summary)
    blocks = [build_verdict_block(state, heading.run, headline)]
    if turn:
        blocks.append(section(write(say, turn)))
    if again:
        blocks += build_next_blocks(say, (again,), command)
    blocks.append(build_run_footer(say, heading))
    return build_message(format_outcome(say, state, heading, summary, turn), blocks)


def render_user_error(
    say: Localizer, message: Text, hint: Text = EMPTY, fixes: Sequence[str] = ()
) -> Message:
    """Return the answer to a command that was not understood or is not allowed.

    Nothing was changed by it. `fixes` are whole commands that may have been meant.
    """
    blocks = [build_verdict_block("error", "", f"🤔 {write(say, message)}")]
    if hint:
        blocks.append(section(write(say, hint)))
    if fixes:
        blocks.append(build_command_buttons(fixes))
    return build_message(say(join("sentences", message, hint)), blocks)


def render_busy(
    say: Localizer, title: Text, user: str, seconds: float, link: str, *, wanted: str = ""
) -> Message:
    """Return the answer to a change that is asked for while another one runs.

    `wanted` is the whole command that can wait for its turn, "" where none can.
    """
    words = say(
        Text(
            "{title} is already running, started by {person} {time} ago.",
            title=escape(say(title)),
            person=mention_user(user),
            time=Seconds(max(1.0, seconds)),
        )
    )
    look = say(in_context("link", "Look there."))
    where = f" <{link}|{look}>" if link else ""
    remedy = (
        Text("Nothing was started.")
        if wanted
        else Text("Nothing was started. Type it again when that one has ended.")
    )
    text = Text(
        "{title} is already running, started {time} ago. Nothing was started.",
        title=title,
        time=Seconds(max(1.0, seconds)),
    )
    blocks = [build_verdict_block("error", "", f"✋ {words}{where}"), section(say(remedy))]
    if wanted:
        blocks.append(actions(build_next_button(say, wanted)))
    return build_message(say(text), blocks)


def render_loading(say: Localizer) -> Message:
    """Return the content of a modal until the answer is there."""
    words = say(Text("Looking…"))
    return build_message(words, (build_verdict_block("running", "", f"⏳ {words}"),))


def render_run_elsewhere(say: Localizer, title: Text, channel: str) -> Message:
    """Return the answer to a run that was asked for where its message will not be."""
    words = Text(
        "⏳ *{title}* goes on in {channel}, in a message of its own.",
        title=escape(say(title)),
        channel=mention_channel(channel),
    )
    text = Text("{title} goes on in the workshop's channel.", title=title)
    return build_message(say(text), (build_verdict_block("running", "", say(words)),))


def render_answer(
    say: Localizer, title: Text, verdict: Verdict, *, command: str, again: str | None = None
) -> Message:
    """Return the verdict of a step that answers only the person who asked, or the channel.

    With `again` it is as short as a message of the channel, and a button shows all of it: by asking
    again what was typed, or, where that is "", from the details of the message, which is kept.
    """
    state = verdict.state.value
    icon = ICONS[state] if verdict.state is not State.DONE else "💬"
    headline = f"{icon} *{escape(say(title))}* — {write(say, verdict.summary)}"
    shown, details = verdict if again is None else shorten_answer(verdict), list[Block]()
    blocks = [build_verdict_block(state, "", headline), *build_verdict_details(say, shown, command)]
    if shown != verdict and again:
        add_button(blocks, build_whole_button(say, f"{command} {again}"))
    elif shown != verdict:
        whole = build_verdict_details(say, replace(verdict, next=()), command)
        details = [section(headline), *whole]
        add_button(blocks, build_details_button(say, ""))
    return build_message(f"{say(title)}: {say(verdict.summary)}", blocks, details)
