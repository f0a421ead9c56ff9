"""Block Kit messages as pure functions of results: escaped, within Slack's limits.

The first block of each message carries `block_id` `verdict:STATE…`, so that anything
that reads a channel (a test, a rehearsal) can tell how a command ended without
understanding the words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot.messages import Message
from bot.ports import Part
from bot.slackrules import escape, truncate
from bot.steps import Link, Plan, State, Verdict

Block = dict[str, Any]

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
WORDS = {
    "running": "Working",
    "asks": "Please confirm",
    "done": "Done",
    "not_yet": "Not yet",
    "normal": "This is normal",
    "error": "Failed",
    "cancelled": "Cancelled",
    "interrupted": "Interrupted",
    "expired": "Expired",
}
SHOWN_AS = {"cancelled": "normal", "interrupted": "error", "expired": "error"}
"""States of a run that read as another kind of ending for whoever follows the channel."""

ORDINARY = {
    "The",
    "This",
    "There",
    "That",
    "My",
    "Someone",
    "Something",
    "Nobody",
    "Nothing",
    "A",
    "An",
}
"""First words of the bot's own sentences that are no names."""

MOST_LINES = 20
PERSON = re.compile("\ue000([UW][A-Z0-9]+)\ue001")
TYPE = "mesh:type"
"""action_id of a button that types its value, a whole command, for whoever presses it."""
CONFIRM = "mesh:confirm"
CANCEL = "mesh:cancel"


@dataclass(frozen=True)
class Heading:
    """Heading that every message of a run starts with; `seconds` is how long it has taken."""

    run: str
    title: str
    user: str
    seconds: float = 0.0
    typed: str = ""
    attempt: int = 1


@dataclass(frozen=True)
class RunProgress:
    """A run in progress: the newest words, and the parts in the order they were first named."""

    text: str = ""
    parts: tuple[Part, ...] = field(default=())


def build_message(text: str, blocks: Sequence[Block]) -> Message:
    """Return a message with these blocks and with `text` escaped.

    Slack reads marks in `text` too.
    """
    return Message(text=escape(text), blocks=tuple(blocks))


def section(text: str, **more: Any) -> Block:
    """Return a section block of mrkdwn, cut at Slack's 3000 characters."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": truncate(text, 3000)}, **more}


def context(text: str) -> Block:
    """Return a context block (small print) of mrkdwn, cut at 2000 characters."""
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": truncate(text, 2000)}]}


def button(label: str, action: str, value: str, **more: Any) -> Block:
    """Return a button element; the label is cut at Slack's 75 characters."""
    return {
        "type": "button",
        "action_id": action,
        "text": {"type": "plain_text", "text": truncate(label, 75), "emoji": True},
        "value": value,
        **more,
    }


def format_bullets(lines: Sequence[str], most: int = MOST_LINES) -> str:
    """Return the lines with bullets, escaped; lines beyond `most` are only counted."""
    listed = [f"• {mention_people(escape(truncate(line, 500)))}" for line in lines[:most]]
    if len(lines) > most:
        listed.append(f"… and {len(lines) - most} more")
    return "\n".join(listed)


def format_bullet_texts(lines: Sequence[str]) -> list[str]:
    """Return the lines with bullets in as many texts as they need, at most three.

    Lines beyond that are only counted, in the last text.
    """
    room = range(0, min(len(lines), 3 * MOST_LINES), MOST_LINES)
    return [format_bullets(lines[n:] if n == room[-1] else lines[n : n + MOST_LINES]) for n in room]


def mention_people(escaped: str) -> str:
    """Return the text with people whom `bot.steps.mark_person` marked turned into mentions."""
    return PERSON.sub(r"<@\1>", escaped)


def format_duration(seconds: float) -> str:
    """Return seconds in words: `8 s`, `1 min 20 s`, `5 min`."""
    minutes, rest = divmod(round(seconds), 60)
    return " ".join(f"{n} {unit}" for n, unit in ((minutes, "min"), (rest, "s")) if n) or "0 s"


def build_verdict_block(state: str, run: str, text: str) -> Block:
    """Return the first block of a message, whose block_id states the run's state."""
    read_as = SHOWN_AS.get(state, state)
    return section(text, block_id=f"verdict:{read_as}:{run}" if run else f"verdict:{read_as}")


def format_headline(state: str, heading: Heading, words: str) -> str:
    """Return `✅ *Install Istio* — words`: the outcome in words as well as by icon."""
    return f"{ICONS[state]} *{escape(heading.title)}* — {WORDS[state]}: {escape(lower_first_word(words))}"


def lower_first_word(words: str) -> str:
    """Return a sentence as it goes on after a colon.

    Its first word is put in lower case, unless that is a name.
    """
    return words[0].lower() + words[1:] if words.split(" ")[0] in ORDINARY else words


