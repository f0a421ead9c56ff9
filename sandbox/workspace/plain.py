"""Messages as plain lines, for transcripts and the terminal, block by block."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sandbox.workspace.emoji import replace_emoji_names
from sandbox.workspace.mrkdwn import Names, mrkdwn_to_text
from sandbox.workspace.state import Message, State

Json = dict[str, Any]
VERDICT = "verdict:"
RULE = "─" * 24


def map_display_names(state: State) -> dict[str, str]:
    """Return the display names of users, channels and groups by their ids."""
    names = {user.id: user.name for user in state.users.values()}
    names |= {channel.id: channel.name for channel in state.channels.values()}
    return names | {group.id: group.handle for group in state.groups.values()}


def read_verdict_state(message: Message) -> str:
    """Return the state in the first block's id (`verdict:STATE…`), or "".

    STATE is running, asks, done, not_yet, normal or error.
    """
    first = str(message.blocks[0].get("block_id", "")) if message.blocks else ""
    return first.removeprefix(VERDICT).split(":")[0] if first.startswith(VERDICT) else ""


def render_message_lines(message: Message, names: Names) -> list[str]:
    """Return a message's lines: its blocks, or its text when it has none; then its files."""
    if message.blocks:
        lines = [line for block in message.blocks for line in render_block_lines(block, names)]
    else:
        lines = mrkdwn_to_text(message.text, names).split("\n")
    lines += [
        f"(file {file['name']}: {file['alt_txt'] or file['title']})" for file in message.files
    ]
    return lines


def render_block_lines(block: Json, names: Names) -> list[str]:
    """Return one block's lines; an unknown block shows its JSON."""
    render = _RENDER.get(block.get("type", ""), _render_unknown)
    return render(block, names)


def render_element_label(element: Json) -> str:
    """Return a button or input as text: [Confirm], [Pick one ▾], [________]."""
    kind, text = (
        element.get("type", ""),
        _render_text(element.get("text") or element.get("placeholder"), {}),
    )
    if kind == "button":
        return f"[{text}]"
    return (
        f"[{text or '…'} ▾]"
        if "select" in kind or kind == "overflow"
        else f"[{text or '________'}]"
    )


def align_table_rows(rows: list[list[str]]) -> list[str]:
    """Return rows as lines with columns of equal width."""
    width = max((len(row) for row in rows), default=0)
    padded = [row + [""] * (width - len(row)) for row in rows]
    sizes = [max(len(row[column]) for row in padded) for column in range(width)]
    return [
        "  ".join(cell.ljust(size) for cell, size in zip(row, sizes, strict=True)).rstrip()
        for row in padded
    ]


def render_cell_text(cell: Json, names: Names) -> str:
    """Return the text of a table's cell."""
    if cell.get("type") == "rich_text":
        return rich_text_to_plain(cell, names)
    return str(cell.get("text", cell.get("value", "")))


def rich_text_to_plain(node: Json, names: Names) -> str:
    """Return rich text without its styles."""
    kind = node.get("type")
    if "elements" in node:
        separator = "\n" if kind in ("rich_text", "rich_text_list") else ""
        return separator.join(rich_text_to_plain(child, names) for child in node["elements"])
    if kind == "link":
        return str(node.get("text") or node.get("url", ""))
    if kind == "emoji":
        return replace_emoji_names(f":{node.get('name', '')}:")
    for prefix, key in (
        ("@", "user_id"),
        ("#", "channel_id"),
        ("@", "usergroup_id"),
        ("@", "range"),
    ):
        if key in node:
            return prefix + names.get(str(node[key]), str(node[key]))
    return str(node.get("text", ""))


def _render_text(value: Any, names: Names) -> str:
    if not isinstance(value, dict):
        return str(value or "")
    text = str(value.get("text", ""))
    return (
        mrkdwn_to_text(text, names) if value.get("type") == "mrkdwn" else replace_emoji_names(text)
    )


def _render_section(block: Json, names: Names) -> list[str]:
    lines = _render_text(block.get("text"), names).split("\n") if "text" in block else []
    for field in block.get("fields", []):
        lines += _render_text(field, names).split("\n")
    accessory = block.get("accessory")
    if accessory and accessory.get("type") != "image":
        lines.append(render_element_label(accessory))
    return lines


def _render_header(block: Json, names: Names) -> list[str]:
    return [_render_text(block["text"], names)]


def _render_context(block: Json, names: Names) -> list[str]:
    texts = [
        element.get("alt_text") or _render_text(element, names) for element in block["elements"]
    ]
    return "  ".join(texts).split("\n")


def _render_actions(block: Json, names: Names) -> list[str]:
    return [" ".join(render_element_label(element) for element in block.get("elements", []))]


def _render_image(block: Json, names: Names) -> list[str]:
    return [f"(picture: {_render_text(block.get('title'), names) or block.get('alt_text', '')})"]


def _render_input(block: Json, names: Names) -> list[str]:
    return [f"{_render_text(block['label'], names)}: {render_element_label(block['element'])}"]


def _render_markdown(block: Json, names: Names) -> list[str]:
    return str(block["text"]).split("\n")


def _render_rich_text(block: Json, names: Names) -> list[str]:
    return rich_text_to_plain(block, names).split("\n")


def _render_table(block: Json, names: Names) -> list[str]:
    rows = [[render_cell_text(cell, names) for cell in row] for row in block["rows"]]
    return ([block["caption"]] if "caption" in block else []) + align_table_rows(rows)


def _render_chart(block: Json, names: Names) -> list[str]:
    chart = block["chart"]
    lines = [f"{segment['label']}: {segment.get('value')}" for segment in chart.get("segments", [])]
    for series in chart.get("series", []):
        points = ", ".join(f"{point['label']} {point.get('value')}" for point in series["data"])
        lines.append(f"{series['name']}: {points}")
    return [block["title"], *lines]


def _render_card(block: Json, names: Names) -> list[str]:
    return [
        _render_text(block[key], names)
        for key in ("title", "subtitle", "body", "text")
        if key in block
    ]


def _render_unknown(block: Json, names: Names) -> list[str]:
    return [f"[{block.get('type')}] {json.dumps(block)}"]


_RENDER: dict[str, Callable[[Json, Names], list[str]]] = {
    "actions": _render_actions,
    "alert": _render_card,
    "card": _render_card,
    "context": _render_context,
    "data_table": _render_table,
    "data_visualization": _render_chart,
    "divider": lambda block, names: [RULE],
    "header": _render_header,
    "image": _render_image,
    "input": _render_input,
    "markdown": _render_markdown,
    "rich_text": _render_rich_text,
    "section": _render_section,
    "table": _render_table,
}
