"""Blocks, buttons and lines of which messages are made: escaped, within Slack's limits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from bot.language.localizer import Localizer
from bot.messages import Message
from bot.slackrules import escape, truncate
from bot.steps import Link
from bot.text import PERSON_MARKS, Text, counted, show_hidden

Block = dict[str, Any]

SHOWN_AS = {"cancelled": "normal", "interrupted": "error", "expired": "error"}
"""States of a run that read as another kind of ending for whoever follows the channel."""

MOST_LINES = 20
SUBORDINATE = "◦"
"""Begins a line that belongs to the one above it."""
LONGEST_LABEL = 75
"""Characters of a button's label (Slack's limit)."""
LONGEST_LINE = 500
LONGEST_TEXT = 2900
"""Characters of lines in one section, which takes 3000 (Slack's limit), with room for a count."""
ROOM_FOR_LINES = 6000
"""Characters of lines in a message that says more than these."""
PERSON = re.compile("{}([UW][A-Z0-9]+){}".format(*PERSON_MARKS))


def build_message(text: str, blocks: Sequence[Block], details: Sequence[Block] = ()) -> Message:
    """Return a message with these blocks and details, and with `text` escaped.

    Slack reads marks in `text` too; people marked in it become mentions there as well, for a
    notification shows their names.
    """
    return Message(mention_people(escape(text)), tuple(blocks), tuple(details))


def section(text: str, **more: Any) -> Block:
    """Return a section block of mrkdwn, cut at Slack's 3000 characters."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": truncate(text, 3000)}, **more}


def context(text: str) -> Block:
    """Return a context block (small print) of mrkdwn, cut at 2000 characters."""
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": truncate(text, 2000)}]}


def header(text: str) -> Block:
    """Return a header block, cut at Slack's 150 characters."""
    return {"type": "header", "text": {"type": "plain_text", "text": truncate(text, 150)}}


def actions(*elements: Block) -> Block:
    """Return a block of buttons."""
    return {"type": "actions", "elements": list(elements)}


def button(label: str, action: str, value: str, **more: Any) -> Block:
    """Return a button element; the label is cut at LONGEST_LABEL characters."""
    return {
        "type": "button",
        "action_id": action,
        "text": {"type": "plain_text", "text": truncate(label, LONGEST_LABEL), "emoji": True},
        "value": value,
        **more,
    }


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


def build_verdict_block(state: str, run: str, text: str) -> Block:
    """Return the first block of a message, whose block_id states the run's state."""
    read_as = SHOWN_AS.get(state, state)
    return section(text, block_id=f"verdict:{read_as}:{run}" if run else f"verdict:{read_as}")


def write(say: Localizer, text: Text) -> str:
    """Return a text in mrkdwn: escaped, with marked people as mentions."""
    return mention_people(escape(say(text)))


def mention_people(escaped: str) -> str:
    """Return the text with people whom `bot.steps.mark_person` marked turned into mentions."""
    return PERSON.sub(r"<@\1>", escaped)


def mention_user(user: str) -> str:
    """Return a mention of a user by id."""
    return f"<@{escape(user)}>"


def mention_channel(channel: str) -> str:
    """Return a link to a channel by id."""
    return f"<#{escape(channel)}>"


def escape_code(text: str) -> str:
    """Return the text escaped so that it can stand between two backticks, in one line."""
    return escape(show_hidden(text).replace("`", "ˋ"))


def format_bullets(say: Localizer, lines: Sequence[Text], most: int = MOST_LINES) -> str:
    """Return the lines with bullets, escaped; lines beyond `most` are only counted."""
    listed = [format_bullet(say, line) for line in lines[:most]]
    if rest := len(lines[most:]):
        listed.append(count_rest(say, rest))
    return "\n".join(listed)


def format_bullet(say: Localizer, line: Text) -> str:
    """Return a line of a list, escaped and cut at LONGEST_LINE characters."""
    said = say(line)
    text = truncate(strip_depth(said), LONGEST_LINE)
    return f"{choose_bullet(said)}{mention_people(escape(text))}"


def count_rest(say: Localizer, rest: int) -> str:
    """Return a line that says how many lines are not shown."""
    return say(counted("… and {n} more", "… and {n} more", n=rest))


def choose_bullet(line: str) -> str:
    """Return what stands before a line of a list: a bullet, or room before a line that belongs to
    the one above it; the more marks it begins with, the more room.
    """
    depth = len(line) - len(line.lstrip(SUBORDINATE))
    return " " * (6 + 4 * (depth - 1)) if depth else "• "


def strip_depth(line: str) -> str:
    """Return a line with one mark of those that it begins with."""
    rest = line.lstrip(SUBORDINATE)
    return rest if rest == line else f"{SUBORDINATE}{rest}"


def format_bullet_texts(
    say: Localizer, lines: Sequence[Text], room: int = ROOM_FOR_LINES
) -> list[str]:
    """Return the lines with bullets in as many texts as they need, each for a section.

    At most 3 * MOST_LINES lines and about `room` characters; what does not fit is only counted, in
    the last text.
    """
    texts, shown = list[list[str]]([[]]), 0
    for line in map(partial(format_bullet, say), lines[: 3 * MOST_LINES]):
        room -= len(line) + 1
        if room < 0 and shown:
            break
        full = sum(len(each) + 1 for each in texts[-1]) + len(line) > LONGEST_TEXT
        if full or len(texts[-1]) == MOST_LINES:
            texts.append([])
        texts[-1].append(line)
        shown += 1
    if rest := len(lines) - shown:
        texts[-1].append(count_rest(say, rest))
    return ["\n".join(each) for each in texts if each]


def split_lines(say: Localizer, lines: Sequence[Text]) -> list[list[Text]]:
    """Return the lines in as many parts as each fit into a message of their own."""
    parts, room = list[list[Text]](), 0
    for line in lines:
        length = len(format_bullet(say, line)) + 1
        if not parts or length > room or len(parts[-1]) == 3 * MOST_LINES:
            parts.append([])
            room = ROOM_FOR_LINES
        parts[-1].append(line)
        room -= length
    return parts


def format_warnings(say: Localizer, lines: Iterable[Text]) -> str:
    """Return the lines with a warning sign each."""
    return "\n".join(f"⚠️ {write(say, line)}" for line in lines)


def format_code_lines(lines: Iterable[str]) -> str:
    """Return the lines in a code block."""
    return "```" + "\n".join(map(escape_code, lines)) + "```"


def format_links(say: Localizer, links: Iterable[Link]) -> str:
    """Return a line with all links."""
    return "🔗 " + " · ".join(format_link(say, link) for link in links)


def format_link(say: Localizer, link: Link) -> str:
    """Return a link in mrkdwn; only http and https addresses become one."""
    label = escape(say(link.label))
    if not link.url.startswith(("http://", "https://")):
        return f"{label}: {escape(link.url)}"
    url = link.url.replace("|", "%7C").replace(">", "%3E").replace("<", "%3C")
    return f"<{url.replace('&', '&amp;')}|{label.replace('|', '¦')}>"


def format_slack_date(at: int, time_form: str, fallback: str) -> str:
    """Return a moment as Slack shows it in the reader's own time; `fallback` where it cannot."""
    return f"<!date^{at}^{{date_short_pretty}} {{{time_form}}}|{fallback.replace('|', '/')}>"