def escape_code(text: str) -> str:
    """Return the text escaped so that it can stand between two backticks."""
    return escape(text.replace("`", "ˋ"))


def build_run_footer(heading: Heading) -> Block:
    """Return the context block that says who asked for the run and how long it took."""
    took = f" · {format_duration(heading.seconds)}" if heading.seconds else ""
    again = " · taken up again after a restart" if heading.attempt > 1 else ""
    return context(f"<@{escape(heading.user)}> typed `{escape_code(heading.typed)}`{took}{again}")


def format_part(part: Part) -> str:
    """Return one part of a run as a line: `⏳ istiod 0/1 — ImagePullBackOff: …`."""
    icon = "✅" if part.done else "⏳"
    count = f" {part.ready}/{part.wanted}" if part.wanted else ""
    note = f" — {escape(truncate(part.note, 300))}" if part.note and not part.done else ""
    return f"{icon} `{escape(part.name)}`{count}{note}"


def render_running(heading: Heading, doing: RunProgress) -> Message:
    """Return the message of a run in progress."""
    blocks = [
        build_verdict_block(
            "running", heading.run, format_headline("running", heading, doing.text or "starting")
        )
    ]
    if doing.parts:
        blocks.append(section("\n".join(format_part(part) for part in doing.parts[:MOST_LINES])))
    blocks.append(build_run_footer(heading))
    ready = sum(part.done for part in doing.parts)
    count = f" ({ready} of {len(doing.parts)} ready)" if doing.parts else ""
    return build_message(f"{heading.title}: {doing.text or 'starting'}{count}", blocks)


def render_question(
    heading: Heading, plan: Plan, minutes: float, *, who: str = "a host"
) -> Message:
    """Return the message of a plan that waits for a confirmation by `who`.

    It expires in `minutes`.
    """
    blocks = [
        build_verdict_block("asks", heading.run, format_headline("asks", heading, plan.summary))
    ]
    if plan.items:
        blocks.append(section(format_bullets(plan.items)))
    if plan.warnings:
        blocks.append(
            section("\n".join(f"⚠️ {escape(line)}" for line in plan.warnings[:MOST_LINES]))
        )
    blocks.append(
        {
            "type": "actions",
            "elements": [
                button(plan.confirm, CONFIRM, heading.run, style="danger"),
                button("Cancel", CANCEL, heading.run),
            ],
        }
    )
    blocks.append(
        context(f"Only {escape(who)} can confirm; this expires in {format_duration(minutes * 60)}.")
    )
    blocks.append(build_run_footer(heading))
    return build_message(f"{heading.title}: please confirm. {plan.summary}", blocks)


def render_verdict(heading: Heading, verdict: Verdict, *, command: str) -> Message:
    """Return the message of a run that ended with a verdict."""
    state = verdict.state.value
    blocks = [
        build_verdict_block(state, heading.run, format_headline(state, heading, verdict.summary)),
        *build_verdict_details(verdict, command),
    ]
    blocks.append(build_run_footer(heading))
    why = f" Because: {verdict.because}" if verdict.because else ""
    return build_message(f"{heading.title}: {WORDS[state]}. {verdict.summary}{why}", blocks)


def build_verdict_details(verdict: Verdict, command: str) -> list[Block]:
    """Return the blocks for cause, evidence, notes, links, lines to type and the next step.

    Each is there only when the verdict has it.
    """
    blocks: list[Block] = []
    if verdict.because:
        blocks.append(section(f"*Because* {escape(verdict.because)}"))
    blocks.extend(map(section, format_bullet_texts(verdict.evidence)))
    if verdict.notes:
        blocks.append(section("\n".join(f"⚠️ {escape(note)}" for note in verdict.notes)))
    if verdict.links:
        blocks.append(section("🔗 " + " · ".join(map(format_link, verdict.links))))
    if verdict.lines:
        blocks.append(section("```" + "\n".join(escape(line) for line in verdict.lines) + "```"))
    if verdict.next:
        blocks.extend(build_next_blocks(verdict.next, command))
    return blocks


def image(file: str, alt: str, title: str) -> Block:
    """Return an image block for an uploaded file.

    `alt` and `title` are cut at Slack's 2000 characters.
    """
    return {
        "type": "image",
        "slack_file": {"id": file},
        "alt_text": truncate(alt, 2000),
        "title": {"type": "plain_text", "text": truncate(title, 2000)},
    }


def insert_picture(message: Message, picture: Block) -> Message:
    """Return the message with a picture under its first block."""
    return replace(message, blocks=(*message.blocks[:1], picture, *message.blocks[1:]))


