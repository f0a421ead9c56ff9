"""What is shown, as Block Kit: pure functions from results to messages, within Slack's limits and fully escaped.

The first block of each message carries `block_id` `verdict:STATE…`, so that anything that reads a channel (a test, a
rehearsal) can tell how a command ended without understanding the words.
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

ORDINARY = {"The", "This", "There", "That", "My", "Someone", "Something", "Nobody", "Nothing", "A", "An"}
"""First words of the bot's own sentences that are no names."""

MOST_LINES = 20
PERSON = re.compile("\ue000([UW][A-Z0-9]+)\ue001")
TYPE = "mesh:type"
"""action_id of a button that types its value, a whole command, for whoever presses it."""
CONFIRM = "mesh:confirm"
CANCEL = "mesh:cancel"


@dataclass(frozen=True)
class Heading:
    """What every message of a run starts with; `seconds` is how long it has taken."""

    run: str
    title: str
    user: str
    seconds: float = 0.0
    typed: str = ""
    attempt: int = 1


@dataclass(frozen=True)
class Doing:
    """A run in progress: the newest words and the parts in the order they were first named."""

    text: str = ""
    parts: tuple[Part, ...] = field(default=())


def shown(text: str, blocks: Sequence[Block]) -> Message:
    """A message whose `text` is escaped as well: Slack reads marks in it too."""
    return Message(text=escape(text), blocks=tuple(blocks))


def section(text: str, **more: Any) -> Block:
    """A section of mrkdwn, cut at Slack's 3000 characters."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": truncate(text, 3000)}, **more}


def context(text: str) -> Block:
    """Small print."""
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": truncate(text, 2000)}]}


def button(label: str, action: str, value: str, **more: Any) -> Block:
    """A button; the label is cut at Slack's 75 characters."""
    return {
        "type": "button",
        "action_id": action,
        "text": {"type": "plain_text", "text": truncate(label, 75), "emoji": True},
        "value": value,
        **more,
    }


def bullets(lines: Sequence[str], most: int = MOST_LINES) -> str:
    """Lines with bullets, escaped; what is too many is counted."""
    listed = [f"• {with_people(escape(truncate(line, 500)))}" for line in lines[:most]]
    if len(lines) > most:
        listed.append(f"… and {len(lines) - most} more")
    return "\n".join(listed)


def listed(lines: Sequence[str]) -> list[str]:
    """Lines with bullets in as many texts as they need, at most three; what is too many is counted."""
    room = range(0, min(len(lines), 3 * MOST_LINES), MOST_LINES)
    return [bullets(lines[n:] if n == room[-1] else lines[n : n + MOST_LINES]) for n in room]


def with_people(escaped: str) -> str:
    """The people whom `bot.steps.person` named, as mentions."""
    return PERSON.sub(r"<@\1>", escaped)


def duration(seconds: float) -> str:
    """`8 s`, `1 min 20 s`, `5 min`."""
    minutes, rest = divmod(round(seconds), 60)
    return " ".join(f"{n} {unit}" for n, unit in ((minutes, "min"), (rest, "s")) if n) or "0 s"


def first(state: str, run: str, text: str) -> Block:
    """The block that states how it stands."""
    read_as = SHOWN_AS.get(state, state)
    return section(text, block_id=f"verdict:{read_as}:{run}" if run else f"verdict:{read_as}")


def headline(state: str, heading: Heading, words: str) -> str:
    """`✅ *Install Istio* — words`, with the outcome in words as well as by icon."""
    return f"{ICONS[state]} *{escape(heading.title)}* — {WORDS[state]}: {escape(inside(words))}"


def inside(words: str) -> str:
    """A sentence as it goes on after a colon: its first word small, unless that is a name."""
    return words[0].lower() + words[1:] if words.split(" ")[0] in ORDINARY else words


def code(text: str) -> str:
    """A text that can stand between two backticks."""
    return escape(text.replace("`", "ˋ"))