def format_link(link: Link) -> str:
    """Return a link in mrkdwn; only http and https addresses become one."""
    if not link.url.startswith(("http://", "https://")):
        return escape(f"{link.label}: {link.url}")
    url = link.url.replace("|", "%7C").replace(">", "%3E").replace("<", "%3C")
    return f"<{url.replace('&', '&amp;')}|{escape(link.label).replace('|', '¦')}>"


def build_next_blocks(commands: Sequence[str], command: str) -> list[Block]:
    """Return the commands to type next, in words and as buttons; at most five."""
    whole = [f"{command} {c}" for c in commands[:5]]
    words = section("👉 Next: " + " or ".join(f"`{escape_code(c)}`" for c in whole))
    buttons = [button(c, f"{TYPE}:{i}", c) for i, c in enumerate(whole)]
    return [words, {"type": "actions", "elements": buttons}]


def render_failure(
    heading: Heading,
    summary: str,
    *,
    state: str = "error",
    turn: str = "",
    command: str,
    again: str,
) -> Message:
    """Return the message of a run that ended without a verdict.

    It says what happened, who has to act (`turn`), and the command to go on with
    (`again`).
    """
    blocks = [build_verdict_block(state, heading.run, format_headline(state, heading, summary))]
    if turn:
        blocks.append(section(escape(turn)))
    if again:
        blocks.extend(build_next_blocks((again,), command))
    blocks.append(build_run_footer(heading))
    return build_message(f"{heading.title}: {WORDS[state]}. {summary} {turn}".strip(), blocks)


def render_user_error(message: str, hint: str = "") -> Message:
    """Return the answer to a command that was not understood or is not allowed.

    Nothing was changed by it.
    """
    blocks = [build_verdict_block("error", "", f"🤔 {escape(message)}")]
    if hint:
        blocks.append(section(escape(hint)))
    return build_message(f"{message} {hint}".strip(), blocks)


def render_busy(title: str, user: str, seconds: float, link: str) -> Message:
    """Return the answer to a change that is asked for while another one runs."""
    where = f" <{link}|Look there>." if link else ""
    words = f"{escape(title)} is already running, started by <@{escape(user)}> {format_duration(seconds)} ago.{where}"
    blocks = (
        build_verdict_block("error", "", f"✋ {words}"),
        section("Nothing was started. Type it again when that one has ended."),
    )
    return build_message(
        f"{title} is already running, started {format_duration(seconds)} ago. Nothing was started.",
        blocks,
    )


def render_loading() -> Message:
    """Return the content of a modal until the answer is there."""
    return build_message("Looking…", (build_verdict_block("running", "", "⏳ Looking…"),))


def render_run_elsewhere(title: str, channel: str) -> Message:
    """Return the answer to a run that was asked for where its message will not be."""
    words = f"⏳ *{escape(title)}* goes on in <#{escape(channel)}>, in a message of its own."
    return build_message(
        f"{title} goes on in the workshop's channel.", (build_verdict_block("running", "", words),)
    )


def render_role_denial(
    title: str, role: str, needed: str, helpers: Sequence[str], command: str
) -> Message:
    """Return the denial for a caller whose role does not allow a step.

    It says which role the step needs, and who has it.
    """
    words = f"🔒 *{escape(title)}* needs the role {needed}; you are {role}. {describe_role_holders(helpers, needed)}"
    return render_denial(
        words, f"{title} needs the role {needed}; you are {role}. Nothing was changed.", command
    )


def render_denial(words: str, text: str, command: str) -> Message:
    """Return a denial with these words, and the command that explains it."""
    blocks = (
        build_verdict_block("error", "", words),
        section(f"`{escape(command)} whoami` explains. Nothing was changed."),
    )
    return build_message(text, blocks)


def describe_role_holders(helpers: Sequence[str], role: str = "host") -> str:
    """Return a sentence that says who has a role, by ids of users and of user groups."""
    if not helpers:
        return f"No {role} is named yet: whoever runs the bot sets MESHBOT_ROLES__{role.upper()}S."
    return f"{', '.join(map(format_mention, helpers[:5]))} can."


def format_mention(one: str) -> str:
    """Return a mention of a user, or of a user group (ids that begin with S)."""
    return f"<!subteam^{escape(one)}>" if one.startswith("S") else f"<@{escape(one)}>"


def render_answer(title: str, verdict: Verdict, *, command: str) -> Message:
    """Return the verdict of a step that answers only the person who asked."""
    state = verdict.state.value
    icon = ICONS[state] if verdict.state is not State.DONE else "💬"
    blocks = [
        build_verdict_block(state, "", f"{icon} *{escape(title)}* — {escape(verdict.summary)}"),
        *build_verdict_details(verdict, command),
    ]
    return build_message(f"{title}: {verdict.summary}", blocks)