def small_print(heading: Heading) -> Block:
    """Who asked for what, and how long it took."""
    took = f" · {duration(heading.seconds)}" if heading.seconds else ""
    again = " · taken up again after a restart" if heading.attempt > 1 else ""
    return context(f"<@{escape(heading.user)}> typed `{code(heading.typed)}`{took}{again}")


def part_line(part: Part) -> str:
    """`⏳ istiod 0/1 — ImagePullBackOff: …`."""
    icon = "✅" if part.done else "⏳"
    count = f" {part.ready}/{part.wanted}" if part.wanted else ""
    note = f" — {escape(truncate(part.note, 300))}" if part.note and not part.done else ""
    return f"{icon} `{escape(part.name)}`{count}{note}"


def running(heading: Heading, doing: Doing) -> Message:
    """A run in progress."""
    blocks = [first("running", heading.run, headline("running", heading, doing.text or "starting"))]
    if doing.parts:
        blocks.append(section("\n".join(part_line(part) for part in doing.parts[:MOST_LINES])))
    blocks.append(small_print(heading))
    ready = sum(part.done for part in doing.parts)
    count = f" ({ready} of {len(doing.parts)} ready)" if doing.parts else ""
    return shown(f"{heading.title}: {doing.text or 'starting'}{count}", blocks)


def asks(heading: Heading, plan: Plan, minutes: float, *, who: str = "a host") -> Message:
    """A plan that waits for a confirmation by `who`."""
    blocks = [first("asks", heading.run, headline("asks", heading, plan.summary))]
    if plan.items:
        blocks.append(section(bullets(plan.items)))
    if plan.warnings:
        blocks.append(section("\n".join(f"⚠️ {escape(line)}" for line in plan.warnings[:MOST_LINES])))
    blocks.append(
        {
            "type": "actions",
            "elements": [
                button(plan.confirm, CONFIRM, heading.run, style="danger"),
                button("Cancel", CANCEL, heading.run),
            ],
        }
    )
    blocks.append(context(f"Only {escape(who)} can confirm; this expires in {duration(minutes * 60)}."))
    blocks.append(small_print(heading))
    return shown(f"{heading.title}: please confirm. {plan.summary}", blocks)


def ended(heading: Heading, verdict: Verdict, *, command: str) -> Message:
    """The verdict of a run."""
    state = verdict.state.value
    blocks = [first(state, heading.run, headline(state, heading, verdict.summary)), *verdict_blocks(verdict, command)]
    blocks.append(small_print(heading))
    why = f" Because: {verdict.because}" if verdict.because else ""
    return shown(f"{heading.title}: {WORDS[state]}. {verdict.summary}{why}", blocks)


def verdict_blocks(verdict: Verdict, command: str) -> list[Block]:
    """Cause, evidence, links, lines to type and the next step, each where there is one."""
    blocks: list[Block] = []
    if verdict.because:
        blocks.append(section(f"*Because* {escape(verdict.because)}"))
    blocks.extend(map(section, listed(verdict.evidence)))
    if verdict.notes:
        blocks.append(section("\n".join(f"⚠️ {escape(note)}" for note in verdict.notes)))
    if verdict.links:
        blocks.append(section("🔗 " + " · ".join(map(linked, verdict.links))))
    if verdict.lines:
        blocks.append(section("```" + "\n".join(escape(line) for line in verdict.lines) + "```"))
    if verdict.next:
        blocks.extend(next_blocks(verdict.next, command))
    return blocks


def image(file: str, alt: str, title: str) -> Block:
    """A picture out of an uploaded file; the words beside it are cut at Slack's 2000 characters."""
    return {
        "type": "image",
        "slack_file": {"id": file},
        "alt_text": truncate(alt, 2000),
        "title": {"type": "plain_text", "text": truncate(title, 2000)},
    }


def illustrated(message: Message, picture: Block) -> Message:
    """The message with a picture under its first block."""
    return replace(message, blocks=(*message.blocks[:1], picture, *message.blocks[1:]))


def linked(link: Link) -> str:
    """A link in mrkdwn; only http and https addresses become one."""
    if not link.url.startswith(("http://", "https://")):
        return escape(f"{link.label}: {link.url}")
    url = link.url.replace("|", "%7C").replace(">", "%3E").replace("<", "%3C")
    return f"<{url.replace('&', '&amp;')}|{escape(link.label).replace('|', '¦')}>"


def next_blocks(commands: Sequence[str], command: str) -> list[Block]:
    """What to type next, in words and as buttons."""
    whole = [f"{command} {c}" for c in commands[:5]]
    words = section("👉 Next: " + " or ".join(f"`{code(c)}`" for c in whole))
    buttons = [button(c, f"{TYPE}:{i}", c) for i, c in enumerate(whole)]
    return [words, {"type": "actions", "elements": buttons}]


def failed(
    heading: Heading, summary: str, *, state: str = "error", turn: str = "", command: str, again: str
) -> Message:
    """A run that ended without a verdict: what happened, whose turn it is, and the command to go on with."""
    blocks = [first(state, heading.run, headline(state, heading, summary))]
    if turn:
        blocks.append(section(escape(turn)))
    if again:
        blocks.extend(next_blocks((again,), command))
    blocks.append(small_print(heading))
    return shown(f"{heading.title}: {WORDS[state]}. {summary} {turn}".strip(), blocks)


def mistake(message: str, hint: str = "") -> Message:
    """The answer to something that could not be understood or is not allowed; nothing was changed."""
    blocks = [first("error", "", f"🤔 {escape(message)}")]
    if hint:
        blocks.append(section(escape(hint)))
    return shown(f"{message} {hint}".strip(), blocks)


def busy(title: str, user: str, seconds: float, link: str) -> Message:
    """The answer to a change that is asked for while another one runs."""
    where = f" <{link}|Look there>." if link else ""
    words = f"{escape(title)} is already running, started by <@{escape(user)}> {duration(seconds)} ago.{where}"
    blocks = (first("error", "", f"✋ {words}"), section("Nothing was started. Type it again when that one has ended."))
    return shown(f"{title} is already running, started {duration(seconds)} ago. Nothing was started.", blocks)


def loading() -> Message:
    """What stands in a modal until the answer is there."""
    return shown("Looking…", (first("running", "", "⏳ Looking…"),))


def elsewhere(title: str, channel: str) -> Message:
    """The answer to a run that was asked for where its message will not be."""
    words = f"⏳ *{escape(title)}* goes on in <#{escape(channel)}>, in a message of its own."
    return shown(f"{title} goes on in the workshop's channel.", (first("running", "", words),))


def denied(title: str, role: str, needed: str, helpers: Sequence[str], command: str) -> Message:
    """The answer to someone whose role does not allow a step: which role it needs, and who has it."""
    words = f"🔒 *{escape(title)}* needs the role {needed}; you are {role}. {who_can(helpers, needed)}"
    return locked(words, f"{title} needs the role {needed}; you are {role}. Nothing was changed.", command)


def locked(words: str, text: str, command: str) -> Message:
    """A denial, and where it is explained."""
    blocks = (first("error", "", words), section(f"`{escape(command)} whoami` explains. Nothing was changed."))
    return shown(text, blocks)


def who_can(helpers: Sequence[str], role: str = "host") -> str:
    """Who has a role, by ids of users and of user groups."""
    if not helpers:
        return f"No {role} is named yet: whoever runs the bot sets MESHBOT_ROLES__{role.upper()}S."
    return f"{', '.join(map(mention, helpers[:5]))} can."


def mention(one: str) -> str:
    """A user, or the members of a user group (ids that begin with S)."""
    return f"<!subteam^{escape(one)}>" if one.startswith("S") else f"<@{escape(one)}>"


def answer(title: str, verdict: Verdict, *, command: str) -> Message:
    """The verdict of a step that answers only the one who asked."""
    state = verdict.state.value
    icon = ICONS[state] if verdict.state is not State.DONE else "💬"
    blocks = [
        first(state, "", f"{icon} *{escape(title)}* — {escape(verdict.summary)}"),
        *verdict_blocks(verdict, command),
    ]
    return shown(f"{title}: {verdict.summary}", blocks)
